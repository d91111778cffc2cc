"""What may become of a publication. Pure.

    DRAFT ──> AWAITING_APPROVAL ──> SCHEDULED ──> PREFLIGHT ──> BEGUN ──> PROCESSING ──> READY
                                                                                           │
                                 REMOVED <── REMOVING <── PUBLISHED <── PUBLISHING <───────┘

From anywhere before PUBLISHED it can also end as FAILED (nothing is public, and why), NEEDS_HUMAN (only a person can
settle it) or, until PUBLISHING, CANCELLED. Everything before PUBLISHING is inert: nobody outside sees any of it.
PUBLISHING is written before the one call that makes it public, so whoever finds a publication there asks the platform.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from stakazo.platforms.base import Stage, Status
from stakazo.platforms.errors import Reason

PATIENCE = 6 * 3600.0
"""Seconds after its begin at which a publication that is still nowhere is given to a person."""
MISSED_AFTER = 3600.0
"""Seconds after its time at which a publication that nobody had begun is not published any more without being asked."""
ASKS = (60.0, 300.0, 1800.0, 2 * 3600.0, 6 * 3600.0, 24 * 3600.0)
"""Seconds before each question to the platform about what is in doubt, from the last one on."""
ALONE = 2
"""How many of them come before a person is told; the others are asked all the same."""
ANEW = 2
"""How often an upload that the platform failed to work on is begun again."""


class PublicationState(StrEnum):
    """How far a publication has come."""

    DRAFT = "DRAFT"
    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    SCHEDULED = "SCHEDULED"
    """Waits for its time."""
    PREFLIGHT = "PREFLIGHT"
    """Its time has come, and it is checked once more."""
    BEGUN = "BEGUN"
    """Its file is being sent to the platform, where nobody sees it."""
    PROCESSING = "PROCESSING"
    """The platform works on the file."""
    READY = "READY"
    """The platform is done; nobody sees it."""
    PUBLISHING = "PUBLISHING"
    """The platform is, or was, asked to make it public."""
    PUBLISHED = "PUBLISHED"
    FAILED = "FAILED"
    NEEDS_HUMAN = "NEEDS_HUMAN"
    CANCELLED = "CANCELLED"
    REMOVING = "REMOVING"
    REMOVED = "REMOVED"
    """It was public, and was taken down."""


S = PublicationState

UNDER_WAY = frozenset({S.PREFLIGHT, S.BEGUN, S.PROCESSING, S.READY, S.PUBLISHING})
"""A job is at it."""
EDITABLE = frozenset({S.DRAFT, S.AWAITING_APPROVAL, S.SCHEDULED})
"""Nothing has been sent: caption and time can be changed."""
CANCELLABLE = EDITABLE | {S.PREFLIGHT, S.BEGUN, S.PROCESSING, S.READY}
"""Nothing that was sent can be seen, nor will be."""
OVER = frozenset({S.FAILED, S.CANCELLED, S.REMOVED})
"""Nothing of it is public, nor will be: the same may be wanted anew."""
OPEN = (UNDER_WAY | EDITABLE | {S.NEEDS_HUMAN, S.REMOVING}) - {S.DRAFT}
"""Something is still to happen."""


class Approval(StrEnum):
    """Who must agree before something is published."""

    NONE = "none"
    """Nobody: who may write publications may schedule them."""
    ANYONE = "anyone"
    """Somebody who may approve, also its author."""
    ANOTHER = "another"
    """A person who may approve and isn't its author."""


def first_state(approval: Approval, *, draft: bool) -> PublicationState:
    """What a new publication is, or one that was changed after it had been approved."""
    if draft:
        return S.DRAFT
    return S.SCHEDULED if approval is Approval.NONE else S.AWAITING_APPROVAL


def why_not_approve(approval: Approval, author: str, approver: str) -> str | None:
    """Why this one may not approve it; None where they may. Both are `kind/id`."""
    if approval is not Approval.ANOTHER:
        return None
    if not approver.startswith("user/"):
        return "In this workspace a person approves, not a key: sign in."
    if approver == author:
        return "In this workspace somebody else than its author approves a publication."
    return None


def agreed(approval: Approval, author: str, approver: str | None) -> bool:
    """Whether who must agree has; the approver is `kind/id`, or None where nobody did."""
    if approval is Approval.NONE:
        return True
    return approver is not None and why_not_approve(approval, author, approver) is None


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why something did not go out, and what a person does about it."""

    code: str
    detail: str
    todo: str = ""
    said: dict[str, Any] | None = None
    """The platform's own words and numbers."""

    def as_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value}


class Act(StrEnum):
    """What to do next about an inert or doubtful thing at the platform."""

    BEGIN = "begin"
    """Make it anew: what was there will never be public."""
    UPLOAD = "upload"
    WAIT = "wait"
    FINISH = "finish"
    """Make it public."""
    DONE = "done"
    """It is public."""
    FAIL = "fail"
    """It isn't public, and won't be."""
    ASK = "ask"
    """Ask a person."""


