"""How long tokens last, without any platform."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from stakazo.platforms.base import Platform
from stakazo.publishing import scopes
from stakazo.publishing.tokens import AHEAD, EXPIRES_SOON, ChannelHealth, Duty, Life, duty, health, look_at

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOUR = Life(Platform.YOUTUBE, NOW + timedelta(hours=1), renewable=True)
GIVEN = Life(Platform.FACEBOOK, NOW + timedelta(days=30), renewable=False)
META = Life(Platform.INSTAGRAM, NOW + timedelta(days=60), renewable=True, consent_ends=NOW + timedelta(days=90))
FOR_EVER = Life(Platform.TIKTOK, None, renewable=False)


@pytest.mark.parametrize("platform", Platform)
def test_a_token_is_renewed_ahead_of_its_end(platform: Platform):
    life = replace(HOUR, platform=platform, token_ends=NOW + timedelta(days=60))
    at = life.token_ends - AHEAD[platform] if life.token_ends else NOW
    assert look_at(life) == at
    assert duty(life, at - SECOND) is Duty.NOTHING
    assert duty(life, at) is Duty.RENEW
    assert health(life, at) is ChannelHealth.OK


def test_what_cannot_be_renewed_is_announced_once_and_then_over():
    assert GIVEN.ends is not None
    soon = GIVEN.ends - EXPIRES_SOON
    assert look_at(GIVEN) == soon
    assert [duty(GIVEN, moment) for moment in (soon - SECOND, soon)] == [Duty.NOTHING, Duty.WARN]
    warned = replace(GIVEN, warned=True)
    assert look_at(warned) == GIVEN.ends
    assert [duty(warned, moment) for moment in (soon, GIVEN.ends)] == [Duty.NOTHING, Duty.END]
    assert [health(GIVEN, moment) for moment in (soon - SECOND, soon, GIVEN.ends)] == [
        ChannelHealth.OK, ChannelHealth.EXPIRING, ChannelHealth.NEEDS_REAUTH,
    ]  # fmt: skip


def test_a_persons_yes_ends_whatever_is_renewed():
    assert META.ends == NOW + timedelta(days=90)
    over = replace(META, token_ends=NOW + timedelta(days=150))
    assert duty(over, NOW + timedelta(days=84)) is Duty.WARN
    assert duty(over, NOW + timedelta(days=90)) is Duty.END
    assert duty(META, NOW + timedelta(days=90)) is Duty.END  # not renewed for nothing


def test_a_renewal_that_is_overdue_shows():
    assert health(HOUR, NOW + timedelta(hours=1)) is ChannelHealth.EXPIRING
    assert duty(HOUR, NOW + timedelta(hours=2)) is Duty.RENEW


def test_what_never_ends_is_never_looked_at():
    assert (look_at(FOR_EVER), duty(FOR_EVER, NOW + timedelta(days=9999))) == (None, Duty.NOTHING)
    assert health(FOR_EVER, NOW) is ChannelHealth.OK


@pytest.mark.parametrize(
    ("life", "found"),
    [
        (replace(HOUR, dead=True), ChannelHealth.NEEDS_REAUTH),
        (replace(HOUR, connected=False, dead=True), ChannelHealth.DISCONNECTED),
        (replace(HOUR, missing=("video.publish",)), ChannelHealth.MISSING_SCOPES),
    ],
)
def test_health_says_what_is_wrong(life: Life, found: ChannelHealth):
    assert health(life, NOW) is found
    if found is not ChannelHealth.MISSING_SCOPES:
        assert (duty(life, NOW + timedelta(days=1)), look_at(life)) == (Duty.NOTHING, None)


@pytest.mark.parametrize(
    ("platform", "scope"),
    [(Platform.INSTAGRAM, "instagram_manage_messages"), (Platform.FACEBOOK, "pages_messaging")],
)
def test_a_channel_that_may_not_be_told_messages_says_so_and_what_to_do(platform: Platform, scope: str) -> None:
    without = [one for one in scopes.ASKED[platform] if one != scope]
    (lack,) = scopes.told(scopes.lacks(platform, without))
    assert (lack.scope, "Messages" in lack.without, "again" in lack.todo) == (scope, True, True)
    assert scopes.lacks(platform, scopes.ASKED[platform]) == scopes.lacks(platform, ()) == ()
    assert {*scopes.WITHOUT} <= {one for wanted in scopes.NEEDED.values() for one in wanted}
