"""Signing up, in and out; and who one is."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.accounts import people, registration, second_factor, sessions, tokens, workspaces
from stakazo.accounts.models import User
from stakazo.accounts.person import Person
from stakazo.accounts.roles import ROLES, Permission, Role
from stakazo.accounts.sessions import Grant
from stakazo.api import cookies
from stakazo.api.conditions import KNOWN, Editing, Reading
from stakazo.api.counting import guess
from stakazo.api.deps import Here, PersonalDB, Services, open_to_all, signed_in
from stakazo.api.errors import responses
from stakazo.api.identity import device, person_of, thread
from stakazo.api.once import keyless
from stakazo.api.routes import Router
from stakazo.api.workspaces import WorkspaceOut
from stakazo.core.errors import Invalid, StakazoError, Unauthenticated
from stakazo.core.limits import Kind
from stakazo.jobs import service as jobs

router = Router(prefix="/auth", tags=["auth"])

Name = Annotated[str, Field(max_length=200, description="What others call them.")]
Password = Annotated[str, Field(min_length=1, max_length=1024)]
Email = Annotated[str, Field(max_length=320, examples=["ann@example.com"])]
Token = Annotated[str, Field(min_length=1, max_length=200, description="Out of the link, behind the `=`.")]


class SignsIn(BaseModel):
    """What ends in a session says how that is kept."""

    model_config = ConfigDict(extra="forbid")
    cookies: bool = Field(default=False, description="For a browser: the tokens go into cookies, not into the answer.")


class RegisterIn(SignsIn):
    email: Email | None = Field(default=None, description="Left out where the invitation names it.")
    name: Name = ""
    password: Password
    invitation: Token | None = Field(default=None, description="Needed unless registration is open.")


class ConfirmIn(SignsIn):
    token: Token
    password: Password = Field(description="The one chosen before: so nobody confirms an account of somebody else's.")


class LoginIn(SignsIn):
    email: Email
    password: Password
    code: str | None = Field(default=None, max_length=64, description="Of the second factor; or a recovery code.")
    workspace_id: UUID | None = Field(default=None, description="Where to act; else where they were last.")


class RefreshIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    refresh_token: str | None = Field(default=None, max_length=200, description="Left out by browsers.")


class SessionOut(BaseModel):
    """Somebody is signed in."""

    access_token: str | None = Field(description="Send it as `Authorization: Bearer`; null where it is in a cookie.")
    refresh_token: str | None = Field(description="For POST /auth/refresh, once; null where it is in a cookie.")
    token_type: str = "Bearer"  # noqa: S105 - the name of a kind
    expires_in: int = Field(description="Seconds until the access token must be refreshed.")
    user_id: UUID
    session_id: UUID
    workspace_id: UUID | None = Field(description="Where the access token acts; null for who is in no workspace.")
    expires_at: datetime = Field(description="When the session ends, however often it is refreshed.")


class Accepted(BaseModel):
    detail: str


class MeOut(BaseModel):
    id: UUID
    email: str
    email_confirmed: bool
    name: str
    has_password: bool
    second_factor: bool
    recovery_codes_left: int
    session_id: UUID
    workspace_id: UUID | None = Field(description="Where this access token acts.")
    role: Role | None = Field(description="There.")
    permissions: list[Permission] = Field(description="There.")
    workspaces: list[WorkspaceOut] = Field(description="All of theirs.")


class MeIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Name


class PasswordOnly(BaseModel):
    model_config = ConfigDict(extra="forbid")
    password: Password


async def grant_access(request: Request, response: Response, here: Services, grant: Grant, *, cookies_: bool) -> Any:
    """The answer to a sign-in: tokens, or cookies with them."""
    access = await here.tokens.access(grant.user_id, grant.session_id, grant.workspace_id)
    response.headers["Cache-Control"] = "no-store"
    if cookies_:
        cookies.require_own_page(request, here.settings)
        cookies.ACCESS.give(response, here.settings, access, tokens.LIFETIME)
        cookies.REFRESH.give(response, here.settings, grant.refresh_token, cookies.until(grant.expires_at))
    return SessionOut(
        access_token=None if cookies_ else access,
        refresh_token=None if cookies_ else grant.refresh_token,
        expires_in=int(tokens.LIFETIME),
        user_id=grant.user_id,
        session_id=grant.session_id,
        workspace_id=grant.workspace_id,
        expires_at=grant.expires_at,
    )


async def begin_session(
    request: Request,
    response: Response,
    here: Services,
    user_id: UUID,
    wanted: SignsIn,
    workspace_id: UUID | None = None,
) -> Any:
    """Sign somebody in who has shown who they are."""
    if wanted.cookies:
        cookies.require_own_page(request, here.settings)
    async with here.db.personal_transaction(user_id) as session:
        grant = await sessions.start(
            session, here.settings, user_id, device(request), thread(request), workspace_id=workspace_id
        )
    return await grant_access(request, response, here, grant, cookies_=wanted.cookies)


@router.post(
    "/register",
    status_code=201,
    response_model=SessionOut,
    responses=responses(403, 404, 409, 422, also={202: {"model": Accepted, "description": "A letter is on its way."}}),
)
@keyless("an address has one account")
async def register(
    _: Annotated[None, open_to_all(Kind.LOGIN)], request: Request, response: Response, here: Here, wanted: RegisterIn
) -> Any:
    """Make an account.

    With an invitation one is signed in at once. Without, where registration is open, a letter goes to the address, and
    the account is there when its link is opened: the answer is the same whether the address has an account or not.
    """
    if wanted.invitation is not None:
        user_id, letter = await registration.join(
            here.db,
            here.passwords,
            here.settings,
            wanted.invitation,
            wanted.email,
            wanted.name,
            wanted.password,
            thread(request),
        )
        if letter is not None:
            await here.post.send(letter)
        return await begin_session(request, response, here, user_id, wanted)
    if wanted.email is None:
        raise Invalid("An address is needed: `email`.")
    letter = await registration.register(
        here.db, here.passwords, here.settings, wanted.email, wanted.name, wanted.password
    )
    await here.post.send(letter)
    sent = Accepted(detail="A letter is on its way to this address. Open the link in it.")
    return JSONResponse(sent.model_dump(), 202)


@router.post("/register/confirm", status_code=201, response_model=SessionOut, responses=responses(401, 409, 422))
@keyless("the link works once")
async def confirm(
    _: Annotated[None, open_to_all(Kind.LOGIN)], request: Request, response: Response, here: Here, wanted: ConfirmIn
) -> Any:
    """Open the link of the letter: now there is an account, with a workspace of its own."""
    user_id = await registration.confirm_registration(
        here.db, here.passwords, wanted.token, wanted.password, thread(request)
    )
    return await begin_session(request, response, here, user_id, wanted)


@router.post("/login", response_model=SessionOut, responses=responses(401, 403, 422, 503))
@keyless("a session more does no harm")
async def login(
    _: Annotated[None, open_to_all(Kind.LOGIN)], request: Request, response: Response, here: Here, wanted: LoginIn
) -> Any:
    """Sign in. Where a second factor is set up and no code is sent, the refusal is `second_factor_required`."""
    async with guess(here.limiter, wanted.email):
        user_id = await people.sign_in(
            here.db, here.passwords, here.keys, wanted.email, wanted.password, wanted.code, thread(request)
        )
    return await begin_session(request, response, here, user_id, wanted, wanted.workspace_id)


@router.post("/refresh", response_model=SessionOut, responses=responses(401, 403, 422))
@keyless("a refresh token works once by itself")
async def refresh(
    _: Annotated[None, open_to_all()],
    request: Request,
    response: Response,
    here: Here,
    wanted: RefreshIn | None = None,
) -> Any:
    """Exchange the refresh token for an access token and the next refresh token.

    A refresh token that comes a second time ends the whole session: it, or its successor, was stolen.
    """
    token, by_cookie = _refresh_token(request, here, wanted)
    if token is None:
        raise Unauthenticated("There is no refresh token. Sign in again.")
    async with here.db.system_transaction() as session:
        grant = await sessions.refresh(session, here.settings, token, device(request), thread(request))
    if grant is None:
        raise Unauthenticated("This session has ended. Sign in again.")
    return await grant_access(request, response, here, grant, cookies_=by_cookie)


@router.post("/logout", status_code=204, responses=responses(403, 422))
@keyless("a session ends once")
async def logout(
    _: Annotated[None, open_to_all()], request: Request, response: Response, here: Here, wanted: RefreshIn | None = None
) -> None:
    """End this session, known by its refresh token, its access token, or its cookie. Doing it again changes nothing."""
    token, by_cookie = _refresh_token(request, here, wanted)
    async with here.db.system_transaction() as session:
        ending = await sessions.of_token(session, token) if token else None
        if ending is not None:
            await sessions.end(session, ending, "signed_out", thread(request))
    if ending is None and (me := await _whoever(request, here)) is not None:
        async with here.db.personal_transaction(me.user_id) as session:
            await sessions.revoke(session, me, me.session_id)
    if by_cookie or cookies.ACCESS.of(request, here.settings):
        cookies.ACCESS.remove(response, here.settings)
        cookies.REFRESH.remove(response, here.settings)


@router.get("/me", response_model=MeOut, responses=responses(401, also=KNOWN))
async def me(me: Annotated[Person, signed_in()], db: PersonalDB, reading: Reading) -> Any:
    """Who is signed in, and what they may do where."""
    return reading.show(await _me(db, me, await db.get_one(User, me.user_id)))


@router.patch("/me", response_model=MeOut, responses=responses(401, 412, 422))
async def rename(me: Annotated[Person, signed_in()], db: PersonalDB, wanted: MeIn, editing: Editing) -> Any:
    """Be called something else."""
    editing.require(await _me(db, me, await db.get_one(User, me.user_id, with_for_update=True)))
    return editing.show(await _me(db, me, await people.rename(db, me, wanted.name)))


@router.post("/me/delete", status_code=204, responses=responses(401, 409, 422))
@keyless("an account ends once")
async def delete(me: Annotated[Person, signed_in()], response: Response, here: Here, wanted: PasswordOnly) -> None:
    """Delete one's account, with all that is known of the person. Not while they are a workspace's only owner."""
    async with guess(here.limiter, str(me.user_id)):
        await people.require_password(here.db, here.passwords, me.user_id, wanted.password)
    await people.delete(here.db, me, also=jobs.forget)
    cookies.ACCESS.remove(response, here.settings)
    cookies.REFRESH.remove(response, here.settings)


async def _me(session: AsyncSession, me: Person, user: User) -> MeOut:
    credential = await people.credential_of(session, me.user_id)
    return MeOut(
        id=user.id,
        email=user.email,
        email_confirmed=user.email_confirmed_at is not None,
        name=user.name,
        has_password=credential.password_hash is not None,
        second_factor=credential.totp_confirmed_at is not None,
        recovery_codes_left=await second_factor.codes_left(session, me.user_id),
        session_id=me.session_id,
        workspace_id=me.workspace_id,
        role=me.role,
        permissions=sorted(ROLES[me.role]) if me.role else [],
        workspaces=[WorkspaceOut.model_validate(place) for place in await workspaces.mine(session, me.user_id)],
    )


def _refresh_token(request: Request, here: Services, wanted: RefreshIn | None) -> tuple[str | None, bool]:
    """The refresh token, and whether a browser's cookie brought it."""
    if wanted is not None and wanted.refresh_token:
        return wanted.refresh_token, False
    token = cookies.REFRESH.of(request, here.settings)
    if token is None:
        return None, False
    cookies.require_own_page(request, here.settings)
    return token, True


async def _whoever(request: Request, here: Services) -> Person | None:
    """Who holds the access token of this request; nobody where it counts no more."""
    given = request.headers.get("authorization", "").partition(" ")[2] or cookies.ACCESS.of(request, here.settings)
    try:
        return await person_of(here.db, here.tokens, given, thread(request)) if given else None
    except StakazoError:
        return None
