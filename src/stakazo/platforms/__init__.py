"""The platforms outside: one vocabulary (`base`), one tree of errors (`errors`), one file each.

    connection = platforms.Connection(http, sandbox=hosts.sandbox("http://127.0.0.1:8480"))
    publisher = platforms.publisher(connection, Account(Platform.INSTAGRAM, id, token))

A library: no database, no settings. An account that isn't `live` reaches the sandbox and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable

from stakazo.platforms.base import Account, Platform, Publisher
from stakazo.platforms.facebook import FacebookPage
from stakazo.platforms.http import App, Connection, client
from stakazo.platforms.instagram import Instagram
from stakazo.platforms.tiktok import TikTok
from stakazo.platforms.youtube import YouTube

PLATFORMS: dict[Platform, Callable[[Connection, Account], Publisher]] = {
    Platform.INSTAGRAM: Instagram,
    Platform.FACEBOOK: FacebookPage,
    Platform.TIKTOK: TikTok,
    Platform.YOUTUBE: YouTube,
}


def publisher(connection: Connection, account: Account) -> Publisher:
    """What publishes for this account. Raises Rejected where its token belongs to the other world."""
    return PLATFORMS[account.platform](connection, account)


__all__ = ["PLATFORMS", "Account", "App", "Connection", "Platform", "Publisher", "client", "publisher"]
