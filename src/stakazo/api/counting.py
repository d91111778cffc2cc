"""How often one may ask. Every endpoint is counted by whoever asks, through the access that its signature names.

Somebody known is counted by key or person and by workspace, a stranger by address. `RateLimit` and `RateLimit-Policy`
say on every answer how the tightest of these stands (draft-ietf-httpapi-ratelimit-headers).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from ipaddress import IPv6Address, ip_address, ip_network
from uuid import UUID

import structlog
from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stakazo.accounts.person import Person
from stakazo.accounts.second_factor import SecondFactorRequired
from stakazo.core.actor import Actor
from stakazo.core.errors import Forbidden, Unauthenticated
from stakazo.core.limits import Kind, Limiter, TooMany, Whom

log = structlog.get_logger("stakazo.api")

_SAID = "stakazo.quota"
"""In the request's state: the headers that say how it stands."""
_READS = {"GET", "HEAD", "OPTIONS"}


class Locked(TooMany):
    """Too many wrong passwords or codes for one account."""

    code = "account_locked"


async def count_caller(request: Request, limiter: Limiter, kind: Kind | None, caller: Actor | Person) -> None:
    """Somebody known asks. Raises TooMany."""
    if isinstance(caller, Person):
        whom = {Whom.USER: str(caller.user_id)}
    else:
        whom = {Whom.KEY if caller.kind == "api_key" else Whom.USER: caller.id}
    if caller.workspace_id is not None:
        whom[Whom.WORKSPACE] = str(caller.workspace_id)
    await _count(request, limiter, kind or (Kind.READ if request.method in _READS else Kind.WRITE), whom)


async def count_stranger(request: Request, limiter: Limiter, kind: Kind | None = None) -> None:
    """Somebody asks who has not shown who they are. Raises TooMany."""
    await _count(request, limiter, kind or Kind.STRANGER, {Whom.ADDRESS: address_of(request)})


async def _count(request: Request, limiter: Limiter, kind: Kind, whom: Mapping[Whom, str]) -> None:
    verdict = await limiter.ask(kind, whom)
    if verdict is None:
        return
    setattr(request.state, _SAID, verdict.headers())
    if not verdict.allowed:
        raise TooMany(
            f"That is more than {verdict.quota} requests in {verdict.window} seconds ({verdict.name}). Wait "
            f"{verdict.wait} seconds.",
            verdict.wait,
        )


@asynccontextmanager
async def guess(limiter: Limiter, account: str) -> AsyncIterator[None]:
    """Around whatever checks a password or a code: after too many wrong ones the account is locked for a while.

    `account` is an address or a user's id; whether there is such an account makes no difference. A right one opens it
    for those that follow. Raises Locked.
    """
    who = hashlib.sha256(account.strip().lower().encode()).hexdigest()
    standing = await limiter.look(Kind.FAILED_LOGIN, Whom.ACCOUNT, who)
    if standing is not None and not standing.allowed:
        log.warning("account_locked", account=who)
        raise Locked(
            f"There were {standing.quota} wrong attempts for this account. Wait {standing.wait} seconds.", standing.wait
        )
    try:
        yield
    except SecondFactorRequired:
        raise  # so far everything was right
    except (Unauthenticated, Forbidden):
        log.warning("wrong_password_or_code", account=who)
        await limiter.ask(Kind.FAILED_LOGIN, {Whom.ACCOUNT: who})
        raise
    else:
        await limiter.forgive(Kind.FAILED_LOGIN, Whom.ACCOUNT, who)


class Slots:
    """How many uploads of each workspace this process takes at once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: Counter[UUID] = Counter()

    @contextmanager
    def taken(self, workspace_id: UUID) -> Iterator[None]:
        """One of them, for as long as it lasts. Raises TooMany."""
        if self._taken[workspace_id] >= self._most:
            raise TooMany(f"{self._most} uploads of this workspace are under way. Wait until one of them is done.", 5)
        self._taken[workspace_id] += 1
        try:
            yield
        finally:
            self._taken[workspace_id] -= 1
            if not self._taken[workspace_id]:
                del self._taken[workspace_id]


def address_of(request: Request) -> str:
    """Where a request comes from. Of IPv6 the network: whoever has one address there has them all."""
    host = request.client.host if request.client else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or ip_network((address, 64), strict=False))
    return str(address)


class Standing:
    """ASGI middleware: says on every answer that was counted how whoever asked stands."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start" and (said := scope.get("state", {}).get(_SAID)):
                MutableHeaders(scope=message).update(said)
            await send(message)

        await self.app(scope, receive, answer if scope["type"] == "http" else send)
