"""How people get an account: by themselves where that is allowed, or by an invitation.

A stranger gets the same answer whether the address has an account or not; who reads the mail learns the rest.
"""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.accounts import emails, invitations, letters, links, proofs, workspaces
from stakazo.accounts.letters import Letter
from stakazo.accounts.models import Credential, LinkKind, Registration, User
from stakazo.accounts.passwords import Passwords, require_good
from stakazo.accounts.people import by_email
from stakazo.accounts.person import tell
from stakazo.core.actor import new_id
from stakazo.core.db import Database
from stakazo.core.errors import Conflict, Forbidden, Unauthenticated
from stakazo.core.settings import Settings


async def register(
    db: Database, passwords: Passwords, settings: Settings, email: str, name: str, password: str
) -> Letter:
    """Want an account: the letter that makes it so once it is read. Raises Forbidden where nobody may."""
    if settings.registration != "open":
        how = "Ask for an invitation." if settings.registration == "invitation" else "It is closed."
        raise Forbidden(f"Nobody can register here by themselves. {how}")
    email = emails.tidy(email)
    require_good(password, name, email)
    hashed = await passwords.hash(password)
    token, now = proofs.new_token(links.PREFIX), datetime.now(UTC)
    async with db.system_transaction() as session:
        await session.execute(delete(Registration).where(Registration.expires_at < now))
        if await by_email(session, email) is not None:
            return letters.known_already(settings.base_url, email)
        session.add(
            Registration(
                email=email,
                name=name,
                password_hash=hashed,
                token_hash=proofs.hashed(token),
                expires_at=now + links.DAY,
            )
        )
    return letters.confirm_registration(settings.base_url, email, token)


async def confirm_registration(
    db: Database, passwords: Passwords, token: str, password: str, correlation_id: UUID
) -> UUID:
    """Whoever reads the mail and knows the password gets the account, with a workspace of their own.

    The password is asked again so that nobody can have another's address confirmed for an account of theirs.
    """
    found = select(Registration).where(Registration.token_hash == proofs.hashed(token))
    async with db.system_transaction() as session:
        wanted = await session.scalar(found.where(Registration.expires_at > datetime.now(UTC)))
    right, _ = await passwords.verify(password, wanted.password_hash if wanted else None)
    if wanted is None or not right:
        raise Unauthenticated("This link was used or has expired, or the password is not the one you chose.")
    async with db.system_transaction() as session:
        gone = await session.execute(
            delete(Registration).where(Registration.id == wanted.id).returning(Registration.id)
        )
        if gone.one_or_none() is None:
            raise Unauthenticated("This link was used.")
        user = await make(session, wanted.email, wanted.name, wanted.password_hash, confirmed=True)
        await workspaces.create(session, user.id, f"{wanted.name or 'My'} workspace"[:200], correlation_id)
        await tell(session, "user_registered", user.id, correlation_id)
    return user.id


async def join(
    db: Database,
    passwords: Passwords,
    settings: Settings,
    token: str,
    email: str | None,
    name: str,
    password: str,
    correlation_id: UUID,
) -> tuple[UUID, Letter | None]:
    """Make an account out of an invitation: the person, and the letter that asks whether the address is theirs.

    Raises NotFound for an invitation that doesn't count, Conflict where the address has an account: sign in, then.
    """
    if settings.registration == "closed":
        raise Forbidden("Nobody can register here: it is closed.")
    async with db.system_transaction() as session:
        invitation = await invitations.find(session, token)
        address = emails.tidy(email or invitation.email or "")
        invitations.require_for(invitation, address)
        if await by_email(session, address) is not None:
            raise Conflict("This address has an account. Sign in, and open the invitation again.")
    require_good(password, name, address)
    hashed = await passwords.hash(password)
    async with db.system_transaction() as session:
        invitation = await invitations.find(session, token)
        user = await make(session, address, name, hashed, confirmed=invitation.email is not None)
        await invitations.take(session, invitation, user.id, correlation_id)
        await tell(session, "user_registered", user.id, correlation_id, workspace_id=invitation.workspace_id)
        if user.email_confirmed_at is not None:
            return user.id, None
        link = await links.make(session, user.id, LinkKind.EMAIL_CONFIRM, address, links.DAY)
    return user.id, letters.confirm_email(settings.base_url, address, link)


async def make(session: AsyncSession, email: str, name: str, password_hash: str | None, *, confirmed: bool) -> User:
    user = User(id=new_id(), email=email, name=name, email_confirmed_at=datetime.now(UTC) if confirmed else None)
    session.add(user)
    try:
        await session.flush()
    except IntegrityError as error:
        raise Conflict("This address has an account. Sign in.") from error
    session.add(Credential(user_id=user.id, password_hash=password_hash))
    await session.flush()
    return user
