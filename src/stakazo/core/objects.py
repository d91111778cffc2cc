"""Finished files in an object store: S3 and what is compatible with it, Google Cloud Storage, Azure.

    <prefix>/<workspace id>/<kind>/<name>     what has a key
    <prefix>/holds/<id>                       a backup is at work: nothing is deleted while one is younger than a day

Work in progress and copies lie on this machine's own disk. Everything is flat in memory: files go up in parts, and come
down in ranges.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog

from stakazo.core.actor import new_id
from stakazo.core.copies import Copies
from stakazo.core.errors import FileMissing, StorageAway, Unavailable
from stakazo.core.redaction import hide
from stakazo.core.settings import Settings
from stakazo.core.storage import Hold, Storage, Stored, checked, ids
from stakazo.core.workplace import STALE_AFTER, enough_space

try:
    import obstore
    from obstore.exceptions import BaseError, PermissionDeniedError, PreconditionError, UnauthenticatedError
    from obstore.store import from_url
except ImportError as missing:
    raise Unavailable("STAKAZO_STORAGE_URL needs `pip install stakazo[object-storage]`.") from missing
if TYPE_CHECKING:
    from obstore import GetOptions, ObjectMeta
    from obstore.store import ObjectStore

PIECE = 4 * 1024 * 1024
"""Bytes that come down at once."""
PART = 8 * 1024 * 1024
"""Bytes of a part that goes up; more where a file would have too many."""
PARTS = 9_000
"""Of a file at most: the stores take 10,000."""
AT_ONCE = 4
"""Parts that go up at the same time, and are in memory."""
HELD_FOR = timedelta(days=1)
"""After which a hold counts no more: its backup was killed."""
RENEWED = 3600.0
"""Seconds after which a hold is made younger."""
HOLDS = "holds"
ADVICE = "See STAKAZO_STORAGE_URL and its credentials; `stakazo doctor` tries it."
_ASKING = {"timeout": "60s", "connect_timeout": "5s"}
"""Of one request, from its first byte to its last."""
_SENDING = _ASKING | {"timeout": "15min"}
"""Parts share an uplink that may be slow: 300 kbit/s are enough."""
_RETRY: Mapping[str, Any] = {
    "max_retries": 4,
    "retry_timeout": timedelta(seconds=20),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=5), "base": 3},
}
"""A hiccup is not told to anybody."""

log = structlog.get_logger(__name__)


class ObjectStorage(Storage):
    """Files in an object store, with this machine's own disk for what isn't done and for copies."""

    def __init__(
        self, root: Path, stores: tuple[ObjectStore, ObjectStore], where: str, copies: Copies, reserve: int
    ) -> None:
        super().__init__(root)
        self.where = where
        self._store, self._sending = stores
        self._copies, self._reserve = copies, reserve

    @classmethod
    def of(cls, settings: Settings) -> ObjectStorage:
        """What STAKAZO_STORAGE_URL names. Raises Unavailable where it names nothing."""
        url, endpoint = str(settings.storage_url), settings.storage_endpoint
        options = {"allow_http": True} if endpoint and endpoint.startswith("http://") else {}
        try:
            asking, sending = (
                from_url(
                    url,
                    config={"endpoint": endpoint} if endpoint else None,  # type: ignore[call-overload]
                    client_options=client | options,
                    retry_config=_RETRY,
                )
                for client in (_ASKING, _SENDING)
            )
        except (BaseError, ValueError) as error:
            raise Unavailable(f"STAKAZO_STORAGE_URL is {url}, which can't be used: {_first(error)}") from None
        root = settings.storage_dir
        copies = Copies(root / "copies", settings.storage_copies_bytes)
        return cls(root, (asking, sending), url.rstrip("/"), copies, settings.min_free_bytes)

    async def adopt(self, temporary: Path, key: str, *, keep: bool = False) -> None:
        size = (await asyncio.to_thread(temporary.stat)).st_size
        part = max(PART, -(-size // PARTS))
        with _told(self.where):
            done = await obstore.put_async(
                self._sending, checked(key), temporary, chunk_size=part, max_concurrency=AT_ONCE
            )
        copy = self._copies.path(key, _tag(done["e_tag"], size))
        with enough_space():
            await asyncio.to_thread(self._copies.adopt, temporary, copy, keep=keep)
        await asyncio.to_thread(self._make_room)

    async def stored(self, key: str) -> Object:
        with _told(self.where, key):
            return Object(self._store, self.where, await obstore.head_async(self._store, checked(key)))

    @contextlib.asynccontextmanager
    async def fetched(self, key: str) -> AsyncIterator[Path]:
        found = await self.stored(key)
        copy = self._copies.path(key, found.tag)
        handle = await asyncio.to_thread(self._copies.use, copy, found.size)
        while handle is None:
            handle = await self._fetch(found, copy) or await asyncio.to_thread(self._copies.use, copy, found.size)
        try:
            yield copy
        finally:
            os.close(handle)
            await asyncio.shield(asyncio.to_thread(self._make_room))

    async def _fetch(self, found: Object, copy: Path) -> int | None:
        """Make the copy and use it, or wait a moment for who is making it."""
        with enough_space(), self._copies.making(copy) as out:
            if out is None:
                await asyncio.sleep(0.1)
                return None
            await asyncio.to_thread(self._make_room, found.size)
            async for piece in found.read(0, found.size):
                await asyncio.to_thread(out.write, piece)
            return await asyncio.to_thread(self._copies.made, out, copy)

    def _make_room(self, coming: int = 0) -> None:
        """Keep the copies within their bounds, and off the disk's last bytes."""
        self._copies.make_room(coming, coming + self._reserve - self.free_bytes())

    def require_room(self, coming: int, reserve: int) -> None:
        lacking = coming + reserve - self.free_bytes()
        if lacking > 0:
            self._copies.make_room(0, lacking)
        super().require_room(coming, reserve)

    def sweep(self, older_than: float = STALE_AFTER) -> int:
        return super().sweep(older_than) + self._copies.make_room(0)

    async def delete(self, *keys: str) -> bool:
        return await self._delete([checked(key) for key in keys])

    async def delete_workspace(self, workspace_id: UUID) -> None:
        await self._delete([*await self.list(str(workspace_id))])

    async def _delete(self, keys: Sequence[str]) -> bool:
        if not keys:
            return True
        await asyncio.to_thread(self._copies.forget, keys)
        with _told(self.where):
            if await self._is_held():
                log.info("files_held", count=len(keys))
                return False
            try:
                await obstore.delete_async(self._store, keys)
            except FileNotFoundError:  # not all of them say so; who does leaves the rest
                for key in keys:
                    with contextlib.suppress(FileNotFoundError):
                        await obstore.delete_async(self._store, key)
        return True

    async def _is_held(self) -> bool:
        limit = datetime.now(UTC) - HELD_FOR
        holds = await obstore.list(self._store, HOLDS).collect_async()
        return any(hold["last_modified"] > limit for hold in holds)

    async def workspaces(self) -> list[UUID]:
        with _told(self.where):
            found = await obstore.list_with_delimiter_async(self._store, None)
        return ids(found["common_prefixes"])

    async def list(self, prefix: str) -> dict[str, Stored]:
        with _told(self.where):
            found = await obstore.list(self._store, prefix, chunk_size=1000).collect_async()
        return {meta["path"]: Object(self._store, self.where, meta) for meta in found}

    @contextlib.contextmanager
    def holding(self) -> Iterator[Hold]:
        """A file is deleted after its row, and only where no hold is seen then: so whatever a snapshot names that was
        taken after this began stays until this ends.
        """
        mark = f"{HOLDS}/{new_id()}"
        marked = 0.0

        def renew() -> None:
            nonlocal marked
            if not marked or time.monotonic() - marked > RENEWED:
                with _told(self.where):
                    obstore.put(self._store, mark, b"A backup reads these files.")
                marked = time.monotonic()

        def hold(keys: Iterable[str]) -> dict[str, Stored]:
            wanted = set(keys)
            held: dict[str, Stored] = {}
            for folder in sorted({key.rpartition("/")[0] for key in wanted}):
                with _told(self.where):
                    found = obstore.list(self._store, folder, chunk_size=1000).collect()
                for meta in found:
                    if meta["path"] in wanted:
                        held[meta["path"]] = Object(self._store, self.where, meta, renew)
            return held

        renew()
        try:
            yield hold
        finally:
            with contextlib.suppress(BaseError, FileNotFoundError):  # then it counts no more in a day
                obstore.delete(self._store, mark)


