"""When things go out: weekly slots in a zone, and how far apart."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from stakazo.publishing import slots
from stakazo.publishing.slots import Pace, Slot

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 11, 23, 12, tzinfo=UTC)
EVENINGS = [Slot(0, time(18)), Slot(3, time(9, 30))]


def test_slots_are_moments_of_the_channels_own_week() -> None:
    found = list(islice(slots.moments(EVENINGS, BERLIN, MONDAY), 3))
    assert [moment.isoformat() for moment in found] == [
        "2026-11-23T17:00:00+00:00", "2026-11-26T08:30:00+00:00", "2026-11-30T17:00:00+00:00"
    ]  # fmt: skip
    assert list(slots.moments([], BERLIN, MONDAY)) == []


def test_summer_time_moves_the_moment_and_not_the_hour() -> None:
    nightly = [Slot(day, time(2, 30)) for day in range(7)]
    spring = list(islice(slots.moments(nightly, BERLIN, datetime(2026, 3, 28, 12, tzinfo=UTC)), 2))
    assert [moment.isoformat() for moment in spring] == ["2026-03-29T01:30:00+00:00", "2026-03-30T00:30:00+00:00"]
    autumn = list(islice(slots.moments(nightly, BERLIN, datetime(2026, 10, 24, 12, tzinfo=UTC)), 2))
    assert [moment.isoformat() for moment in autumn] == ["2026-10-25T00:30:00+00:00", "2026-10-26T01:30:00+00:00"]


def test_the_next_slot_is_one_that_nobody_has() -> None:
    taken = [datetime(2026, 11, 23, 17, tzinfo=UTC)]
    found = slots.next_slot(EVENINGS, BERLIN, MONDAY, taken, Pace())
    assert found == datetime(2026, 11, 26, 8, 30, tzinfo=UTC)
    assert slots.next_slot([], BERLIN, MONDAY, taken, Pace()) is None


def test_posts_lie_apart_and_no_day_has_too_many() -> None:
    pace = Pace(timedelta(minutes=30), 2)
    assert slots.place(MONDAY, [], pace) == MONDAY
    assert slots.place(MONDAY, [MONDAY], pace) == MONDAY + timedelta(minutes=30)
    assert slots.place(MONDAY, [MONDAY, MONDAY + timedelta(hours=1)], pace) == MONDAY + timedelta(days=1)
    assert "closer than 30 minutes" in (slots.why_not(MONDAY, [MONDAY], pace) or "")
    assert "post 3 within 24 hours" in (
        slots.why_not(MONDAY, [MONDAY - timedelta(hours=9), MONDAY - timedelta(hours=5)], pace) or ""
    )
    assert slots.zone("Europe/Berlin") == BERLIN
    assert slots.zone("Mars/Olympus") is None
    assert slots.zone("../etc/passwd") is None


@given(
    st.lists(st.integers(0, 5000), min_size=1, max_size=30), st.integers(0, 120), st.integers(1, 5)
)  # fmt: skip
def test_whatever_is_wanted_the_pace_is_kept(wanted: list[int], gap: int, most: int) -> None:
    pace, taken = Pace(timedelta(minutes=gap), most), list[datetime]()
    for minutes in wanted:
        found = slots.place(MONDAY + timedelta(minutes=minutes), taken, pace)
        assert found is not None
        assert found >= MONDAY + timedelta(minutes=minutes)
        taken = sorted([*taken, found])
    assert all(after - before >= pace.gap for before, after in pairwise(taken))
    for moment in taken:
        assert sum(moment <= other < moment + slots.DAY for other in taken) <= most
