"""Signing in through an OpenID provider, where one is configured: the browser goes there and comes back."""

from __future__ import annotations

from hmac import compare_digest
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel

from stakazo.accounts import identities, people, second_factor, sessions, tokens
from stakazo.api import cookies
from stakazo.api.account import CodeIn
from stakazo.api.auth import SessionOut, SignsIn, begin_session
from stakazo.api.counting import guess
from stakazo.api.deps import Here, open_to_all
from stakazo.api.errors import responses
from stakazo.api.identity import device, thread
from stakazo.api.once import keyless
from stakazo.api.routes import Router
from stakazo.core.errors import NotFound, StakazoError, Unauthenticated
from stakazo.core.limits import Kind

router = Router(prefix="/auth/oidc", tags=["oidc"])

MINUTES = 10 * 60.0
"""Seconds that the way there and back may take."""
PAGE = "/account"
"""Where the browser ends up."""


class ProviderOut(BaseModel):
    issuer: str


@router.get("", response_model=ProviderOut, responses=responses(404))
async def provider(_: Annotated[None, open_to_all()], here: Here) -> Any:
    """Whether, and through whom, one can sign in here."""
    _configured(here)
    return ProviderOut(issuer=here.provider.issuer)


@router.get("/start", status_code=302, response_class=RedirectResponse, responses=responses(404, 503))
async def start(_: Annotated[None, open_to_all()], here: Here) -> Response:
    """Open this in the browser to sign in through the provider."""
    _configured(here)
    begun = await here.provider.begin()
    remembered = await here.tokens.sign("provider", begun.state, MINUTES, nonce=begun.nonce, verifier=begun.verifier)
    response = RedirectResponse(begun.url, 302, headers={"Cache-Control": "no-store"})
    cookies.PROVIDER.give(response, here.settings, remembered, MINUTES)
    return response


@router.get("/callback", status_code=302, response_class=RedirectResponse, responses=responses(404, 422))
async def callback(
    _: Annotated[None, open_to_all()],
    request: Request,
    here: Here,
    state: Annotated[str, Query(max_length=500)] = "",
    code: Annotated[str, Query(max_length=4000)] = "",
) -> Response:
    """Where the provider sends the browser back to: signs in by cookies, and goes on to the page of the account."""
    _configured(here)
    try:
        remembered = await here.tokens.read(cookies.PROVIDER.of(request, here.settings) or "", "provider")
        if not code or not compare_digest(remembered["sub"].encode(), state.encode()):
            raise Unauthenticated("This sign-in was not begun in this browser.")
        claims = await here.provider.finish(code, remembered["nonce"], remembered["verifier"])
        user_id = await identities.resolve(here.db, here.settings, claims, thread(request))
    except StakazoError as error:
        response: Response = RedirectResponse(f"{PAGE}#refused={error.code}", 302)
        cookies.PROVIDER.remove(response, here.settings)
        return response
    async with here.db.personal_transaction(user_id) as session:
        if await second_factor.wanted(session, user_id):
            response = RedirectResponse(f"{PAGE}#code", 302)
            proven = await here.tokens.sign("second_factor", str(user_id), MINUTES)
            cookies.PROVIDER.give(response, here.settings, proven, MINUTES)
            return response
        grant = await sessions.start(session, here.settings, user_id, device(request), thread(request))
    access = await here.tokens.access(user_id, grant.session_id, grant.workspace_id)
    response = RedirectResponse(f"{PAGE}#signed-in", 302)
    cookies.PROVIDER.remove(response, here.settings)
    cookies.ACCESS.give(response, here.settings, access, tokens.LIFETIME)
    cookies.REFRESH.give(response, here.settings, grant.refresh_token, cookies.until(grant.expires_at))
    return response


@router.post("/second-factor", response_model=SessionOut, responses=responses(401, 403, 404, 422))
@keyless("a code works once")
async def second_factor_(
    _: Annotated[None, open_to_all(Kind.LOGIN)], request: Request, response: Response, here: Here, wanted: CodeIn
) -> Any:
    """After the provider, for who has a second factor here: its code."""
    _configured(here)
    cookies.require_own_page(request, here.settings)
    proven = await here.tokens.read(cookies.PROVIDER.of(request, here.settings) or "", "second_factor")
    user_id = UUID(proven["sub"])
    async with guess(here.limiter, str(user_id)), here.db.personal_transaction(user_id) as session:
        await people.require_code(session, here.keys, user_id, wanted.code, thread(request))
    cookies.PROVIDER.remove(response, here.settings)
    return await begin_session(request, response, here, user_id, SignsIn(cookies=True))


def _configured(here: Here) -> None:
    if not here.provider.configured:
        raise NotFound("No OpenID provider is configured: STAKAZO_OIDC_ISSUER and STAKAZO_OIDC_CLIENT_ID.")
