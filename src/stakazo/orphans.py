"""Files with a key that no row names: what a process was about to say when it was killed, or had said no more.

Every file gets its key before the row that names it commits, and loses it after the row is gone. So what is named by
nobody, and was by nobody a good while ago, is litter. The while is measured by this process itself: a clock that jumps
makes nothing old.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from uuid import UUID

import structlog
from sqlalchemy import Executable, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from stakazo.clips.models import Clip
from stakazo.core.actor import Actor
from stakazo.core.db import Database
from stakazo.core.errors import FileMissing
from stakazo.core.storage import Storage, Stored
from stakazo.core.workspaces import Workspace
from stakazo.variants.models import ClipVariant
from stakazo.videos.models import VideoAsset

PATIENCE = 3600.0
"""Seconds for which nobody names a file before it is removed; far longer than between a file's key and its row."""
BATCH = 500

Columns = tuple[InstrumentedAttribute[str] | InstrumentedAttribute[str | None], ...]

NAMED: Mapping[str, Columns] = {
    "videos": (VideoAsset.storage_key,),
    "analyses": (VideoAsset.analysis_key,),
    "thumbnails": (Clip.thumbnail_key, Clip.filmstrip_key),
    "variants": (ClipVariant.storage_key,),
}
"""By kind of file: the columns that name one. What is of no such kind is left alone."""

log = structlog.get_logger(__name__)


class Orphans:
    """What was seen unnamed, and since when."""

    def __init__(self, db: Database, storage: Storage, patience: float = PATIENCE) -> None:
        self.db, self.storage, self.patience = db, storage, patience
        self._since: dict[tuple[str, int], float] = {}
        """By key and time of the last change: when it was first seen unnamed, on this process's own clock."""

    async def remove(self) -> list[str]:
        """Look once; the keys of the files that were removed."""
        # A look that fails forgets what was seen: who has waited for the database may be about to name it.
        now, before, self._since = time.monotonic(), self._since, {}
        found = await unnamed(self.db, self.storage)
        seen = {one: before.get(one, now) for one in ((key, file.changed) for key, file in found.items())}
        removed = []
        for (key, changed), since in seen.items():
            old = now - since >= self.patience and await self._is_the_same(key, changed)
            if old and await self.storage.delete(key):
                removed.append(key)
        self._since = seen
        if removed:
            log.warning("orphans_removed", count=len(removed), keys=removed[:20])
        return removed

    async def _is_the_same(self, key: str, changed: int) -> bool:
        with suppress(FileMissing):
            return (await self.storage.stored(key)).changed == changed
        return False


async def unnamed(db: Database, storage: Storage) -> dict[str, Stored]:
    """The files that no row names, by their keys."""
    found: dict[str, Stored] = {}
    for workspace_id in await storage.workspaces():
        for kind, columns in NAMED.items():
            files = await storage.list(f"{workspace_id}/{kind}")
            for batch in _batches(list(files)):
                named = or_(*(column.in_(batch) for column in columns))
                for key in set(batch) - await _keys(db, workspace_id, select(*columns).where(named)):
                    found[key] = files[key]
    return found


async def missing(db: Database, storage: Storage) -> list[str]:
    """The keys that rows name and of which there is no file here."""
    async with db.system_transaction() as session:
        workspaces = list(await session.scalars(select(Workspace.id).order_by(Workspace.id)))
    lost: list[str] = []
    for workspace_id in workspaces:
        for kind, columns in NAMED.items():
            files = await storage.list(f"{workspace_id}/{kind}")
            lost += sorted(await _keys(db, workspace_id, select(*columns)) - files.keys())
    return lost


async def _keys(db: Database, workspace_id: UUID, wanted: Executable) -> set[str]:
    async with db.transaction(Actor(workspace_id, "system", "orphans")) as session:
        return {key for row in await session.execute(wanted) for key in row if key is not None}


def _batches(keys: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(keys), BATCH):
        yield keys[start : start + BATCH]
