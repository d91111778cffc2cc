from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.notifications.test_matching import news

from stakazo.accounts.roles import Permission
from stakazo.core.errors import Invalid
from stakazo.notifications import daily, notices
from stakazo.notifications.daily import Item
from stakazo.notifications.notices import Urgency

NOW = datetime(2026, 11, 22, 19, tzinfo=UTC)


def told(event: str, subject: str, **data: Any) -> notices.Notice | None:
    return notices.of(news(event, subject, **data), NOW)


def test_what_went_wrong_is_told_with_why_and_what_to_do() -> None:
    found = told("publication_needs_human", "publication", platform="tiktok", detail="It may be there.", todo="Look.")
    assert found == notices.Notice(
        "publication.needs_human",
        Urgency.URGENT,
        "A post on TikTok needs you",
        "It may be there.",
        "Look.",
        Permission.PUBLICATIONS_READ,
    )


def test_every_kind_is_an_event_that_something_writes() -> None:
    source = "".join(path.read_text() for path in (Path(__file__).parents[2] / "src").rglob("*.py"))
    for kind in notices.KINDS:
        subject, _, what = kind.partition(".")
        assert re.search(rf'"({subject}_{what}|{what})"', source), kind


def test_a_job_says_why_it_failed() -> None:
    found = told("job_processing_failed", "job", type="cut_analysis", error={"code": "x", "detail": "No sound."})
    assert found is not None
    assert (found.title, found.detail) == ("The job cut_analysis failed", "No sound.")
    channel = told("channel_expiring", "channel", platform="youtube", name="Blue", detail="Its token ends at noon.")
    assert channel is not None
    assert channel.title == "The channel Blue on YouTube must be connected again soon"
    assert channel.detail == "Its token ends at noon."


@pytest.mark.parametrize(
    ("event", "subject", "data"),
    [
        ("publication_published", "publication", {}),
        ("job_processing_failed", "job", {"type": "push_notice"}),
        ("job_processing_failed", "job", {"type": "publish_variant"}),
        ("job_processing_failed", "job", {"type": "take_down"}),
        ("job_processing_failed", "job", {"type": "send_reply"}),
        ("webhook_disabled", "webhook", {"by_itself": False}),
    ],
)
def test_what_is_well_or_told_otherwise_is_not(event: str, subject: str, data: dict[str, Any]) -> None:
    assert told(event, subject, **data) is None


def test_what_is_old_is_no_news() -> None:
    old = news("publication_failed", "publication", platform="x")
    assert notices.of(old, old.time + timedelta(days=7)) is not None
    assert notices.of(old, old.time + timedelta(days=7, seconds=1)) is None


# --- the letter of the day ----------------------------------------------------------------------------------

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("now", "hour", "expected"),
    [
        (datetime(2026, 11, 22, 6, 59, tzinfo=UTC), 8, datetime(2026, 11, 22, 7, tzinfo=UTC)),
        (datetime(2026, 11, 22, 7, 0, tzinfo=UTC), 8, datetime(2026, 11, 23, 7, tzinfo=UTC)),
        (datetime(2026, 7, 1, 7, 0, tzinfo=UTC), 8, datetime(2026, 7, 2, 6, tzinfo=UTC)),
        # the clock goes forward at 2 on 29 March 2026, and back at 3 on 25 October
        (datetime(2026, 3, 28, 12, tzinfo=UTC), 2, datetime(2026, 3, 29, 1, tzinfo=UTC)),
        (datetime(2026, 10, 24, 12, tzinfo=UTC), 2, datetime(2026, 10, 25, 0, tzinfo=UTC)),
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), 2, datetime(2026, 10, 26, 1, tzinfo=UTC)),
    ],
)
def test_a_letter_comes_once_a_day_by_the_clock_of_who_reads_it(now: datetime, hour: int, expected: datetime) -> None:
    assert daily.next_moment(now, hour, BERLIN) == expected


def test_a_place_that_there_is_not_has_no_time() -> None:
    for name in ("Mars/Olympus", "../etc/passwd", ""):
        with pytest.raises(Invalid):
            daily.zone(name)


def test_a_letter_tells_each_with_its_time() -> None:
    items = [Item(NOW, f"Post {n} did not go out", "Too long.", "Cut it.") for n in range(52)]
    letter = daily.letter("ann@example.org", "Blue Note", "https://clips.example.com", items, BERLIN)
    assert letter.subject == "Blue Note: 52 things to look at"
    assert "Sun 22 Nov 20:00  Post 0 did not go out\nToo long.\nCut it." in letter.text
    assert "Post 50" not in letter.text
    assert "And 2 more." in letter.text
    assert daily.letter("a@b.example", "Blue", "https://x", items[:1], BERLIN).subject == "Blue: Post 0 did not go out"
