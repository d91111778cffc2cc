"""What platforms send by themselves. Whether it is from them is shown by its signature; whose it is, by the account.

It is written down and answered at once, and read by a job: a platform that waits too long sends it again, and in the
end no more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from typing import Annotated

from fastapi import Query, Request, Response

from stakazo.api.counting import count_stranger
from stakazo.api.deps import Here, Services, open_to_all
from stakazo.api.errors import responses
from stakazo.api.once import keyless
from stakazo.api.routes import Router
from stakazo.core.actor import Actor
from stakazo.core.errors import Forbidden, Invalid
from stakazo.core.settings import Settings
from stakazo.insights import news
from stakazo.insights.jobs import read_news
from stakazo.platforms import tiktok_webhooks, webhooks, youtube_push
from stakazo.platforms.errors import Reason, Rejected
from stakazo.publishing import outside, subscriptions

router = Router(prefix="/webhook", tags=["webhooks"])

OLDEST = 48 * 3600.0
"""Seconds after which nothing is new: Meta tries for 36 hours. What comes later, somebody has kept to send it again."""


@router.get("/instagram", response_class=Response, responses=responses(403))
async def verify(
    _: Annotated[None, open_to_all()],
    here: Here,
    mode: Annotated[str, Query(alias="hub.mode")] = "",
    token: Annotated[str, Query(alias="hub.verify_token")] = "",
    challenge: Annotated[str, Query(alias="hub.challenge", max_length=500)] = "",
) -> Response:
    """Meta asks whether it may send here: yes, for who says our word back, or `STAKAZO_META_VERIFY_TOKEN`."""
    asked = {"hub.mode": mode, "hub.verify_token": token, "hub.challenge": challenge}
    return _shaken(asked, subscriptions.verify_words(here.settings, here.keys))


def _shaken(asked: Mapping[str, str], words: Iterable[str], modes: Collection[str] = ("subscribe",)) -> Response:
    """The answer to who knows one of the words. Raises Forbidden."""
    refusal = Rejected("This isn't the webhook that was asked for.", Reason.PERMISSION)
    for word in words:
        try:
            answer = webhooks.handshake(asked, word, modes)
        except Rejected as refused:
            refusal = refused
        else:
            return Response(answer, media_type="text/plain", headers={"X-Content-Type-Options": "nosniff"})
    raise Forbidden(str(refusal))


@router.post("/instagram", response_class=Response, responses=responses(403, 413, 422))
@keyless("The same change has the same key, and is written down once.")
async def take(_: Annotated[None, open_to_all(counted=False)], here: Here, request: Request) -> Response:
    """What happens on Instagram accounts and Pages, signed by Meta (`X-Hub-Signature-256`)."""
    body = await request.body()
    sandbox = await _signed(request, here, _meta(here.settings), partial(webhooks.require_signature, body))
    await _take_in(here, "meta", body, sandbox=sandbox)
    return Response("ok", media_type="text/plain")


@router.post("/tiktok", response_class=Response, responses=responses(403, 413, 422))
@keyless("The same event has the same key, and is written down once.")
async def take_tiktok(_: Annotated[None, open_to_all(counted=False)], here: Here, request: Request) -> Response:
    """What becomes of posts on TikTok, signed by it (`TikTok-Signature`); name this address in your app's settings."""
    body = await request.body()

    def require(header: str | None, secret: str) -> None:
        tiktok_webhooks.require_signature(body, header, secret, time.time())

    sandbox = await _signed(request, here, _tiktok(here.settings), require, header="tiktok-signature")
    await _take_in(here, "tiktok", body, sandbox=sandbox)
    return Response("ok", media_type="text/plain")


@router.get("/youtube", response_class=Response, responses=responses(403))
async def verify_youtube(
    _: Annotated[None, open_to_all()],
    here: Here,
    mode: Annotated[str, Query(alias="hub.mode")] = "",
    topic: Annotated[str, Query(alias="hub.topic", max_length=500)] = "",
    token: Annotated[str, Query(alias="hub.verify_token")] = "",
    challenge: Annotated[str, Query(alias="hub.challenge", max_length=500)] = "",
) -> Response:
    """YouTube's hub asks whether what is new on a channel is really wanted here, or no more wanted."""
    if youtube_push.channel_of(topic) is None:
        raise Forbidden("Only what is new on a YouTube channel is wanted here.")
    asked = {"hub.mode": mode, "hub.verify_token": token, "hub.challenge": challenge}
    words = [subscriptions.push_words(here.keys, sandbox=sandbox) for sandbox in (False, True)]
    return _shaken(asked, [word for known in words for word in known], youtube_push.MODES)


@router.post("/youtube", response_class=Response, responses=responses(403, 413, 422))
@keyless("The same notification has the same key, and is written down once.")
async def take_youtube(_: Annotated[None, open_to_all(counted=False)], here: Here, request: Request) -> Response:
    """Which videos are new on YouTube channels, or gone, signed by Google's hub (`X-Hub-Signature`)."""
    body = await request.body()
    known = [
        (word, sandbox) for sandbox in (False, True) for word in subscriptions.push_words(here.keys, sandbox=sandbox)
    ]
    require = partial(youtube_push.require_signature, body)
    sandbox = await _signed(request, here, known, require, header="x-hub-signature")
    await _take_in(here, "youtube", body, sandbox=sandbox)
    return Response("ok", media_type="text/plain")


async def _signed(
    request: Request,
    here: Services,
    secrets: Iterable[tuple[str, bool]],
    require: Callable[[str | None, str], None],
    *,
    header: str = "x-hub-signature-256",
) -> bool:
    """In which world it was signed: whether the sandbox's. Raises Forbidden for what nobody has signed that we know."""
    refusal = Rejected("The signature is not that of our app.", Reason.PERMISSION)
    for secret, sandbox in secrets:
        try:
            require(request.headers.get(header), secret)
        except Rejected as refused:
            refusal = refused
        else:
            return sandbox
    await count_stranger(request, here.limiter)
    raise Forbidden(str(refusal))


def _meta(settings: Settings) -> Iterator[tuple[str, bool]]:
    """Accounts that are connected with Instagram's own sign-in are signed with the Instagram app's secret."""
    for secret in (settings.meta_app_secret, settings.instagram_app_secret):
        if secret is not None:
            yield secret.get_secret_value(), False
    yield outside.SANDBOX["meta"].secret, True


def _tiktok(settings: Settings) -> Iterator[tuple[str, bool]]:
    if settings.tiktok_client_secret is not None:
        yield settings.tiktok_client_secret.get_secret_value(), False
    yield outside.SANDBOX["tiktok"].secret, True


async def _take_in(here: Services, source: str, body: bytes, *, sandbox: bool) -> None:
    """One row and one job for each workspace that it is for. Raises Invalid, and Forbidden for what is too old."""
    try:
        changes = news.SOURCES[source](body)
    except Rejected as refused:
        raise Invalid(str(refused)) from refused
    if changes and not sandbox and max(change.at for change in changes) < time.time() - OLDEST:
        raise Forbidden("This was sent days ago, and whoever sends it now isn't the platform.")
    about = news.accounts(changes)
    async with here.db.system_transaction() as session:
        addressed = await news.addressed(session, about, sandbox=sandbox)
    for workspace_id, theirs in addressed.items():
        alone = source != "meta" or len(theirs) == len(about)  # only Meta tells of several accounts at once
        kept = body if alone else webhooks.only(body, {account for _, account in theirs})
        async with here.db.transaction(Actor(workspace_id, "system", "webhook")) as session:
            await news.take_in(session, source, kept, read_news, sandbox=sandbox)
