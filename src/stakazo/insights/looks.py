"""When a post is looked at: often while it is young, seldom later, and at the same moments whoever asks. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

PACE = (
    (timedelta(hours=1), timedelta(minutes=10)),
    (timedelta(hours=6), timedelta(minutes=30)),
    (timedelta(days=1), timedelta(hours=2)),
    (timedelta(days=7), timedelta(hours=6)),
    (timedelta(days=28), timedelta(days=1)),
    (timedelta(days=90), timedelta(days=7)),
)
"""Up to which age, how far apart: 78 looks in ninety days. Platforms correct their numbers for about four weeks."""
STORY = timedelta(hours=24)
"""After so long a story is gone, and nothing more is said of it."""


def next_look(published_at: datetime, after: datetime, *, story: bool = False) -> datetime | None:
    """The first moment after `after` at which a post is looked at; None once it is too old."""
    age, begin = max(timedelta(), after - published_at), timedelta()
    for end, apart in PACE:
        steps = max(0, (age - begin) // apart) + 1
        moment = begin + steps * apart
        if moment <= end:
            return published_at + moment if not story or moment < STORY else None
        begin = end
    return None
