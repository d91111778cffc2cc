"""The second factor of a person: set up, asked for, recovered, given up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.accounts import proofs, totp
from stakazo.accounts.models import Credential, RecoveryCode, User
from stakazo.accounts.person import Person, tell
from stakazo.core.errors import Conflict, Forbidden, Unauthenticated
from stakazo.core.security import Keyring

CODES = 10
_PLACE = "credentials.totp_secret"


class SecondFactorRequired(Unauthenticated):
    """The password was right, and a code is needed too."""

    code = "second_factor_required"


@dataclass(frozen=True, slots=True)
class Setup:
    """What an authenticator app needs; shown this once."""

    secret: str
    uri: str
    picture: str
    """The URI as a QR code: SVG."""


async def begin(session: AsyncSession, keyring: Keyring, person: Person) -> Setup:
    """Make a secret. It counts from when a first code of it was shown. Raises Conflict where one counts already."""
    credential = await _of(session, person.user_id)
    if credential.totp_confirmed_at is not None:
        raise Conflict("There is a second factor already. Remove it first.")
    secret = totp.new_secret()
    credential.totp_secret = keyring.seal(secret.encode(), _PLACE, owner=person.user_id, row=credential.id)
    user = await session.get_one(User, person.user_id)
    uri = totp.uri(secret, user.email)
    return Setup(secret, uri, totp.picture(uri))


async def confirm(session: AsyncSession, keyring: Keyring, person: Person, code: str) -> list[str]:
    """Let it count from now on; the recovery codes, shown this once. Raises Forbidden when the code is wrong."""
    credential = await _of(session, person.user_id)
    if credential.totp_secret is None or credential.totp_confirmed_at is not None:
        raise Conflict("No second factor is being set up. Begin with POST /auth/totp.")
    step = totp.step_of(_open(keyring, credential), code, after=credential.totp_step)
    if step is None:
        raise Forbidden("This is not the code that the app shows now. Check the clock of your phone.")
    credential.totp_confirmed_at, credential.totp_step = datetime.now(UTC), step
    await tell(session, "second_factor_added", person.user_id, person.correlation_id)
    return await _new_codes(session, person.user_id)


async def remove(session: AsyncSession, keyring: Keyring, person: Person, code: str) -> None:
    """Sign in by password alone from now on. Raises Forbidden when the code is wrong."""
    if not await check(session, keyring, person.user_id, code, person.correlation_id):
        raise Forbidden("This code is not right, or was used before.")
    await drop(session, person.user_id)
    await tell(session, "second_factor_removed", person.user_id, person.correlation_id)


async def drop(session: AsyncSession, user_id: UUID) -> None:
    """Forget somebody's second factor and its recovery codes, whether they have one or not."""
    credential = await _of(session, user_id)
    credential.totp_secret = credential.totp_confirmed_at = None
    await session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))


async def renew_codes(session: AsyncSession, keyring: Keyring, person: Person, code: str) -> list[str]:
    """New recovery codes; the old ones are worth nothing any more. Raises Forbidden when the code is wrong."""
    if not await check(session, keyring, person.user_id, code, person.correlation_id):
        raise Forbidden("This code is not right, or was used before.")
    await tell(session, "recovery_codes_renewed", person.user_id, person.correlation_id)
    return await _new_codes(session, person.user_id)


async def wanted(session: AsyncSession, user_id: UUID) -> bool:
    """Whether somebody has to show a second factor."""
    found = select(Credential.totp_confirmed_at).where(Credential.user_id == user_id)
    return await session.scalar(found) is not None


async def codes_left(session: AsyncSession, user_id: UUID) -> int:
    unused = RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None)
    return await session.scalar(select(func.count()).select_from(RecoveryCode).where(*unused)) or 0


async def check(session: AsyncSession, keyring: Keyring, user_id: UUID, code: str, correlation_id: UUID) -> bool:
    """Whether the code is right and was never used; it is used by this. A recovery code will do as well."""
    credential = await _of(session, user_id)
    if credential.totp_secret is None or credential.totp_confirmed_at is None:
        return False
    step = totp.step_of(_open(keyring, credential), code, after=credential.totp_step)
    if step is not None:
        # Of two who come with the same code one finds the step still free.
        free = Credential.user_id == user_id, or_(Credential.totp_step.is_(None), Credential.totp_step < step)
        used = await session.execute(update(Credential).where(*free).values(totp_step=step).returning(Credential.id))
        return used.one_or_none() is not None
    hashed = proofs.hashed(proofs.plain_recovery_code(code))
    unused = RecoveryCode.user_id == user_id, RecoveryCode.code_hash == hashed, RecoveryCode.used_at.is_(None)
    used = await session.execute(
        update(RecoveryCode).where(*unused).values(used_at=datetime.now(UTC)).returning(RecoveryCode.id)
    )
    if used.one_or_none() is None:
        return False
    await tell(session, "recovery_code_used", user_id, correlation_id)
    return True


async def _new_codes(session: AsyncSession, user_id: UUID) -> list[str]:
    await session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    codes = [proofs.new_recovery_code() for _ in range(CODES)]
    session.add_all(RecoveryCode(user_id=user_id, code_hash=proofs.hashed(code)) for code in codes)
    await session.flush()
    return codes


async def _of(session: AsyncSession, user_id: UUID) -> Credential:
    return (await session.scalars(select(Credential).where(Credential.user_id == user_id))).one()


def _open(keyring: Keyring, credential: Credential) -> str:
    assert credential.totp_secret is not None
    return keyring.unseal(credential.totp_secret, _PLACE, owner=credential.user_id, row=credential.id).decode()
