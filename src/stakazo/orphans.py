"""Files with a key that no row names: what a process was about to say when it was killed, or had said no more.

Every file gets its key before the row that names it commits, and loses it after the row is gone. So what is named by
nobody, and was by nobody a good while ago, is litter. The while is measured by this process itself: a clock that jumps
makes nothing old.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from uuid import UUID

import structlog
from sqlalchemy import or_, select
from sqlalchemy.orm import InstrumentedAttribute

from stakazo.clips.models import Clip
from stakazo.core.actor import Actor
from stakazo.core.db import Database
from stakazo.core.storage import DiskStorage
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

    def __init__(self, db: Database, storage: DiskStorage, patience: float = PATIENCE) -> None:
        self.db, self.storage, self.patience = db, storage, patience
        self._since: dict[tuple[str, int], float] = {}
        """By key and time of the last change: when it was first seen unnamed, on this process's own clock."""

    async def remove(self) -> list[str]:
        """Look once; the keys of the files that were removed."""
        now, still, removed = time.monotonic(), dict[tuple[str, int], float](), list[str]()
        for workspace_id in self.storage.workspaces():
            for kind, columns in NAMED.items():
                files = await asyncio.to_thread(self.storage.list, f"{workspace_id}/{kind}")
                for batch in _batches(list(files)):
                    for key in set(batch) - await self._named(workspace_id, columns, batch):
                        seen = still[key, files[key]] = self._since.get((key, files[key]), now)
                        if now - seen >= self.patience and self._is_the_same(key, files[key]):
                            self.storage.delete(key)
                            removed.append(key)
        self._since = still
        if removed:
            log.warning("orphans_removed", count=len(removed), keys=removed[:20])
        return removed

    async def _named(self, workspace_id: UUID, columns: Columns, keys: list[str]) -> set[str]:
        async with self.db.transaction(Actor(workspace_id, "system", "orphans")) as session:
            found = await session.execute(select(*columns).where(or_(*(column.in_(keys) for column in columns))))
            return {key for row in found for key in row if key is not None}

    def _is_the_same(self, key: str, changed: int) -> bool:
        path: Path = self.storage.path(key)
        return path.exists() and path.stat().st_mtime_ns == changed


def _batches(keys: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(keys), BATCH):
        yield keys[start : start + BATCH]
