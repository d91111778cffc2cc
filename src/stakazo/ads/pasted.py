"""An ad account's token is looked at before it is kept, as a channel's is: alive or not, for what, and in which money.

given = await pasted.looked_at(settings, given)      in no transaction: nobody waits in one for a platform
"""

from __future__ import annotations

from dataclasses import replace

from stakazo.ads.accounts import Given
from stakazo.core.errors import Invalid
from stakazo.core.settings import Settings
from stakazo.platforms.base import Account, Platform
from stakazo.platforms.errors import Reason, Rejected
from stakazo.platforms.hosts import TOKEN_MARK
from stakazo.platforms.meta_ads import MetaAds
from stakazo.platforms.meta_login import ADS_SCOPES
from stakazo.platforms.oauth import missing
from stakazo.publishing import outside
from stakazo.publishing.pasted import asked, meta


async def looked_at(settings: Settings, given: Given) -> Given:
    """The account as Meta knows it: its name, currency, time zone, scopes, and when its token ends.

    Raises Invalid for a token that is dead, isn't this account's or may do nothing with advertising, and for a currency
    or time zone that isn't the account's; Unavailable where Meta doesn't answer.
    """
    async with asked(), outside.connected(settings) as connection:
        live = not given.token.startswith(TOKEN_MARK)
        about = await meta(connection, given.token, live=live)
        if about is not None:
            if missing(about.scopes, ADS_SCOPES) == ADS_SCOPES:
                raise Rejected(
                    "It may neither advertise nor read figures (ads_management, ads_read).", Reason.PERMISSION
                )
            given = replace(given, token_expires_at=about.expires_at, scopes=about.scopes)
        account = Account(Platform.FACEBOOK, given.external_id.removeprefix("act_"), given.token, live)
        name, currency, time_zone = await MetaAds(connection, account).account_facts()
    require_same(given, currency, time_zone)
    return replace(given, name=given.name or name, currency=currency, time_zone=time_zone)


def require_same(given: Given, currency: str, time_zone: str) -> None:
    """Raises Invalid where somebody said another currency or time zone than Meta says."""
    for what, said, known in (("money", given.currency, currency), ("days", given.time_zone, time_zone)):
        if said and said != known:
            raise Invalid(
                f"Meta counts this account's {what} in {known}, not in {said}: leave that out, or name another account."
            )
