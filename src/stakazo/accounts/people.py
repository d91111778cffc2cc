"""People: how they show who they are, and change what they show it with.

A stranger who asks for a new password gets the same answer whether the address is known or not; who reads the mail
learns the rest.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import delete as delete_
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.accounts import emails, letters, links, members, second_factor, sessions, workspaces
from stakazo.accounts.letters import Letter
from stakazo.accounts.models import Credential, Link, LinkKind, User
from stakazo.accounts.passwords import Passwords, require_good
from stakazo.accounts.person import Person, of_user, tell
from stakazo.core.actor import new_id
from stakazo.core.db import Database
from stakazo.core.errors import Conflict, Forbidden, NotFound, Unauthenticated
from stakazo.core.security import Keyring
from stakazo.core.settings import Settings
from stakazo.ledger import service as ledger

WRONG = "The address or the password is not right."


# --- showing who one is -------------------------------------------------------------------------------------


async def sign_in(
    db: Database, passwords: Passwords, keyring: Keyring, email: str, password: str, code: str | None, thread: UUID
) -> UUID:
    """Who this is. Raises Unauthenticated, in the same words and the same time for whatever is wrong."""
    async with db.system_transaction() as session:
        user = await by_email(session, email.strip())
        credential = await credential_of(session, user.id) if user and not user.disabled_at else None
    right, anew = await passwords.verify(password, credential.password_hash if credential else None)
    if credential is None or not right:
        raise Unauthenticated(WRONG)
    async with db.personal_transaction(credential.user_id) as session:
        # As it was when it was checked: a password that was changed meanwhile is the old one.
        same = Credential.id == credential.id, Credential.password_hash == credential.password_hash
        values = {"password_hash": anew or credential.password_hash}
        kept = await session.execute(update(Credential).where(*same).values(values).returning(Credential.id))
        if kept.one_or_none() is None:
            raise Unauthenticated(WRONG)
        await require_code(session, keyring, credential.user_id, code, thread)
    return credential.user_id


async def require_code(session: AsyncSession, keyring: Keyring, user_id: UUID, code: str | None, thread: UUID) -> None:
    """Raises SecondFactorRequired or Unauthenticated, for who has a second factor and doesn't show it."""
    if not await second_factor.wanted(session, user_id):
        return
    if not code:
        raise second_factor.SecondFactorRequired("Now the code of your authenticator app, as `code`.")
    if not await second_factor.check(session, keyring, user_id, code, thread):
        raise Unauthenticated("This code is not right, or was used before. Wait for the next one.")


async def require_password(db: Database, passwords: Passwords, user_id: UUID, password: str) -> None:
    """For what a borrowed session must not be enough for. Raises Forbidden."""
    async with db.personal_transaction(user_id) as session:
        credential = await credential_of(session, user_id)
    right, _ = await passwords.verify(password, credential.password_hash)
    if not right:
        raise Forbidden("This is not your password. Without one, ask for a link with POST /auth/password/forgot.")


async def by_email(session: AsyncSession, email: str) -> User | None:
    """Whose address it is, whatever its capitals; for the machinery."""
    return await session.scalar(select(User).where(func.lower(User.email) == email.lower()))


# --- changing it --------------------------------------------------------------------------------------------


async def change_password(
    db: Database, passwords: Passwords, settings: Settings, person: Person, current: str, new: str
) -> Letter:
    """Take another password, and end the sessions elsewhere: the letter that says so. Raises Forbidden."""
    await require_password(db, passwords, person.user_id, current)
    async with db.personal_transaction(person.user_id) as session:
        user = await session.get_one(User, person.user_id)
    require_good(new, user.name, user.email)
    hashed = await passwords.hash(new)
    async with db.personal_transaction(person.user_id) as session:
        await _set_password(session, person.user_id, hashed)
        await sessions.end_all(
            session, person.user_id, "password_changed", person.correlation_id, but=person.session_id
        )
        await tell(session, "password_changed", person.user_id, person.correlation_id)
    return letters.password_changed(settings.base_url, user.email)


async def forgot_password(db: Database, settings: Settings, email: str, correlation_id: UUID) -> Letter | None:
    """The letter with which whoever reads it can choose a new password; none when nobody has this address."""
    async with db.system_transaction() as session:
        user = await by_email(session, email.strip())
        if user is None or user.disabled_at is not None:
            return None
        token = await links.make(session, user.id, LinkKind.PASSWORD_RESET, user.email, links.HOUR)
        await tell(session, "password_reset_requested", user.id, correlation_id)
    return letters.reset_password(settings.base_url, user.email, token)