@dataclass(frozen=True, slots=True)
class Known:
    """What our own rows say when the platform has answered."""

    acted: bool
    """Whether the platform may have been asked to make it public."""
    uploaded: bool
    """Whether this attempt has just sent what there was to send."""
    refused: bool
    """Whether this attempt's call to make it public was refused for good."""
    doubted: bool
    """Whether another call may still have its effect: what came of it, nobody has said."""
    begins: int
    """How often it was begun."""
    seconds: float
    """Since it was begun first."""


@dataclass(frozen=True, slots=True)
class Next:
    act: Act
    state: PublicationState
    trouble: Trouble | None = None


IN_INBOX = Trouble(
    "in_inbox",
    "The draft is in the inbox of the platform's app.",
    "Open the app, find the draft in the inbox, and post it. That is found out by itself; or confirm it here. Is it "
    "wanted no more: delete the draft there, then cancel it and say that you have looked.",
)


def after(known: Known, status: Status) -> Next:
    """What follows from the platform's answer."""
    if status.stage is Stage.PUBLISHED:
        return Next(Act.DONE, S.PUBLISHED)
    if status.stage is Stage.FAILED:
        return _failed(known, status)
    return _late(known, status) if known.seconds > PATIENCE else _open(known, status.stage)


def _open(known: Known, stage: Stage) -> Next:
    if stage is Stage.INBOX:
        return Next(Act.ASK, S.NEEDS_HUMAN, IN_INBOX)
    if stage is Stage.UPLOADING and not known.uploaded:
        return Next(Act.UPLOAD, S.PUBLISHING if known.acted else S.BEGUN)
    if stage in {Stage.READY, Stage.UPLOADING}:  # a platform's last bytes can be what makes it public
        if known.refused and known.doubted:
            return Next(Act.ASK, S.NEEDS_HUMAN, doubt("One request was refused, and of another nothing was heard."))
        return Next(Act.FAIL, S.FAILED) if known.refused else Next(Act.FINISH, S.PUBLISHING)
    return Next(Act.WAIT, S.PUBLISHING if known.acted else S.PROCESSING)


def _failed(known: Known, status: Status) -> Next:
    reason = status.reason or Reason.PROCESSING
    if known.acted and reason is Reason.GONE:
        words = f"The platform doesn't know the upload any more. {status.detail}".strip()
        return Next(Act.ASK, S.NEEDS_HUMAN, doubt(words))
    if reason.anew and known.begins <= ANEW:
        return Next(Act.BEGIN, S.BEGUN)
    return _failing(status)


def _failing(status: Status) -> Next:
    reason = status.reason or Reason.PROCESSING
    words = status.detail or "The platform doesn't say why."
    return Next(Act.FAIL, S.FAILED, Trouble(reason.value, words, _WHAT_TO_DO.get(reason, "")))


def _late(known: Known, status: Status) -> Next:
    hours = f"after {known.seconds / 3600:.1f} hours the platform still says {status.stage.value}"
    if known.acted:
        return Next(Act.ASK, S.NEEDS_HUMAN, doubt(f"It was asked to be public, and {hours}."))
    todo = "Look at the platform's status page, then retry."
    return Next(Act.FAIL, S.FAILED, Trouble("too_slow", f"It was sent, and {hours}.", todo))


def verdict(status: Status) -> Next | None:
    """What an answer settles that was asked for after a doubt; None where the doubt remains. Nothing is done anew."""
    if status.stage is Stage.PUBLISHED:
        return Next(Act.DONE, S.PUBLISHED)
    if status.stage is Stage.FAILED and status.reason is not Reason.GONE:
        return _failing(status)
    return None


def ask_after(asks: int, *, alone: bool = False) -> float | None:
    """Seconds until the platform is asked once more about what is in doubt; None where it has been often enough.

    Args:
        asks: How often it has been asked since the doubt.
        alone: Whether no person is told yet.
    """
    return ASKS[asks] if asks < (ALONE if alone else len(ASKS)) else None


DOUBTFUL = "doubtful"


def doubt(detail: str) -> Trouble:
    """Whether it is public is not known."""
    todo = (
        "Look at the account. Is it there: confirm it with its address. Is it not: retry or cancel it, and say that "
        "you have looked. A retry asks the platform first, and never posts what it says is there. Meanwhile the "
        "platform is asked again by itself."
    )
    return Trouble(DOUBTFUL, detail, todo)


_WHAT_TO_DO: dict[Reason, str] = {
    Reason.MEDIA: "Render the clip anew, or choose another variant.",
    Reason.PROCESSING: "Retry; if it fails again, render the clip anew.",
    Reason.GONE: "Retry: it is begun anew.",
    Reason.BLOCKED: "Look at the account's status at the platform before you retry.",
    Reason.PERMISSION: "Connect the channel again and agree to every permission.",
    Reason.DUPLICATE: "The platform has this already: look at the account, and confirm what is there.",
}


def refusal(reason: Reason, sentence: str, said: dict[str, Any] | None = None) -> Trouble:
    """What the platform refuses, as trouble of ours."""
    return Trouble(reason.value, sentence, _WHAT_TO_DO.get(reason, "Plan it anew with that changed."), said or None)


def pause(looks: int, most: float) -> float:
    """Seconds before the next look at something that isn't ready: short at first, never more than is worth it."""
    return float(min(most, 0.5 * 2 ** min(looks, 10)))
