"""What is done when a platform tells what became of a post: asked at once, known at once, or said loudly."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.db import now
from stakazo.insights.hearing import Befallen, Fate
from stakazo.jobs import service as jobs
from stakazo.jobs.holding import hold_with_job
from stakazo.platforms.errors import Reason
from stakazo.publishing import channels, doubts, progress, renewals, states
from stakazo.publishing import service as publications
from stakazo.publishing.models import Channel, Publication
from stakazo.publishing.states import PublicationState as S
from stakazo.publishing.states import Trouble

HIDDEN = "not_public"


async def befall(session: AsyncSession, channel: Channel, fate: Fate, publication: Publication | None) -> None:
    """Do what follows; nothing, where the post is none of ours. Told twice it is done once."""
    if fate.what is Befallen.WITHDRAWN:
        await _withdrawn(session, channel, fate)
        return
    if publication is None:
        return
    publication = await hold_with_job(session, Publication, publication.id, "publication")
    if publication.state in states.UNDER_WAY:
        if publication.job_id is not None:
            await jobs.hasten(session, publication.job_id)  # the platform is asked, rather than its news believed
    elif publication.state in {S.NEEDS_HUMAN, S.CANCELLED}:
        await doubts.ask_now(session, publication)
    elif publication.state is S.PUBLISHED:
        match fate.what:
            case Befallen.PUBLIC:
                await _seen(session, publication, fate)
            case Befallen.NOT_PUBLIC:
                await _hidden(session, publication, fate)


async def _seen(session: AsyncSession, publication: Publication, fate: Fate) -> None:
    """Everybody sees it: which post it is, is known from now on, and what was said of its absence is over."""
    named = publication.external_id is None and await progress.is_free(session, publication, fate.post_id)
    if named:
        publication.external_id = fate.post_id
    over = (publication.error or {}).get("code") in {HIDDEN, progress.POST_UNKNOWN}
    first, publication.checked_at = publication.checked_at is None, await now(session)
    if over and publication.external_id is not None:
        publication.error = None
    await session.flush()
    if named or first or over:
        await publications.record(session, "publication_seen", publication, external_id=publication.external_id)


async def _hidden(session: AsyncSession, publication: Publication, fate: Fate) -> None:
    """It is gone, and not by our doing: loud, for somebody has to know."""
    if (publication.error or {}).get("code") == HIDDEN:
        return
    said = f" It says: {fate.detail}." if fate.detail else ""
    trouble = Trouble(
        HIDDEN,
        f"{publication.platform.label} says that nobody sees the post any more.{said}",
        "Look at it in the platform's own app: it was taken down there, made private, or refused by a review.",
    )
    publication.error = trouble.as_json()
    await session.flush()
    await publications.record(session, "publication_hidden", publication, **trouble.as_json())


async def _withdrawn(session: AsyncSession, channel: Channel, fate: Fate) -> None:
    """Old news mustn't end a connection that was made since: where there is something to ask with, it is asked."""
    channel = await channels.hold(session, channel.id)
    if channel.token is None or channel.error is not None:
        return
    if channel.refresh_token is None:
        detail = f"The access was withdrawn at the platform. {fate.detail}".strip()
        await channels.token_died(session, channel.id, Reason.REVOKED, detail)
        return
    channel.token_expires_at = await now(session)
    await renewals.begin(session, channel.id)