@dataclass(frozen=True, slots=True)
class Object(Stored):
    """A file in an object store. What was written anew under its key since is not mixed with it."""

    store: ObjectStore
    where: str
    meta: ObjectMeta
    before: Callable[[], None] = lambda: None
    """Called before each piece of `blocks`."""

    @property
    def size(self) -> int:
        return self.meta["size"]

    @property
    def changed(self) -> int:
        return int(self.meta["last_modified"].timestamp() * 1e9)

    @property
    def tag(self) -> str:
        return _tag(self.meta["e_tag"], self.size)

    async def read(self, start: int, stop: int) -> AsyncIterator[bytes]:
        for begin in range(start, stop, PIECE):
            with _told(self.where, self.meta["path"]):
                options = _range(self.meta, begin, stop)
                got = await obstore.get_async(self.store, self.meta["path"], options=options)
                piece = bytes(await got.bytes_async())
            yield piece

    def blocks(self) -> Iterator[bytes]:
        """What was written anew before the first piece was given is read as it is now."""
        meta, at = self.meta, 0
        while at < meta["size"]:
            self.before()
            with _told(self.where, meta["path"]):
                try:
                    piece = bytes(obstore.get(self.store, meta["path"], options=_range(meta, at, meta["size"])).bytes())
                except PreconditionError:
                    if at:
                        raise
                    meta = obstore.head(self.store, meta["path"])
                    continue
            yield piece
            at += len(piece)


def _range(meta: ObjectMeta, begin: int, stop: int) -> GetOptions:
    """One piece of these very bytes."""
    return {"range": (begin, min(begin + PIECE, stop)), "if_match": meta["e_tag"]}


@contextlib.contextmanager
def _told(where: str, key: str | None = None) -> Iterator[None]:
    """What the store refuses, in our words; what isn't there is the file of this key, or else the store itself."""
    try:
        yield
    except PreconditionError:
        raise FileMissing(f"The file {key} was written anew while it was read. Do this again.") from None
    except FileNotFoundError as error:
        if key is None:
            raise _away(f"{where} is not there. {ADVICE}") from error
        raise FileMissing(
            f"The file {key} is not in {where}. Every worker and the API need the same STAKAZO_STORAGE_URL."
        ) from error
    except (UnauthenticatedError, PermissionDeniedError) as error:
        raise _away(f"{where} doesn't let us in. {ADVICE} It says: {_first(error)}") from error
    except BaseError as error:
        raise _away(f"{where} can't be reached. {ADVICE} It says: {_first(error)}") from error


def _away(said: str) -> StorageAway:
    log.warning("storage_away", said=said)
    return StorageAway(said)


def _first(error: Exception) -> str:
    """The first line of what a library says at length."""
    return hide(str(error).partition("\n")[0])[:300]


def _tag(e_tag: str | None, size: int) -> str:
    return (e_tag or f"{size:x}").removeprefix("W/").strip('"')
