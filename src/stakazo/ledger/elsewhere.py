"""The outlets that ship: a folder, an object store, a webhook. Each gets the newest checkpoint of each workspace.

STAKAZO_LEDGER_STORE     /mnt/elsewhere, s3://bucket/prefix, gs://..., az://..., memory:///
STAKAZO_LEDGER_WEBHOOK   https://witness.example/checkpoints
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from stakazo.core import outside
from stakazo.core.addresses import Allowed
from stakazo.core.errors import Unavailable
from stakazo.core.settings import Settings
from stakazo.ledger.outlets import Outlet, sync_folder


def of(settings: Settings) -> list[Outlet]:
    """Those that the settings name. Raises Unavailable for one that can't work here."""
    found: list[Outlet] = []
    if settings.ledger_store is not None:
        found.append(
            ObjectStore.open(settings.ledger_store)
            if "://" in settings.ledger_store
            else Folder(Path(settings.ledger_store))
        )
    if settings.ledger_webhook is not None:
        found.append(Webhook(settings.ledger_webhook, Allowed.of(settings.allowed_networks)))
    return found


def key(workspace_id: UUID, size: int) -> str:
    """What a checkpoint is called in a store; in the order of their sizes."""
    return f"{workspace_id}/{size:012}.checkpoint"


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder, best one that another machine keeps: one file for each checkpoint, never written twice."""

    folder: Path
    name: str = "folder"

    async def hand_out(self, workspace_id: UUID, size: int, note: str) -> None:
        await asyncio.to_thread(self._write, self.folder / key(workspace_id, size), note)

    def _write(self, path: Path, note: str) -> None:
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_name(f".{path.name}.{os.getpid()}")
        with half.open("w", encoding="utf-8") as out:
            out.write(note)
            out.flush()
            os.fsync(out.fileno())
        half.replace(path)
        sync_folder(path.parent)


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """A bucket, best one whose objects can't be removed (object lock); needs `stakazo[object-storage]`."""

    store: Any
    """obstore's; its keys and region come from the environment, as that of every other program."""
    name: str = "object store"

    @classmethod
    def open(cls, url: str) -> ObjectStore:
        try:
            from obstore.store import from_url  # noqa: PLC0415 (an extra)
        except ImportError as error:
            raise Unavailable("STAKAZO_LEDGER_STORE needs `pip install stakazo[object-storage]`.") from error
        return cls(from_url(url))

    async def hand_out(self, workspace_id: UUID, size: int, note: str) -> None:
        import obstore  # noqa: PLC0415
        from obstore.exceptions import AlreadyExistsError  # noqa: PLC0415

        try:
            await obstore.put_async(self.store, key(workspace_id, size), note.encode(), mode="create")
        except AlreadyExistsError:
            return


@dataclass(frozen=True, slots=True)
class Webhook:
    """Whoever takes a POST of the signed note: a witness, a log of yours. Public addresses, and what is allowed."""

    url: str
    allowed: Allowed
    name: str = "webhook"

    async def hand_out(self, workspace_id: UUID, size: int, note: str) -> None:
        headers = {"Content-Type": "text/plain; charset=utf-8", "Stakazo-Ledger": f"{workspace_id} {size}"}
        async with outside.client(self.allowed) as http:
            answer = await outside.send(http, "POST", self.url, headers=headers, content=note.encode())
        if not 200 <= answer.status < 300:
            raise Unavailable(f"the webhook answered {answer.status}")
