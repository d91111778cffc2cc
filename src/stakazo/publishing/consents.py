"""Connecting an account through its platform's own sign-in page.

    consent, url = await consents.ask(...)          whoever connects opens the address in a browser, and says yes there
    back = await consents.come_back(...)            that browser comes back, with a code; it is shown a receipt
    channels = await consents.choose(...)           who has asked shows the receipt, and says which accounts

What the browser brings back works once. Nothing is connected by it alone: the receipt is seen in that browser only, so
an address that somebody was talked into opening connects their accounts to nobody.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.actor import Actor, new_id
from stakazo.core.db import Database, actor_of, now
from stakazo.core.errors import Conflict, Forbidden, Invalid, NotFound, StakazoError
from stakazo.core.security import Keyring
from stakazo.core.settings import Settings
from stakazo.ledger import service as ledger
from stakazo.platforms.base import Platform
from stakazo.platforms.errors import PlatformError, Rejected
from stakazo.platforms.oauth import returned
from stakazo.publishing import channels, logins, outside, scopes, service
from stakazo.publishing.channels import Given
from stakazo.publishing.models import Channel, ChannelConsent

PATH = "/channels/callback"
"""Where platforms send the browser back to; each app's settings at its platform must name it."""
LASTS = timedelta(minutes=30)
"""From the question to the choice."""
_STATE = re.compile(r"([0-9a-f]{32})([0-9a-f]{32})([A-Za-z0-9_-]{43})")
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_GIVEN, _VERIFIER = "channel_consents.given", "channel_consents.verifier"
_MOMENTS = ("token_expires_at", "consent_ends_at")


class NotAsked(StakazoError):
    """What came back wasn't sent from here, or has been back already."""

    status, code = 403, "not_asked"


class Refused(StakazoError):
    """The person said no, or the platform did."""

    status, code = 422, "consent_refused"


@dataclass(frozen=True, slots=True)
class Back:
    """A browser that has come back with a yes."""

    consent_id: UUID
    receipt: str


async def ask(
    session: AsyncSession, keys: Keyring, settings: Settings, platform: Platform, *, live: bool, again: bool
) -> tuple[ChannelConsent, str]:
    """Send somebody to a platform; says where.

    Args:
        live: To the real platform, not to the sandbox.
        again: They declined something before, and are to be asked for it once more.

    Raises Invalid where no app is set up for the real platform.
    """
    consent_id, secret, verifier = new_id(), secrets.token_urlsafe(32), secrets.token_urlsafe(48)
    workspace_id = actor_of(session).workspace_id
    state = f"{workspace_id.hex}{consent_id.hex}{secret}"
    async with outside.connected(settings) as connection:
        try:
            asking = logins.consent(connection, platform, live=live)
        except Rejected as missing:
            name, secret_name = logins.SETTINGS[platform]
            raise Invalid(
                f"To sign in at the real {platform.value.capitalize()} you need an app of your own there: set {name} "
                f"and {secret_name}, and name {settings.base_url}{PATH} as its redirect address."
            ) from missing
    wanted = scopes.ASKED[platform]
    consent = ChannelConsent(
        id=consent_id, platform=platform, live=live, author=await service.author(session), scopes=list(wanted),
        state_hash=_hash(secret), verifier=keys.seal(verifier.encode(), _VERIFIER, owner=workspace_id, row=consent_id),
        expires_at=await now(session) + LASTS,
    )  # fmt: skip
    session.add(consent)
    await session.flush()
    await _record(session, "channel_consent_asked", consent, scopes=list(wanted))
    return consent, asking.consent_url(f"{settings.base_url}{PATH}", state, wanted, verifier=verifier, again=again)