async def rescue(db: Database, settings: Settings, email: str) -> str:
    """For whoever runs this: take somebody's second factor away; the link by which they choose a new password.

    Raises NotFound when nobody has this address.
    """
    async with db.system_transaction() as session:
        user = await by_email(session, email.strip())
        if user is None:
            raise NotFound(f"Nobody here has the address {email}.")
        await second_factor.drop(session, user.id)
        token = await links.make(session, user.id, LinkKind.PASSWORD_RESET, user.email, links.HOUR)
        await tell(session, "account_rescued", user.id, new_id())
    return letters.link(settings.base_url, "reset", token)


async def reset_password(
    db: Database, passwords: Passwords, settings: Settings, token: str, new: str, correlation_id: UUID
) -> Letter:
    """Choose a new password by such a link, and end every session: the letter that says so. Raises NotFound."""
    async with db.system_transaction() as session:
        link = await links.find(session, token, LinkKind.PASSWORD_RESET)
        user = await session.get_one(User, link.user_id)
    require_good(new, user.name, user.email)
    hashed = await passwords.hash(new)
    async with db.personal_transaction(user.id) as session:
        await links.use(session, link)
        await _set_password(session, user.id, hashed)
        await sessions.end_all(session, user.id, "password_reset", correlation_id)
        await tell(session, "password_reset", user.id, correlation_id)
    return letters.password_changed(settings.base_url, user.email)


async def change_email(db: Database, settings: Settings, person: Person, new: str) -> Letter | None:
    """Want another address: the letter to it that makes it so. None where it is somebody else's: nobody is told."""
    new = emails.tidy(new)
    async with db.system_transaction() as session:
        other = await by_email(session, new)
    if other is not None and other.id != person.user_id:
        return None
    async with db.personal_transaction(person.user_id) as session:
        token = await links.make(session, person.user_id, LinkKind.EMAIL_CHANGE, new, links.DAY)
        await tell(session, "email_change_requested", person.user_id, person.correlation_id)
    return letters.confirm_email(settings.base_url, new, token)


async def confirm_email(db: Database, token: str, correlation_id: UUID) -> Letter | None:
    """The address is shown to be theirs, and becomes the account's: the letter to the old one, where it is another.

    Raises NotFound for a link that doesn't count, Conflict when somebody else has the address by now.
    """
    async with db.system_transaction() as session:
        link = await links.find(session, token, LinkKind.EMAIL_CHANGE, LinkKind.EMAIL_CONFIRM)
    async with db.personal_transaction(link.user_id) as session:
        await links.use(session, link)
        user = await session.get_one(User, link.user_id)
        old = user.email
        if link.kind is LinkKind.EMAIL_CONFIRM and not emails.same(old, link.email):
            raise NotFound("This link is for an address that the account no longer has.")
        user.email, user.email_confirmed_at = link.email, datetime.now(UTC)
        try:
            await session.flush()
        except IntegrityError as error:
            raise Conflict("This address has another account.") from error
        changed = not emails.same(old, link.email)
        await tell(session, "email_changed" if changed else "email_confirmed", user.id, correlation_id)
    return letters.email_changed(old, link.email) if changed else None


async def rename(session: AsyncSession, person: Person, name: str) -> User:
    user = await session.get_one(User, person.user_id)
    user.name = name
    await tell(session, "user_renamed", person.user_id, person.correlation_id)
    await session.flush()
    return user


async def delete(
    db: Database, person: Person, *, also: Callable[[AsyncSession, Collection[UUID]], Awaitable[object]]
) -> None:
    """Remove the account and all that is known of the person.

    The ledger keeps an id that leads nowhere; what it says of them personally can't be read any more. `also` forgets
    in the same transaction, the machinery's, what others say of those with these ids.

    Raises Conflict while they are the only owner of a workspace.
    """
    async with db.system_transaction() as session:
        places = await workspaces.mine(session, person.user_id)
        for place in places:
            await members.require_other_owner(session, place.id, person.user_id, place.name)
            await tell(session, "user_deleted", person.user_id, person.correlation_id, workspace_id=place.id)
        await session.flush()
        by = of_user(person.user_id, person.workspace_id or person.user_id, person.correlation_id)
        await ledger.erase_everywhere(session, "user", person.user_id, by)
        await also(session, {person.user_id})
        await session.execute(delete_(User).where(User.id == person.user_id))


async def _set_password(session: AsyncSession, user_id: UUID, hashed: str) -> None:
    await session.execute(update(Credential).where(Credential.user_id == user_id).values(password_hash=hashed))
    await session.execute(delete_(Link).where(Link.user_id == user_id, Link.kind == LinkKind.PASSWORD_RESET))


async def credential_of(session: AsyncSession, user_id: UUID) -> Credential:
    """What somebody signs in with."""
    return (await session.scalars(select(Credential).where(Credential.user_id == user_id))).one()
