"""What an endpoint may ask for: the services of this process, whoever acts, and a transaction of theirs.

FastAPI looks at the signature of everything that an endpoint asks for, and at what that asks for, anew for each of two
hundred endpoints: that is what a start of the API is spent on. So what is in here asks for little and takes the
services from the request.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from types import MethodType
from typing import Annotated, Any, Generic, Literal, TypeVar, cast

import structlog
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.routing import APIRoute
from fastapi.security import APIKeyCookie, APIKeyHeader, HTTPBearer
from fastapi.security.base import SecurityBase
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.accounts.mail import Post
from stakazo.accounts.oidc import Provider
from stakazo.accounts.passwords import Passwords
from stakazo.accounts.person import Person
from stakazo.accounts.roles import Permission
from stakazo.accounts.tokens import Tokens
from stakazo.api import cookies
from stakazo.api.counting import Slots, count_caller, count_stranger
from stakazo.api.errors import responses
from stakazo.api.identity import Caller, identify
from stakazo.core.actor import Actor
from stakazo.core.db import Database
from stakazo.core.errors import Forbidden, Unauthenticated
from stakazo.core.limits import Kind, Limiter
from stakazo.core.live import LiveFeed
from stakazo.core.postgres import Urls
from stakazo.core.security import Keyring
from stakazo.core.settings import Settings
from stakazo.core.storage import Storage


@dataclass(frozen=True, slots=True)
class Services:
    """The outside things of this process, opened by `main` for as long as it serves."""

    settings: Settings
    urls: Urls
    db: Database
    storage: Storage
    live: LiveFeed
    keys: Keyring
    """Seals and opens secrets."""
    limiter: Limiter
    slots: Slots
    passwords: Passwords
    tokens: Tokens
    post: Post
    provider: Provider
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the process is asked to end: open streams close themselves."""


def _of(request: Request) -> Services:
    return cast(Services, request.app.state.services)


async def _services(request: Request) -> Services:
    return _of(request)


Here = Annotated[Services, Depends(_services)]

T = TypeVar("T")

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="Bearer",
    description="`Authorization: Bearer`, then a key (`stk_...`) or an access token.",
)
_header = APIKeyHeader(name="X-API-Key", auto_error=False, scheme_name="API key header")
_cookie = APIKeyCookie(name=cookies.ACCESS.plain_name, auto_error=False, scheme_name="Browser")
SCHEMES: tuple[SecurityBase, ...] = (_bearer, _header, _cookie)
"""How to show who one is, one of these."""


async def _caller(request: Request) -> Caller:
    here, bearer = _of(request), await _bearer(request)
    token = bearer.credentials if bearer else await _header(request)
    try:
        caller = request.state.caller = await identify(request, here.settings, here.db, here.tokens, token or None)
    except Unauthenticated:
        await count_stranger(request, here.limiter)
        raise
    request.state.workspace_id = str(caller.workspace_id)
    structlog.contextvars.bind_contextvars(workspace_id=request.state.workspace_id)
    return caller


CurrentCaller = Annotated[Caller, Depends(_caller)]


async def _actor(caller: CurrentCaller) -> Actor:
    actor = caller.actor() if isinstance(caller, Person) else caller
    if actor is None:
        raise Forbidden("You are no member of this workspace (any more). See GET /workspaces, and switch to one.")
    return actor


CurrentActor = Annotated[Actor, Depends(_actor)]


@dataclass(frozen=True, slots=True)
class Access:
    """Who may call an endpoint: whoever has a permission, anybody who is signed in, or everybody."""

    needs: Permission | Literal["person", "public"]
    kind: Kind | None = None
    """As what it is counted; by its method when None."""
    counted: bool = True

    async def allow(self, request: Request, actor: CurrentActor) -> Actor:
        await count_caller(request, _of(request).limiter, self.kind, actor)
        self.check(actor)
        return actor

    def check(self, actor: Actor) -> None:
        """Raises Forbidden for whoever lacks the permission."""
        if self.needs not in actor.permissions:
            raise Forbidden(f"This needs the permission {self.needs}, which you don't have in this workspace.")

    async def know(self, request: Request, caller: CurrentCaller) -> Person:
        await count_caller(request, _of(request).limiter, self.kind, caller)
        if isinstance(caller, Actor):
            raise Forbidden("This is about a person: sign in, a key is nobody.")
        return caller

    async def ignore(self, request: Request) -> None:
        """Nobody is asked who they are."""
        if self.counted:
            await count_stranger(request, _of(request).limiter, self.kind)


