"""The decisions about jobs, without any database."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stakazo.core.errors import NoSpace, NotFound
from stakazo.jobs.states import (
    Failure,
    JobState,
    Tries,
    after_crash,
    after_failure,
    backoff,
    failure_of,
    remaining,
)
from stakazo.media.errors import RenderFailed, Unreadable

ODD = Failure("odd", "Odd.", retryable=True)


@pytest.mark.parametrize(
    ("error", "code", "retryable", "traceback"),
    [
        (NotFound("No."), "not_found", False, False),
        (NoSpace("Full."), "no_space", True, False),
        (Unreadable("Broken."), "unreadable", False, False),
        (RenderFailed("Crashed."), "render_failed", True, False),
        (KeyError("x"), "internal", True, True),
    ],
)
def test_an_error_says_whether_to_try_again(error: Exception, code: str, *, retryable: bool, traceback: bool) -> None:
    failure = failure_of(error)
    assert (failure.code, failure.retryable, failure.traceback is not None) == (code, retryable, traceback)
    assert failure.detail


def test_the_delays_double_up_to_a_limit() -> None:
    assert [backoff(n, 2.0, 0.5) for n in (1, 2, 3, 4)] == [2.0, 4.0, 8.0, 16.0]
    assert backoff(50, 2.0, 0.5) == 300.0


@given(st.integers(1, 40), st.floats(0.01, 60), st.floats(0, 1))
def test_jitter_moves_a_delay_by_at_most_a_quarter(failures: int, first: float, jitter: float) -> None:
    middle = backoff(failures, first, 0.5)
    assert 0.75 * middle - 1e-9 <= backoff(failures, first, jitter) <= 1.25 * middle + 1e-9


def tries(failures: int = 0, crashes: int = 0) -> Tries:
    return Tries(failures, crashes, max_attempts=3, first_delay=4.0, jitter=0.5)


def test_failures_are_counted_and_bounded() -> None:
    assert after_failure(ODD, tries(failures=1)).state is JobState.RETRY
    assert after_failure(ODD, tries(failures=2)).state is JobState.FAILED
    refused = after_failure(Failure("no", "No.", retryable=False), tries())
    assert (refused.state, refused.failures) == (JobState.FAILED, 1)


def test_not_now_is_no_failure() -> None:
    said = Failure("later", "Later.", retryable=True, after=7.5)
    outcome = after_failure(said, tries(failures=2))
    assert (outcome.state, outcome.failures, outcome.delay) == (JobState.RETRY, 2, 7.5)


def test_crashes_are_counted_apart_and_the_first_repetition_is_at_once() -> None:
    first, second, third = (after_crash(tries(failures=2, crashes=n)) for n in (0, 1, 2))
    assert (first.state, first.delay, first.failures) == (JobState.RETRY, 0.0, 2)
    assert (second.state, second.delay) == (JobState.RETRY, 4.0)
    assert third.state is JobState.FAILED
    assert "3 times" in third.failure.detail


def test_the_rest_is_estimated_from_the_pace() -> None:
    assert remaining([]) is None
    assert remaining([(0, 0.0), (5, 0.001)]) is None
    assert remaining([(0, 0.0), (5, 0.25), (10, 0.5)]) == pytest.approx(10.0)
    slowing = [(0, 0.0), (10, 0.5), (30, 0.6), (50, 0.7)]
    estimate = remaining(slowing)
    assert estimate is not None
    assert 0.3 * 50 / 0.7 < estimate < 0.3 * 20 / 0.1
