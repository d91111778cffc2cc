"""Whom a provider's person is with us."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.accounts import emails, invitations, registration, workspaces
from stakazo.accounts.models import Identity, User
from stakazo.accounts.oidc import Claims
from stakazo.accounts.people import by_email
from stakazo.accounts.person import tell
from stakazo.core.db import Database
from stakazo.core.errors import Forbidden, Unauthenticated
from stakazo.core.settings import Settings


async def resolve(db: Database, settings: Settings, claims: Claims, correlation_id: UUID) -> UUID:
    """The person of ours, found or joined or made.

    They are joined only by an address that the provider has verified and that was confirmed here too, or else whoever
    registers with somebody's address first would have that person's sign-in later. Made only for who was invited at
    that address, or where registration is open. Raises Forbidden.
    """
    async with db.system_transaction() as session:
        theirs = Identity.issuer == claims.issuer, Identity.subject == claims.subject
        known = await session.scalar(select(User).join(Identity, Identity.user_id == User.id).where(*theirs))
        if known is not None:
            return _enabled(known).id
        if claims.email is None or not claims.email_verified:
            raise Forbidden("The provider has not verified your address, so nothing says who you are here.")
        email = emails.tidy(claims.email)
        user = await by_email(session, email)
        if user is None:
            user = await _new(session, settings, claims, email, correlation_id)
        elif user.email_confirmed_at is None:
            raise Forbidden("Sign in with your password and confirm your address first; then your provider will do.")
        session.add(Identity(user_id=_enabled(user).id, issuer=claims.issuer, subject=claims.subject))
        await session.flush()
        await tell(session, "identity_linked", user.id, correlation_id)
        return user.id


async def _new(session: AsyncSession, settings: Settings, claims: Claims, email: str, correlation_id: UUID) -> User:
    invited = await invitations.for_address(session, email)
    if settings.registration == "closed" or (settings.registration == "invitation" and not invited):
        raise Forbidden("You have no account here. Ask for an invitation to your address.")
    user = await registration.make(session, email, claims.name, None, confirmed=True)
    if not invited:
        await workspaces.create(session, user.id, f"{claims.name or 'My'} workspace"[:200], correlation_id)
    for invitation in invited:
        await invitations.take(session, invitation, user.id, correlation_id)
    await tell(session, "user_registered", user.id, correlation_id)
    return user


def _enabled(user: User) -> User:
    if user.disabled_at is not None:
        raise Unauthenticated("This account is disabled.")
    return user