async def come_back(db: Database, keys: Keyring, settings: Settings, query: Mapping[str, str]) -> Back:
    """A browser has come back: make its code a token, and see what that opens. Raises NotAsked, Refused."""
    found = _STATE.fullmatch(query.get("state", ""))
    if found is None:
        raise NotAsked("This was not begun here. Connect the account once more.")
    actor = Actor(UUID(found[1]), "system", "consents")
    consent_id = UUID(found[2])
    async with db.transaction(actor) as session:
        consent = await _take(session, consent_id, found[3])
        verifier = keys.unseal(consent.verifier, _VERIFIER, owner=actor.workspace_id, row=consent_id).decode()
        platform, live = consent.platform, consent.live
    try:
        code = returned(query, query["state"])
        async with outside.connected(settings) as connection:
            asking = logins.consent(connection, platform, live=live)
            grant = await asking.exchange(code, f"{settings.base_url}{PATH}", verifier)
            given = await logins.accounts(connection, platform, grant, live=live)
            ads = await logins.ad_accounts(connection, platform, grant, live=live)
    except PlatformError as error:
        async with db.transaction(actor) as session:
            await _refused(session, consent_id, error)
        raise Refused(str(error)) from error
    async with db.transaction(actor) as session:
        return Back(consent_id, await _keep(session, keys, consent_id, grant.scopes, given, ads))


async def get(session: AsyncSession, consent_id: UUID) -> ChannelConsent:
    consent = await session.get(ChannelConsent, consent_id)
    if consent is None:
        raise NotFound(f"There is no sign-in {consent_id} (any more). Connect the account once more.")
    return consent


async def choose(
    session: AsyncSession, keys: Keyring, consent_id: UUID, receipt: str, wanted: Collection[tuple[Platform, str]]
) -> list[Channel]:
    """Connect these of the accounts that were offered, and forget the others' tokens.

    Raises Forbidden for anybody but who has asked, and without the receipt; Conflict where there is nothing to choose.
    """
    consent = await _open(session, consent_id, receipt)
    given = {(one.platform, one.external_id): one for one in _given(keys, consent)}
    if strange := [account_id for platform, account_id in wanted if (platform, account_id) not in given]:
        raise Invalid(f"{', '.join(strange)} was not offered. See GET /channels/connect/{consent_id}.")
    consent.given, consent.chosen_at = None, await now(session)
    await session.flush()
    return [(await channels.connect(session, keys, given[one]))[0] for one in dict.fromkeys(wanted)]


async def advertiser(
    session: AsyncSession, keys: Keyring, consent_id: UUID, receipt: str, external_id: str, page_id: str
) -> logins.Advertiser:
    """The ad account of those that were offered; the channels can still be chosen afterwards.

    Raises Forbidden and Conflict as `choose` does, Invalid for an ad account or a Page that wasn't offered.
    """
    consent = await _open(session, consent_id, receipt)
    pages = {one.external_id for one in _given(keys, consent) if one.platform is Platform.FACEBOOK}
    ads = {one["external_id"]: one for one in _written(keys, consent) if _is_ad_account(one)}
    if external_id not in ads or page_id not in pages:
        strange = external_id if external_id not in ads else f"The Page {page_id}"
        raise Invalid(f"{strange} was not offered. See GET /channels/connect/{consent_id}.")
    found = ads[external_id]
    ends = datetime.fromisoformat(found["token_expires_at"]) if found["token_expires_at"] else None
    return logins.Advertiser(**{**found, "token_expires_at": ends, "scopes": tuple(found["scopes"])})


async def sweep(session: AsyncSession) -> None:
    """Forget what nobody has ended in time; for the machinery."""
    over = delete(ChannelConsent).where(ChannelConsent.expires_at <= func.clock_timestamp())
    await session.execute(over.execution_options(synchronize_session=False))


async def _hold(session: AsyncSession, consent_id: UUID) -> ChannelConsent:
    found = select(ChannelConsent).where(ChannelConsent.id == consent_id).with_for_update()
    consent = (await session.scalars(found)).one_or_none()
    if consent is None:
        raise NotFound(f"There is no sign-in {consent_id} (any more). Connect the account once more.")
    return consent


async def _open(session: AsyncSession, consent_id: UUID, receipt: str) -> ChannelConsent:
    """What waits to be chosen, locked. Raises Forbidden, Conflict."""
    consent = await _hold(session, consent_id)
    if consent.author != await service.author(session):
        raise Forbidden("Only who has begun this sign-in can end it.")
    if consent.error is not None:
        raise Conflict(f"{consent.error['detail']} Connect the account once more.")
    if consent.chosen_at is not None or consent.given is None or consent.expires_at <= await now(session):
        raise Conflict("Nothing waits to be chosen here: open the address first, or connect the account once more.")
    if not secrets.compare_digest(consent.receipt_hash or b"", _hash(_letters(receipt))):
        raise Forbidden("This is not the code that was shown in the browser at the end.")
    return consent


