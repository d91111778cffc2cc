"""The way to the advertising platform, as this installation's settings have it; the same as to all platforms."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from stakazo.core.settings import Settings
from stakazo.platforms.base import Account
from stakazo.platforms.meta_ads import MetaAds
from stakazo.platforms.meta_people import MetaPeople
from stakazo.publishing import outside


@asynccontextmanager
async def advertiser(settings: Settings, account: Account) -> AsyncIterator[MetaAds]:
    """What advertises for this account. Raises Rejected where its token belongs to the other world."""
    async with outside.connected(settings) as connection:
        yield MetaAds(connection, account)


@asynccontextmanager
async def who_advertises_to(settings: Settings, account: Account) -> AsyncIterator[MetaPeople]:
    """What knows, makes and removes the audiences of this account. Raises Rejected like `advertiser`."""
    async with outside.connected(settings) as connection:
        yield MetaPeople(connection, account)
