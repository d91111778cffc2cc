"""What may become of a campaign, and what is said where it goes wrong. Pure.

    LAUNCHING ──> PAUSED <──> ACTIVE ──> COMPLETED        ACTIVATING, PAUSING and ARCHIVING are the ways between:
                     └──────────┴──> ARCHIVED             the intent is written, the platform is, or was, told

A launch makes everything PAUSED: nothing of it can spend. FAILED is a launch that came to nothing; NEEDS_HUMAN is what
only a person can settle. What was approved is told to the platform by assignments, which repeated do no harm; so after
any doubt the platform is asked, and what still differs is assigned again.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from stakazo.platforms.ads import Run
from stakazo.platforms.errors import Reason, Rejected
from stakazo.publishing.states import Trouble

PATIENCE = 6 * 3600.0
"""Seconds after its begin at which a launch or an act that has come to nothing is given to a person."""

LATE = 86400.0
"""Seconds for which late parts of a launch that is over are looked for: made by requests that nobody waits for."""


class CampaignState(StrEnum):
    """How far a campaign has come."""

    LAUNCHING = "LAUNCHING"
    """It is being made at the platform, where nothing of it can spend."""
    PAUSED = "PAUSED"
    ACTIVATING = "ACTIVATING"
    """The platform is, or was, told to let it run as it is approved: from here on it may spend."""
    ACTIVE = "ACTIVE"
    PAUSING = "PAUSING"
    COMPLETED = "COMPLETED"
    """Its time is over."""
    ARCHIVING = "ARCHIVING"
    ARCHIVED = "ARCHIVED"
    FAILED = "FAILED"
    NEEDS_HUMAN = "NEEDS_HUMAN"


S = CampaignState

TOLD = {S.ACTIVATING: Run.ACTIVE, S.PAUSING: Run.PAUSED, S.ARCHIVING: Run.ARCHIVED}
"""What the platform is told in each state of being on the way."""
ARRIVED = {S.ACTIVATING: S.ACTIVE, S.PAUSING: S.PAUSED, S.ARCHIVING: S.ARCHIVED}
UNDER_WAY = frozenset({S.LAUNCHING, *TOLD})
"""A job is at it."""
SPENDING = frozenset({S.ACTIVATING, S.ACTIVE, S.PAUSING, S.NEEDS_HUMAN})
"""It may be running."""
WATCHED = frozenset({S.PAUSED, S.ACTIVE, S.NEEDS_HUMAN, S.COMPLETED})
"""It is compared with what the platform says."""
OVER = frozenset({S.FAILED, S.ARCHIVED})
"""Nothing of it runs, nor will."""


def approved_run(state: CampaignState) -> Run:
    """What the platform should say of a campaign in this state."""
    if state in TOLD:
        return TOLD[state]
    if state in {S.ACTIVE, S.COMPLETED}:
        return Run.ACTIVE
    return Run.ARCHIVED if state is S.ARCHIVED else Run.PAUSED


def why_not_activate(total: int, limit: int | None, planned_by: str, actor: str) -> str | None:
    """Why this one may not let so much money flow; None where they may. Both are `kind/id`.

    Args:
        total: All that it may come to, minor units.
        limit: Above this a second person must agree; None: never.
    """
    if limit is None or total <= limit:
        return None
    if not actor.startswith("user/"):
        return "Above this workspace's limit a person lets a campaign run, not a key: sign in."
    if actor == planned_by:
        return (
            "Above this workspace's limit somebody else than who planned a campaign, or its budget, lets it run. What "
            "runs is paused first, then changed, then let run by another."
        )
    return None


class Part(StrEnum):
    """What a campaign is made of at the platform."""

    CAMPAIGN = "campaign"
    AD_SET = "ad_set"
    CREATIVE = "creative"
    AD = "ad"


# --- troubles -----------------------------------------------------------------------------------------------


def doubt(detail: str) -> Trouble:
    """Whether it runs is not known."""
    todo = "Look at the campaign in Ads Manager, then pause it here: that is told to the platform until it says so."
    return Trouble("doubtful", detail, todo)


def change_refused(error: Rejected) -> Trouble:
    """The platform had no word against a change when it was asked, and refuses it now."""
    detail = f"The platform refuses the change, which was taken back: {error}"
    todo = "It goes on as it was approved before. Change it to what the platform takes, or leave it so."
    return Trouble("change_refused", detail, todo, error.said.as_json() or None)


def disapproved(issues: list[str]) -> Trouble:
    words = " ".join(issues) or "The platform doesn't say why."
    return Trouble("disapproved", words, "Change what it shows, or ask the platform for another review.")


_WHAT_TO_DO: dict[Reason, str] = {
    Reason.BUDGET: "Change the budget to what the platform takes, and launch it anew.",
    Reason.MEDIA: "Render the clip anew, or choose another variant.",
    Reason.PERMISSION: "Connect the ad account again with a token that may manage ads, and with its Page.",
    Reason.REVIEW: "Change what the platform's rules forbid.",
    Reason.NOT_FOUND: "Look at what it names: audience, pixel, Page or post.",
}


def refusal(reason: Reason, sentence: str, said: dict[str, Any] | None = None) -> Trouble:
    """What the platform refuses, as trouble of ours."""
    return Trouble(
        reason.value, sentence, _WHAT_TO_DO.get(reason, "Duplicate it, and change what it names."), said or None
    )
