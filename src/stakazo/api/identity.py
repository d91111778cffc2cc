"""Who asks: by an API key, by an access token, or by the cookie of a browser."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from fastapi import Request

from stakazo.accounts import keys, sessions
from stakazo.accounts.person import Device, Person
from stakazo.accounts.tokens import Tokens
from stakazo.api import cookies
from stakazo.api.requests import correlation_of
from stakazo.core.actor import Actor
from stakazo.core.db import Database
from stakazo.core.errors import Unauthenticated
from stakazo.core.settings import Settings

Caller = Actor | Person
"""A key in its workspace, or somebody who is signed in."""


def thread(request: Request) -> UUID:
    """The id under which the ledger keeps together what this request sets in motion."""
    return correlation_of(request.state.request_id)


def device(request: Request) -> Device:
    return Device(request.client.host if request.client else "", request.headers.get("user-agent", ""))


async def identify(request: Request, settings: Settings, db: Database, tokens: Tokens, token: str | None) -> Caller:
    """Who asks, as they are now. Raises Unauthenticated, and Forbidden for a cookie from another site's page.

    Args:
        token: What the headers say; where they say nothing the cookie counts.
    """
    if token is None:
        token = cookies.ACCESS.of(request, settings)
        if token is None:
            raise Unauthenticated(
                "This needs an API key or a sign-in: send the key as 'Authorization: Bearer stk_...', or sign in with "
                "POST /auth/login. The first key is in the file api_key of the data directory."
            )
        cookies.require_own_page(request, settings)
    if token.startswith(keys.PREFIX) or token.count(".") != 2:
        request.state.key = token
        actor = await keys.authenticate(db, token, device(request).address)
        return replace(actor, correlation_id=thread(request))
    return await person_of(db, tokens, token, thread(request))


async def still(request: Request, db: Database) -> Actor | None:
    """As whom the one who asked this may act now; null where their key, session or membership has ended since."""
    caller: Caller = request.state.caller
    if isinstance(caller, Actor):
        try:
            return await keys.authenticate(db, request.state.key, device(request).address)
        except Unauthenticated:
            return None
    async with db.personal_transaction(caller.user_id) as session:
        person = await sessions.identify(session, caller)
    return person.actor() if person else None


async def person_of(db: Database, tokens: Tokens, token: str, correlation_id: UUID) -> Person:
    """Who holds this access token, as they are now. Raises Unauthenticated when their session has ended."""
    said = await tokens.read(token, "access")
    claimed = Person(
        user_id=UUID(said["sub"]),
        session_id=UUID(said["sid"]),
        workspace_id=UUID(said["wid"]) if "wid" in said else None,
        correlation_id=correlation_id,
    )
    async with db.personal_transaction(claimed.user_id) as session:
        person = await sessions.identify(session, claimed)
    if person is None:
        raise Unauthenticated("This session has ended. Sign in again.")
    return person
