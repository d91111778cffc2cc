"""One's own account: password, address, second factor, sessions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import BackgroundTasks, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.accounts import letters, people, second_factor, sessions
from stakazo.accounts.models import User
from stakazo.accounts.person import Person
from stakazo.api.auth import Accepted, Email, Password, PasswordOnly, Token
from stakazo.api.counting import guess
from stakazo.api.deps import SECRET, Cursor, Here, Limit, PageOut, PersonalDB, Services, open_to_all, signed_in
from stakazo.api.errors import responses
from stakazo.api.identity import thread
from stakazo.api.once import keyless
from stakazo.api.routes import Router
from stakazo.core.limits import Kind

router = Router(prefix="/auth", tags=["account"])

Code = Annotated[str, Field(min_length=6, max_length=64, description="That the app shows; or a recovery code.")]


class ForgotIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    email: Email


class ResetIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    token: Token
    password: Password


class ChangePasswordIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    current: Password
    password: Password = Field(description="The new one.")


class ChangeEmailIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    email: Email
    password: Password


class TokenIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    token: Token


class SetupOut(BaseModel):
    """What an authenticator app needs; shown this once."""

    model_config = ConfigDict(from_attributes=True)
    secret: str = Field(description="To type, where nothing can be scanned.")
    uri: str = Field(examples=["otpauth://totp/Stakazo:ann%40example.com?secret=...&issuer=Stakazo"])
    picture: str = Field(description="The URI as a QR code: SVG.")


class CodeIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    code: Code


class SureIn(BaseModel):
    """For what a borrowed session must not be enough for."""

    model_config = ConfigDict(extra="forbid")
    password: Password
    code: Code


class CodesOut(BaseModel):
    recovery_codes: list[str] = Field(description="Each stands in for the app once; shown this once.")


class SessionItem(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: UUID
    address: str
    agent: str = Field(description="What the browser or program called itself.")
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    current: bool = False


# --- password -----------------------------------------------------------------------------------------------


@router.post("/password/forgot", status_code=202, response_model=Accepted, responses=responses(422))
@keyless("the newest link counts")
async def forgot(_: Annotated[None, open_to_all(Kind.LOGIN)], request: Request, here: Here, wanted: ForgotIn) -> Any:
    """Have a link sent with which to choose a new password. The answer is the same for every address."""
    letter = await people.forgot_password(here.db, here.settings, wanted.email, thread(request))
    if letter is not None:
        await here.post.send(letter)
    return Accepted(detail="If this address has an account, a letter is on its way. Open the link in it.")


@router.post("/password/reset", status_code=204, responses=responses(404, 422, 503))
@keyless("the link works once")
async def reset(_: Annotated[None, open_to_all(Kind.LOGIN)], request: Request, here: Here, wanted: ResetIn) -> None:
    """Choose a new password by such a link. Every session ends; sign in anew."""
    letter = await people.reset_password(
        here.db, here.passwords, here.settings, wanted.token, wanted.password, thread(request)
    )
    await here.post.send(letter)


@router.post("/password/change", status_code=204, responses=responses(401, 422, 503))
@keyless("the old password counts once")
async def change_password(me: Annotated[Person, signed_in()], here: Here, wanted: ChangePasswordIn) -> None:
    """Take another password. The sessions elsewhere end."""
    async with guess(here.limiter, str(me.user_id)):
        letter = await people.change_password(
            here.db, here.passwords, here.settings, me, wanted.current, wanted.password
        )
    await here.post.send(letter)


# --- address ------------------------------------------------------------------------------------------------


@router.post("/email/change", status_code=202, response_model=Accepted, responses=responses(401, 422, 503))
@keyless("the newest link counts")
async def change_email(me: Annotated[Person, signed_in()], here: Here, wanted: ChangeEmailIn) -> Any:
    """Take another address: it counts when the link that is sent to it was opened."""
    await _require_password(here, me, wanted.password)
    letter = await people.change_email(here.db, here.settings, me, wanted.email)
    if letter is not None:
        await here.post.send(letter)
    return Accepted(detail="A letter is on its way to the new address. Open the link in it.")


@router.post("/email/confirm", status_code=204, responses=responses(404, 409, 422))
@keyless("the link works once")
async def confirm_email(
    _: Annotated[None, open_to_all(Kind.LOGIN)], request: Request, here: Here, wanted: TokenIn
) -> None:
    """Show that an address is yours, by the link that was sent to it."""
    letter = await people.confirm_email(here.db, wanted.token, thread(request))
    if letter is not None:
        await here.post.send(letter)


# --- second factor ------------------------------------------------------------------------------------------


@router.post(
    "/totp", status_code=201, response_model=SetupOut, responses=responses(401, 409, 422, 503), dependencies=[SECRET]
)
async def begin_totp(me: Annotated[Person, signed_in()], db: PersonalDB, here: Here, wanted: PasswordOnly) -> Any:
    """Begin to set up a second factor: scan the picture, then confirm with the code that the app shows."""
    await _require_password(here, me, wanted.password)
    return await second_factor.begin(db, here.keys, me)


@router.post("/totp/confirm", response_model=CodesOut, responses=responses(401, 409, 422), dependencies=[SECRET])
async def confirm_totp(
    me: Annotated[Person, signed_in()], db: PersonalDB, here: Here, background: BackgroundTasks, wanted: CodeIn
) -> Any:
    """From now on every sign-in needs a code. Keep the recovery codes."""
    async with guess(here.limiter, str(me.user_id)):
        codes = await second_factor.confirm(db, here.keys, me, wanted.code)
    await _tell(db, here, me, background, added=True)
    return CodesOut(recovery_codes=codes)


@router.post("/totp/remove", status_code=204, responses=responses(401, 422, 503))
async def remove_totp(
    me: Annotated[Person, signed_in()], db: PersonalDB, here: Here, background: BackgroundTasks, wanted: SureIn
) -> None:
    """Sign in by password alone from now on."""
    await _require_password(here, me, wanted.password)
    async with guess(here.limiter, str(me.user_id)):
        await second_factor.remove(db, here.keys, me, wanted.code)
    await _tell(db, here, me, background, added=False)


@router.post(
    "/recovery-codes",
    status_code=201,
    response_model=CodesOut,
    responses=responses(401, 422, 503),
    dependencies=[SECRET],
)
async def renew_codes(me: Annotated[Person, signed_in()], db: PersonalDB, here: Here, wanted: SureIn) -> Any:
    """Make new recovery codes; those of before count no more."""
    await _require_password(here, me, wanted.password)
    async with guess(here.limiter, str(me.user_id)):
        return CodesOut(recovery_codes=await second_factor.renew_codes(db, here.keys, me, wanted.code))


async def _require_password(here: Services, me: Person, password: str) -> None:
    async with guess(here.limiter, str(me.user_id)):
        await people.require_password(here.db, here.passwords, me.user_id, password)


async def _tell(db: AsyncSession, here: Services, me: Person, background: BackgroundTasks, *, added: bool) -> None:
    user = await db.get_one(User, me.user_id)
    letter = letters.second_factor_changed(here.settings.base_url, user.email, added=added)
    background.add_task(here.post.send, letter)  # once it is so


# --- sessions -----------------------------------------------------------------------------------------------


@router.get("/sessions", response_model=PageOut[SessionItem], responses=responses(401, 422))
async def find_sessions(
    me: Annotated[Person, signed_in()],
    db: PersonalDB,
    address: Annotated[str | None, Query(description="From where it was last used.")] = None,
    sort: Annotated[Literal["last_used", "newest", "oldest"], Query()] = "last_used",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Any:
    """Where one is signed in."""
    found = await sessions.find(db, me.user_id, address=address, sort=sort, cursor=cursor, limit=limit)
    items = [SessionItem.model_validate(row) for row in found.items]
    items = [item.model_copy(update={"current": item.id == me.session_id}) for item in items]
    return PageOut(items=items, next_cursor=found.next_cursor)


@router.delete("/sessions", status_code=204, responses=responses(401))
async def end_other_sessions(me: Annotated[Person, signed_in()], here: Here) -> None:
    """Sign out everywhere but here."""
    async with here.db.personal_transaction(me.user_id) as session:
        await sessions.end_all(session, me.user_id, "revoked", me.correlation_id, but=me.session_id)


@router.delete("/sessions/{session_id}", status_code=204, responses=responses(401, 404, 422))
async def end_session(me: Annotated[Person, signed_in()], here: Here, session_id: UUID) -> None:
    """Sign out there."""
    async with here.db.personal_transaction(me.user_id) as session:
        await sessions.revoke(session, me, session_id)
