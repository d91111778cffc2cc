"""Uploads that nobody has seen and that are wanted no more are removed at their platform, where it doesn't itself.

    left = discarding.left_by(keys, publication)                  before a publication may let go of its upload
    await discarding.leave(session, keys, publication, left)      when it has

A private video would lie in the account for ever, also one whose last bytes arrived when it had been called off: it is
looked for, ever more seldom, until it shows whether anything came of it. What may be seen, or isn't surely ours, is
left alone, and a person is told.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.security import Keyring
from stakazo.jobs.engine import job
from stakazo.jobs.models import Job
from stakazo.jobs.run import NotYet, Run
from stakazo.platforms import publishers
from stakazo.platforms.base import Handle, Left, Leftover, Post
from stakazo.publishing import channels, outside, progress, renewals, service, states
from stakazo.publishing.models import Publication
from stakazo.publishing.states import PublicationState as S
from stakazo.publishing.states import Trouble

_LEFT = "publications.left_uploads"


@dataclass(frozen=True, slots=True)
class Upload:
    """One that a publication has let go of."""

    handle: Handle
    title: str
    caption: str
    """What it was called."""
    looks: int = 0
    """How often it was looked for."""

    def as_json(self) -> dict[str, Any]:
        return {"handle": self.handle.as_json(), "title": self.title, "caption": self.caption, "looks": self.looks}

    @classmethod
    def of(cls, stored: dict[str, Any]) -> Upload:
        return cls(**{**stored, "handle": Handle.of(stored["handle"])})


def left_by(keys: Keyring, publication: Publication) -> Upload | None:
    """The upload that would lie about if the publication let go of it: one that isn't public, nor may become it."""
    if publication.acted_at is not None and publication.state is not S.FAILED:
        return None
    handle = progress.handle_of(publication, keys)
    if handle is None:
        return None
    post = progress.post_of(publication)
    return Upload(handle, post.title, post.caption)


async def leave(session: AsyncSession, keys: Keyring, publication: Publication, upload: Upload | None) -> Job | None:
    """Have an upload removed that the publication, which is held, needs no more; nothing, where there is none."""
    if upload is None or publication.channel_id is None:
        return None
    _keep(keys, publication, [*_kept(keys, publication), upload])
    await session.flush()
    return await discard_upload.start(session, publication.id)


async def clear_up(session: AsyncSession, keys: Keyring, publication: Publication) -> None:
    """Have removed what a publication that has failed has sent: to be tried again it is sent anew."""
    if publication.state is S.FAILED:
        await leave(session, keys, publication, left_by(keys, publication))


@job(queue="publish", max_attempts=6, timeout=300)
async def discard_upload(run: Run, publication_id: UUID) -> None:
    """Remove what a publication has left at its platform, unless somebody may see it or it is wanted."""
    keys = Keyring(run.settings)
    async with run.transaction() as session:
        publication = await service.hold(session, publication_id)
        uploads = _kept(keys, publication)
        if not uploads or publication.channel_id is None:
            return
        channel = await channels.get(session, publication.channel_id)
        if channel.token is None:
            await _give_up(session, publication, "The channel was disconnected before it could be removed.")
            return
        uploads = [one for one in uploads if not await _is_wanted(session, channel.id, one.handle.id)]
        channel_id, account = channel.id, channels.account(channel, keys)
    pauses: list[float] = []
    async with renewals.minding(run, keys, channel_id, account), outside.connected(run.settings) as connection:
        publisher = publishers.of(connection, account)
        for upload in uploads:
            found = await publisher.discard(upload.handle, Post(title=upload.title, caption=upload.caption))
            async with run.transaction() as session:
                publication = await service.hold(session, publication_id)
                after = await _settle(session, keys, publication, upload, found)
            pauses += [after] if after is not None else []
    if pauses:
        raise NotYet("The last bytes of an upload that isn't wanted any more may be on their way.", after=min(pauses))


async def _is_wanted(session: AsyncSession, channel_id: UUID, handle_id: str) -> bool:
    """Whether a publication is at this upload, or has made it public."""
    acted = Publication.acted_at.is_not(None) & (Publication.state != S.FAILED)
    held = select(Publication.id).where(
        Publication.channel_id == channel_id,
        Publication.handle_id == handle_id,
        Publication.handle_id != "",
        Publication.state.not_in(states.OVER) | acted,
    )
    return await session.scalar(held.limit(1)) is not None


async def _settle(
    session: AsyncSession, keys: Keyring, publication: Publication, upload: Upload, found: Leftover
) -> float | None:
    """Write down what became of an upload; seconds until it is looked for once more, None where that is over."""
    kept, after = _kept(keys, publication), None
    if upload not in kept:
        return None
    kept.remove(upload)
    match found.left:
        case Left.OPEN:
            after = states.ask_after(upload.looks)
            kept += [replace(upload, looks=upload.looks + 1)] if after is not None else []
        case Left.REMOVED:
            await service.record(session, "upload_discarded", publication, handle=found.ids[0])
        case Left.SEEN:
            await _tell(session, publication, f"Somebody may see {found.ids[0]}, so it was left alone.")
        case Left.ALIKE:
            if ids := await _unknown(session, publication, found.ids):
                await _tell(session, publication, f"This may be it, and nobody sees it: {', '.join(ids)}.")
    _keep(keys, publication, kept)
    await session.flush()
    return after


async def _unknown(session: AsyncSession, publication: Publication, ids: Iterable[str]) -> list[str]:
    """Which of these aren't uploads or posts of known publications."""
    known: set[str | None] = set()
    for column in (Publication.handle_id, Publication.external_id):
        found = select(column).where(Publication.channel_id == publication.channel_id, column.in_(list(ids)))
        known |= set(await session.scalars(found))
    return [one for one in ids if one not in known]


async def _tell(session: AsyncSession, publication: Publication, detail: str) -> None:
    """A person must look: on the publication where that has come to nothing, and in the ledger."""
    todo = f"Look at the account on {publication.platform.label}; delete there what you don't want."
    trouble = Trouble("upload_left", f"An upload that is wanted no more may lie there. {detail}", todo)
    if publication.state is S.CANCELLED:
        publication.error = trouble.as_json()
    await session.flush()
    await service.record(session, "upload_left", publication, **trouble.as_json())


async def _give_up(session: AsyncSession, publication: Publication, detail: str) -> None:
    publication.left_uploads = None
    await _tell(session, publication, detail)


@discard_upload.on_end
async def _not_discarded(session: AsyncSession, row: Job, error: dict[str, Any]) -> None:
    publication = await service.hold(session, UUID(row.payload["publication_id"]))
    if publication.left_uploads is not None:
        await _give_up(session, publication, str(error.get("detail") or ""))


def _kept(keys: Keyring, publication: Publication) -> list[Upload]:
    if publication.left_uploads is None:
        return []
    found = keys.unseal(publication.left_uploads, _LEFT, owner=publication.workspace_id, row=publication.id)
    return [Upload.of(one) for one in json.loads(found)]


def _keep(keys: Keyring, publication: Publication, uploads: Iterable[Upload]) -> None:
    stored = [one.as_json() for one in dict.fromkeys(uploads)]
    sealed = keys.seal(json.dumps(stored).encode(), _LEFT, owner=publication.workspace_id, row=publication.id)
    publication.left_uploads = sealed if stored else None
