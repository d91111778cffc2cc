"""What platforms send by themselves. Whether it is from them is shown by its signature; whose it is, by the account.

It is written down and answered at once, and read by a job: a platform that waits too long sends it again, and in the
end no more.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
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
from stakazo.platforms import webhooks
from stakazo.platforms.errors import Reason, Rejected
from stakazo.platforms.webhooks import Change
from stakazo.publishing import outside

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
    """Meta asks whether it may send here: yes, for who knows `STAKAZO_META_VERIFY_TOKEN`."""
    expected = here.settings.meta_verify_token
    if expected is None:
        raise Forbidden("Nobody is awaited here: STAKAZO_META_VERIFY_TOKEN isn't set.")
    asked = {"hub.mode": mode, "hub.verify_token": token, "hub.challenge": challenge}
    try:
        answer = webhooks.handshake(asked, expected.get_secret_value())
    except Rejected as refused:
        raise Forbidden(str(refused)) from refused
    return Response(answer, media_type="text/plain", headers={"X-Content-Type-Options": "nosniff"})


@router.post("/instagram", response_class=Response, responses=responses(403, 413, 422))
@keyless("The same change has the same key, and is written down once.")
async def take(_: Annotated[None, open_to_all(counted=False)], here: Here, request: Request) -> Response:
    """What happens on Instagram accounts and Pages, signed by Meta (`X-Hub-Signature-256`)."""
    body = await request.body()
    try:
        sandbox = _signed_in(here.settings, body, request.headers.get("x-hub-signature-256"))
    except Rejected as refused:
        await count_stranger(request, here.limiter)
        raise Forbidden(str(refused)) from refused
    try:
        changes = webhooks.changes(body)
    except Rejected as refused:
        raise Invalid(str(refused)) from refused
    if changes and not sandbox and max(change.at for change in changes) < time.time() - OLDEST:
        raise Forbidden("This was sent days ago, and whoever sends it now isn't Meta.")
    await _keep(here, changes, sandbox=sandbox)
    return Response("ok", media_type="text/plain")


def _signed_in(settings: Settings, body: bytes, header: str | None) -> bool:
    """In which world it was signed: whether the sandbox's. Raises Rejected for what nobody has signed that we know."""
    for secret, sandbox in _secrets(settings):
        try:
            webhooks.require_signature(body, header, secret)
        except Rejected:
            continue
        return sandbox
    raise Rejected("The signature is not that of our app.", Reason.PERMISSION)


def _secrets(settings: Settings) -> Iterator[tuple[str, bool]]:
    """Accounts that are connected with Instagram's own sign-in are signed with the Instagram app's secret."""
    for secret in (settings.meta_app_secret, settings.instagram_app_secret):
        if secret is not None:
            yield secret.get_secret_value(), False
    yield outside.SANDBOX["meta"].secret, True


async def _keep(here: Services, changes: list[Change], *, sandbox: bool) -> None:
    async with here.db.system_transaction() as session:
        addressed = await news.addressed(session, changes, sandbox=sandbox)
    for addressee, theirs in addressed.items():
        actor = Actor(addressee.workspace_id, "system", "webhook")
        async with here.db.transaction(actor) as session:
            await news.take_in(session, addressee.channel_id, theirs, read_news)
