"""What can be done with imports: videos that are fetched from an address instead of being sent."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.actor import new_id
from stakazo.core.addresses import parse
from stakazo.core.db import actor_of
from stakazo.core.errors import NotFound
from stakazo.core.paging import Page, page
from stakazo.core.security import Keyring
from stakazo.ledger import service as ledger
from stakazo.videos.models import VideoAsset, VideoImport

_PLACE = "video_imports.url"


async def request(
    session: AsyncSession, keys: Keyring, url: str, *, title: str | None = None, dedup_key: str | None = None
) -> VideoImport:
    """Write down that a video is to be fetched. Raises AddressRefused for an address that can't be meant.

    The URL is sealed, since such links often are keys themselves; what is shown and recorded is it without its query.
    """
    target = parse(url)
    workspace_id, import_id = actor_of(session).workspace_id, new_id()
    wanted = VideoImport(
        id=import_id,
        address=urlsplit(target.url)._replace(query="").geturl()[:500],
        url=keys.seal(target.url.encode(), _PLACE, owner=workspace_id, row=import_id),
        title=title,
        dedup_key=dedup_key,
    )
    session.add(wanted)
    await session.flush()
    await ledger.record(session, "import_requested", subject=("import", wanted.id), address=wanted.address)
    return wanted


def url_of(wanted: VideoImport, keys: Keyring) -> str:
    """Where to fetch it from, with everything that is secret in it."""
    return keys.unseal(wanted.url, _PLACE, owner=wanted.workspace_id, row=wanted.id).decode()


async def get(session: AsyncSession, import_id: UUID) -> VideoImport:
    wanted = await session.get(VideoImport, import_id)
    if wanted is None:
        raise NotFound(f"There is no import {import_id}.")
    return wanted


async def find(
    session: AsyncSession,
    *,
    video_id: UUID | None = None,
    done: bool | None = None,
    sort: Literal["newest", "oldest"] = "newest",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[VideoImport]:
    """Imports; `done`: those of which a video came, or those of which none came (yet)."""
    found = select(VideoImport)
    if video_id is not None:
        found = found.where(VideoImport.video_id == video_id)
    if done is not None:
        found = found.where(VideoImport.video_id.is_not(None) if done else VideoImport.video_id.is_(None))
    keys = (VideoImport.created_at, VideoImport.id)
    order = [key.desc() for key in keys] if sort == "newest" else keys
    return await page(session, found, keys=order, cursor=cursor, limit=limit)


async def done(session: AsyncSession, import_id: UUID, video: VideoAsset, *, created: bool) -> None:
    """The video is here: new, or the one that was here before."""
    wanted = await get(session, import_id)
    wanted.video_id = video.id
    await ledger.record(
        session, "import_completed", subject=("import", import_id), video_id=str(video.id), created=created
    )


async def failed(session: AsyncSession, import_id: UUID, error: dict[str, Any]) -> None:
    """It won't be fetched: `error` says why."""
    await ledger.record(session, "import_failed", subject=("import", import_id), **error)
