"""What the platforms give once a person has said yes: which accounts, with which tokens, and fresh ones later.

Nothing here publishes, and nothing is remembered: who calls writes down what comes back before it is used.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from stakazo.platforms.base import Account, Platform
from stakazo.platforms.errors import Reason, Rejected, TokenExpired
from stakazo.platforms.http import Connection
from stakazo.platforms.meta_login import ADS_SCOPES, MetaConsent
from stakazo.platforms.oauth import Consent, GoogleConsent, Grant, TikTokConsent
from stakazo.platforms.tiktok import TikTok
from stakazo.platforms.youtube import YouTube
from stakazo.publishing.channels import Given

SETTINGS = {
    Platform.INSTAGRAM: ("STAKAZO_META_APP_ID", "STAKAZO_META_APP_SECRET"),
    Platform.FACEBOOK: ("STAKAZO_META_APP_ID", "STAKAZO_META_APP_SECRET"),
    Platform.TIKTOK: ("STAKAZO_TIKTOK_CLIENT_KEY", "STAKAZO_TIKTOK_CLIENT_SECRET"),
    Platform.YOUTUBE: ("STAKAZO_GOOGLE_CLIENT_ID", "STAKAZO_GOOGLE_CLIENT_SECRET"),
}
"""What says who we are at the real platform."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """What an account's tokens are from now on."""

    token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    token_expires_at: datetime | None
    consent_ends_at: datetime | None
    """None: as before."""
    scopes: tuple[str, ...]
    """Empty where the platform doesn't say it again."""


@dataclass(frozen=True, slots=True)
class Advertiser:
    """An ad account that the person may advertise with, by their own token."""

    external_id: str
    name: str
    currency: str
    time_zone: str
    token: str = field(repr=False)
    token_expires_at: datetime | None
    scopes: tuple[str, ...]


def consent(connection: Connection, platform: Platform, *, live: bool) -> Consent:
    """How this platform asks people. Raises Rejected where no app of ours is set up there."""
    match platform:
        case Platform.INSTAGRAM | Platform.FACEBOOK:
            return MetaConsent(connection, live=live)
        case Platform.TIKTOK:
            return TikTokConsent(connection, live=live)
        case Platform.YOUTUBE:
            return GoogleConsent(connection, live=live)


async def accounts(connection: Connection, platform: Platform, grant: Grant, *, live: bool) -> list[Given]:
    """Everything that may be connected with what a person has given, each with the token it is used with."""
    match platform:
        case Platform.INSTAGRAM | Platform.FACEBOOK:
            return await _pages(MetaConsent(connection, live=live), grant)
        case Platform.TIKTOK:
            return [_one(grant, platform, grant.user_id or "", await _creator(connection, grant, live=live))]
        case Platform.YOUTUBE:
            mine = await YouTube(connection, Account(platform, "mine", grant.token, live)).channels()
            return [_one(grant, platform, channel_id, name) for channel_id, name in mine.items()]


async def ad_accounts(connection: Connection, platform: Platform, grant: Grant, *, live: bool) -> list[Advertiser]:
    """The ad accounts that come with the same yes: Meta's, where the person allowed to advertise."""
    allowed = set(ADS_SCOPES) & set(grant.scopes)
    if platform not in {Platform.INSTAGRAM, Platform.FACEBOOK} or not allowed:
        return []
    meta = MetaConsent(connection, live=live)
    ends = grant.expires_at or (await meta.look(grant.token)).expires_at
    return [
        Advertiser(one.id, one.name, one.currency, one.time_zone, grant.token, ends, grant.scopes)
        for one in await meta.ad_accounts(grant.token)
    ]


async def renew(connection: Connection, platform: Platform, account_id: str, grant: Grant, *, live: bool) -> Fresh:
    """Fresh tokens for an account. TokenExpired: only the person can help; TryLater, Rejected: as they say."""
    asked = consent(connection, platform, live=live)
    if isinstance(asked, MetaConsent):
        return await _renew_page(asked, account_id, grant)
    fresh = await asked.refresh(grant)
    return Fresh(fresh.token, fresh.refresh_token, fresh.expires_at, fresh.refresh_expires_at, fresh.scopes)


def _one(grant: Grant, platform: Platform, account_id: str, name: str) -> Given:
    return Given(
        platform, account_id, name or account_id, grant.token, grant.refresh_token, grant.expires_at, grant.scopes,
        grant.refresh_expires_at,
    )  # fmt: skip


async def _creator(connection: Connection, grant: Grant, *, live: bool) -> str:
    """What a creator is called; nothing where they said no to what is needed to ask."""
    account = Account(Platform.TIKTOK, grant.user_id or "", grant.token, live)
    try:
        return (await TikTok(connection, account).creator()).name
    except Rejected as refused:
        if refused.reason is not Reason.PERMISSION:
            raise
        return ""


async def _pages(meta: MetaConsent, grant: Grant) -> list[Given]:
    """A person's Pages and the Instagram accounts behind them.

    Each is used with its Page's token and keeps the person's own beside it: with that the Page's is got anew, and with
    it both end.
    """
    about = await meta.look(grant.token)
    ends = grant.expires_at or about.expires_at
    found = []
    for page in await meta.pages(grant.token):
        behind = [(Platform.FACEBOOK, page.id, page.name)]
        if page.instagram_id:
            behind.append((Platform.INSTAGRAM, page.instagram_id, page.instagram_name or page.instagram_id))
        found += [
            Given(platform, account_id, name, page.token, grant.token, ends, grant.scopes, about.data_until)
            for platform, account_id, name in behind
        ]
    return found


async def _renew_page(meta: MetaConsent, account_id: str, grant: Grant) -> Fresh:
    person = await meta.refresh(Grant(grant.refresh_token or "", grant.expires_at))
    ends = person.expires_at or (await meta.look(person.token)).expires_at
    for page in await meta.pages(person.token):
        if account_id in {page.id, page.instagram_id}:
            return Fresh(page.token, person.token, ends, None, person.scopes)
    raise TokenExpired("The person who connected this account has no access to it any more.", Reason.REVOKED)
