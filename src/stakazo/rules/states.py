"""What may become of a version of a rule. Pure.

    PROPOSED ──activate──> ACTIVE ──retire──> RETIRED
        │                     ^                  │
        └──────retire─────────┼────> RETIRED     │
                              └────activate──────┘   a roll-back

What a version says never changes; at most one version of a platform is active.
"""

from __future__ import annotations

from enum import StrEnum


class RuleState(StrEnum):
    """A rule is proposed, may become the active one, and is retired by the next."""

    PROPOSED = "PROPOSED"
    ACTIVE = "ACTIVE"
    RETIRED = "RETIRED"


_ALLOWED = {
    RuleState.PROPOSED: frozenset({RuleState.ACTIVE, RuleState.RETIRED}),
    RuleState.ACTIVE: frozenset({RuleState.RETIRED}),
    RuleState.RETIRED: frozenset({RuleState.ACTIVE}),
}


def may(before: RuleState, after: RuleState) -> bool:
    """Whether a version in one state may go to another."""
    return after in _ALLOWED[before]


def refusal(before: RuleState, after: RuleState) -> str:
    """Why it may not, for a person."""
    if before is after:
        return f"It is {before.value.lower()} already."
    allowed = " or ".join(sorted(state.value.lower() for state in _ALLOWED[before]))
    return f"It is {before.value.lower()} and can only become {allowed}."