async def _take(session: AsyncSession, consent_id: UUID, secret: str) -> ChannelConsent:
    """What was asked, by what came back, and never again."""
    refusal = NotAsked("This was not begun here, or has been answered already. Connect the account once more.")
    try:
        consent = await _hold(session, consent_id)
    except NotFound as error:
        raise refusal from error
    known = secrets.compare_digest(consent.state_hash, _hash(secret))
    moment: datetime = await now(session)
    if not known or consent.returned_at is not None or consent.expires_at <= moment:
        raise refusal
    consent.returned_at = moment
    await session.flush()
    return consent


async def _refused(session: AsyncSession, consent_id: UUID, error: PlatformError) -> None:
    consent = await _hold(session, consent_id)
    consent.error = {"code": error.reason.value, "detail": str(error), "todo": "Connect the account once more."}
    await session.flush()
    await _record(session, "channel_consent_refused", consent, reason=error.reason.value)


async def _keep(
    session: AsyncSession,
    keys: Keyring,
    consent_id: UUID,
    granted: tuple[str, ...],
    given: list[Given],
    ads: Sequence[logins.Advertiser] = (),
) -> str:
    """Keep what was given until somebody chooses; says the receipt for it."""
    consent = await _hold(session, consent_id)
    receipt = "".join(secrets.choice(_LETTERS) for _ in range(16))
    consent.granted, consent.receipt_hash = list(granted), _hash(receipt)
    consent.offered = [
        *({"platform": one.platform.value, "external_id": one.external_id, "name": one.name} for one in given),
        *(
            {"external_id": one.external_id, "name": one.name, "currency": one.currency, "time_zone": one.time_zone}
            for one in ads
        ),
    ]
    kept = [*map(asdict, given), *map(asdict, ads)]
    written = json.dumps(kept, default=lambda moment: moment.isoformat())
    consent.given = keys.seal(written.encode(), _GIVEN, owner=consent.workspace_id, row=consent.id)
    await session.flush()
    await _record(session, "channel_consent_given", consent, scopes=list(granted), accounts=len(given))
    return "-".join(receipt[at : at + 4] for at in range(0, 16, 4))


def _given(keys: Keyring, consent: ChannelConsent) -> list[Given]:
    return [Given(**_read(one)) for one in _written(keys, consent) if not _is_ad_account(one)]


def _written(keys: Keyring, consent: ChannelConsent) -> list[dict[str, Any]]:
    assert consent.given is not None
    return list(json.loads(keys.unseal(consent.given, _GIVEN, owner=consent.workspace_id, row=consent.id)))


def _is_ad_account(one: Mapping[str, Any]) -> bool:
    return "currency" in one


def offered(consent: ChannelConsent) -> tuple[list[dict[str, Any]], list[dict[str, Any]]] | None:
    """The accounts, and the ad accounts, that may be connected; None before the browser is back."""
    if consent.offered is None:
        return None
    ads = [one for one in consent.offered if _is_ad_account(one)]
    return [one for one in consent.offered if not _is_ad_account(one)], ads


def _read(one: dict[str, Any]) -> dict[str, Any]:
    moments = {name: datetime.fromisoformat(one[name]) for name in _MOMENTS if one[name]}
    return {**one, "platform": Platform(one["platform"]), "scopes": tuple(one["scopes"]), **moments}


def _letters(receipt: str) -> str:
    """As it is meant, however it was typed."""
    return re.sub(r"[\s-]", "", receipt).upper()


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


async def _record(session: AsyncSession, event: str, consent: ChannelConsent, **data: Any) -> None:
    await ledger.record(
        session,
        event,
        subject=("channel_consent", consent.id),
        platform=consent.platform.value,
        sandbox=not consent.live,
        author=consent.author,
        **data,
    )