def may(permission: Permission, kind: Kind | None = None) -> Any:
    """For whoever has the permission, first of the arguments; `_` where only the check matters.

    actor: Annotated[Actor, may(Permission.CLIPS_WRITE)]

    `kind` is as what it is counted: by its method, when it isn't said.
    """
    return Depends(Access(permission, kind).allow)


def signed_in() -> Any:
    """For whoever is signed in, whatever they may do in whatever workspace: their own affairs.

    me: Annotated[Person, signed_in()]
    """
    return Depends(Access("person").know)


def open_to_all(kind: Kind | None = None, *, counted: bool = True) -> Any:
    """For everybody, known or not.

    _: Annotated[None, open_to_all()]
    """
    return Depends(Access("public", kind, counted).ignore)


def access_of(route: APIRoute) -> Access:
    """Who may call it, by its signature. Raises LookupError when that says nothing, or several things."""
    found = {
        call.__self__
        for dependency in route.dependant.dependencies
        if isinstance(call := dependency.call, MethodType) and isinstance(call.__self__, Access)
    }
    if len(found) != 1:
        raise LookupError(
            f"{route.path} must name one permission in its signature: `_: Annotated[Actor, may(Permission.X)]`, "
            "`me: Annotated[Person, signed_in()]` or `_: Annotated[None, open_to_all()]`."
        )
    return found.pop()


def declare_access(router: APIRouter) -> None:
    """Say in the contract what each endpoint needs. Raises LookupError for one that doesn't say it itself."""
    for route in router.routes:
        assert isinstance(route, APIRoute)
        access = access_of(route)
        shown: dict[str, Any] = {"x-permission": access.needs}
        if access.needs != "public":
            shown["security"] = [{scheme.scheme_name: []} for scheme in SCHEMES]
        route.openapi_extra = (route.openapi_extra or {}) | shown
        refusals = ([403] if access.needs != "public" else []) + ([429] if access.counted else [])
        route.responses = responses(*refusals) | route.responses


async def _session(request: Request, actor: CurrentActor) -> AsyncIterator[AsyncSession]:
    async with _of(request).db.transaction(actor) as session:
        session.info["request"] = request
        yield session
        if tried(request):
            await session.rollback()


# "function": commit before the response leaves, so that a failed commit is an error and not a 200.
DB = Annotated[AsyncSession, Depends(_session, scope="function")]


async def _personal_session(request: Request, caller: CurrentCaller) -> AsyncIterator[AsyncSession]:
    if isinstance(caller, Actor):
        raise Forbidden("This is about a person: sign in, a key is nobody.")
    async with _of(request).db.personal_transaction(caller.user_id) as session:
        session.info["request"] = request
        yield session


PersonalDB = Annotated[AsyncSession, Depends(_personal_session, scope="function")]
"""For one's own affairs: what belongs to people it sees of the person who is signed in."""


async def _dry_run(
    request: Request,
    db: DB,  # noqa: ARG001 - the transaction that is rolled back
    *,
    dry_run: Annotated[bool, Query(description="Check everything and answer as if, but do nothing.")] = False,
) -> bool:
    if dry_run:
        request.state.dry_run = True
    return dry_run


def tried(request: Request) -> bool:
    """Whether this request only tries what it asks for."""
    return getattr(request.state, "dry_run", False)


async def _secret(response: Response) -> None:
    response.headers["Cache-Control"] = "no-store"


SECRET = Depends(_secret)
"""For `dependencies` of an endpoint whose answer carries a secret: nobody stores it, and it isn't compressed."""

DryRun = Annotated[bool, Depends(_dry_run)]
"""For endpoints that can be tried: with `?dry_run=true` their transaction is rolled back after the answer is made."""

Cursor = Annotated[str | None, Query(description="`next_cursor` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=200, description="How many at most.")]


class PageOut(BaseModel, Generic[T]):
    """One page of a list; ask again with `cursor=next_cursor` until it is null."""

    items: list[T]
    next_cursor: str | None = None
