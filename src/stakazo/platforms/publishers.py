"""Who publishes where."""

from __future__ import annotations

from collections.abc import Callable

from stakazo.platforms.base import Account, Platform, Publisher
from stakazo.platforms.facebook import FacebookPage
from stakazo.platforms.http import Connection
from stakazo.platforms.instagram import Instagram
from stakazo.platforms.tiktok import TikTok
from stakazo.platforms.youtube import YouTube

PLATFORMS: dict[Platform, Callable[[Connection, Account], Publisher]] = {
    Platform.INSTAGRAM: Instagram,
    Platform.FACEBOOK: FacebookPage,
    Platform.TIKTOK: TikTok,
    Platform.YOUTUBE: YouTube,
}


def of(connection: Connection, account: Account) -> Publisher:
    """What publishes for this account. Raises Rejected where its token belongs to the other world."""
    return PLATFORMS[account.platform](connection, account)
