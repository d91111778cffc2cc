from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from stakazo.core.errors import Invalid
from stakazo.notifications import matching
from stakazo.notifications.matching import MOST_BYTES, News
from stakazo.notifications.notices import KINDS


def news(event: str, subject: str, **data: Any) -> News:
    moment = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)
    return News(UUID(int=7), 3, moment, event, subject, UUID(int=8), "job", "publish_variant:9", UUID(int=9), data)


@pytest.mark.parametrize(
    ("event", "subject", "outside"),
    [
        ("publication_published", "publication", "publication.published"),
        ("publication_needs_human", "publication", "publication.needs_human"),
        ("job_processing_failed", "job", "job.processing_failed"),
        ("first_comment_failed", "publication", "publication.first_comment_failed"),
        ("key_created", "api_key", "api_key.key_created"),
    ],
)
def test_an_event_is_called_by_what_it_happened_to(event: str, subject: str, outside: str) -> None:
    assert news(event, subject).type == outside


@pytest.mark.parametrize(
    ("patterns", "type_", "fits"),
    [
        (["*"], "job.created", True),
        (["publication.*"], "publication.needs_human", True),
        (["publication.*"], "publications.published", False),
        (["*.failed"], "publication.failed", True),
        (["*.failed"], "job.processing_failed", False),
        (["*.*failed"], "job.processing_failed", True),
        (["clip.accepted", "clip.rejected"], "clip.rejected", True),
        (["clip.accepted"], "clip.accepted_again", False),
        ([], "clip.accepted", False),
    ],
)
def test_patterns(patterns: list[str], type_: str, fits: bool) -> None:  # noqa: FBT001 - what is expected
    assert matching.wanted(patterns, type_) is fits


@pytest.mark.parametrize(
    "pattern",
    ["", "publication", "publication.", ".failed", "Publication.*", "a.b.c", "a b.c", "nonsense.*", "posts.published"],
)
def test_what_no_event_is_called_is_refused(pattern: str) -> None:
    with pytest.raises(Invalid, match="names no events"):
        matching.checked([pattern])


def test_whatever_events_happen_to_can_be_asked_for() -> None:
    source = Path(matching.__file__).parents[1]
    said = {
        found for file in source.rglob("*.py") for found in re.findall(r'subject=\(\s*"(\w+)"', file.read_text("utf-8"))
    }
    assert said <= matching.SUBJECTS
    assert {kind.partition(".")[0] for kind in KINDS} <= matching.SUBJECTS


def test_patterns_are_kept_once() -> None:
    assert matching.checked(["clip.*", "*", "clip.*"]) == ["clip.*", "*"]


def test_telling_is_nothing_to_tell() -> None:
    assert news("webhook_delivery_died", "webhook").own
    assert news("job_created", "job", type="deliver_webhook").own
    assert not news("job_created", "job", type="publish_variant").own


def test_a_message_says_what_happened_and_nothing_of_persons() -> None:
    told = news("publication_published", "publication", url="https://x.example/ü", personal={"of": "user/1"})
    assert json.loads(matching.body(told)) == {
        "type": "publication.published",
        "timestamp": "2026-11-22T18:30:00Z",
        "data": {
            "id": str(UUID(int=7)),
            "subject": {"type": "publication", "id": str(UUID(int=8))},
            "actor": {"kind": "job", "id": "publish_variant:9"},
            "correlation_id": str(UUID(int=9)),
            "details": {"url": "https://x.example/ü"},
        },
    }


def test_a_message_is_never_long() -> None:
    sent = matching.body(news("clip_created", "clip", words="x" * 2 * MOST_BYTES))
    assert len(sent) < MOST_BYTES
    assert json.loads(sent)["data"]["details_in"] == f"/ledger/events?subject=clip/{UUID(int=8)}"
