from __future__ import annotations

import pytest

from stakazo.rules.states import RuleState, may, refusal

P, A, R = RuleState.PROPOSED, RuleState.ACTIVE, RuleState.RETIRED


@pytest.mark.parametrize(
    ("before", "after", "allowed"),
    [
        (P, A, True), (P, R, True), (A, R, True), (R, A, True),
        (P, P, False), (A, A, False), (R, R, False), (A, P, False), (R, P, False),
    ],
)  # fmt: skip
def test_the_ways_of_a_rule(before: RuleState, after: RuleState, *, allowed: bool):
    assert may(before, after) is allowed


def test_a_refusal_says_what_is_possible():
    assert refusal(A, A) == "It is active already."
    assert refusal(A, P) == "It is active and can only become retired."
