"""How long an account's token lasts, and what is to be done about that when. Pure.

A token ends by its platform's clock: Google's after an hour, TikTok's after a day, Meta's after sixty. It is renewed
ahead of that, without a person. The person's own yes ends too (Meta's after ninety days, TikTok's after a year), and
only they can say it again: they are told a week before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from stakazo.platforms.base import Platform

AHEAD = {
    Platform.INSTAGRAM: timedelta(days=20),
    Platform.FACEBOOK: timedelta(days=20),
    Platform.TIKTOK: timedelta(hours=6),
    Platform.YOUTUBE: timedelta(minutes=15),
}
"""How long before its end a token is renewed: there is time for many tries."""
EXPIRES_SOON = timedelta(days=7)
"""When a person is told that they must say yes again."""


class ChannelHealth(StrEnum):
    """Whether an account can be used."""

    OK = "ok"
    EXPIRING = "expiring"
    """It works, but soon it won't: connect it again in time."""
    MISSING_SCOPES = "missing_scopes"
    """It may not do all that was asked for: connect it again and say yes to the rest."""
    NEEDS_REAUTH = "needs_reauth"
    DISCONNECTED = "disconnected"


class Duty(StrEnum):
    """What is to be done about a token now."""

    NOTHING = "nothing"
    RENEW = "renew"
    WARN = "warn"
    """Say that it ends soon."""
    END = "end"
    """Say that it has ended."""


@dataclass(frozen=True, slots=True)
class Life:
    """What is known of an account's token."""

    platform: Platform
    token_ends: datetime | None
    """None: not by itself."""
    renewable: bool
    consent_ends: datetime | None = None
    """When the person must say yes again; None: never by itself."""
    connected: bool = True
    dead: bool = False
    """Whether the platform takes it no more."""
    warned: bool = False
    missing: tuple[str, ...] = ()
    """Permissions that it lacks."""

    @property
    def ends(self) -> datetime | None:
        """When only a person can help; None: never by itself."""
        moments = [moment for moment in (self.consent_ends, None if self.renewable else self.token_ends) if moment]
        return min(moments, default=None)

    @property
    def renew_at(self) -> datetime | None:
        return self.token_ends - AHEAD[self.platform] if self.renewable and self.token_ends else None


def duty(life: Life, now: datetime) -> Duty:
    """What is to be done at this moment."""
    if life.dead or not life.connected:
        return Duty.NOTHING
    if life.ends is not None and life.ends <= now:
        return Duty.END
    if life.renew_at is not None and life.renew_at <= now:
        return Duty.RENEW
    if life.ends is not None and not life.warned and life.ends - EXPIRES_SOON <= now:
        return Duty.WARN
    return Duty.NOTHING


def look_at(life: Life) -> datetime | None:
    """When there is something to be done next; None: never."""
    return min(_moments(life), default=None)


def _moments(life: Life) -> Iterator[datetime]:
    if life.dead or not life.connected:
        return
    if life.renew_at is not None:
        yield life.renew_at
    if life.ends is not None:
        yield life.ends if life.warned else life.ends - EXPIRES_SOON


def health(life: Life, now: datetime) -> ChannelHealth:
    """Whether the account can be used at this moment."""
    if not life.connected:
        return ChannelHealth.DISCONNECTED
    if life.dead or (life.ends is not None and life.ends <= now):
        return ChannelHealth.NEEDS_REAUTH
    overdue = life.token_ends is not None and life.token_ends <= now
    if overdue or (life.ends is not None and life.ends <= now + EXPIRES_SOON):
        return ChannelHealth.EXPIRING
    return ChannelHealth.MISSING_SCOPES if life.missing else ChannelHealth.OK
