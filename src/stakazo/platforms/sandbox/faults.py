"""What can go wrong in the sandbox, when, and how chance decides. Pure.

    faults.add(Fault("lost_reply", where="POST IGUser/media_publish", times=1))
    faults.play("weather")

An operation is named like `POST IGUser/media_publish`: method, the kind of the node, the edge. The same seed and the
same requests meet the same faults, whatever else happens in between.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

KNOWN: dict[str, str] = {
    "lost_reply": "does what was asked, then breaks the connection",
    "never_arrived": "breaks the connection and does nothing",
    "late_reply": "does what was asked, and answers `seconds` later",
    "late_effect": "breaks the connection, and does what was asked `seconds` later, or after so many `looks`",
    "error": "answers with `code`, `subcode`, `status` and does nothing",
    "error_after": "does what was asked, and answers with an error all the same (default: 4/2207051)",
    "error_in_200": "an error in the body of HTTP 200 (default: the rate limit 4)",
    "busy_text": "HTTP 200 with the words `Service Unavailable`",
    "rate_limit": "HTTP 400 with a rate limit: `code` 4, 17, 32, 613 or 80002, and headers that say so",
    "expired_token": "190 with `subcode` 463, 460, 458, ...",
    "not_ready_after_finished": "9007/2207027 although the container says FINISHED",
    "container_error": "processing ends in ERROR, with `subcode` in its text",
    "processing_failed_error": "the upload ends in ProcessingFailedError although the container will be FINISHED",
    "upload_cut": "the connection breaks in the middle of an upload; half of it is kept",
    "chunk_error": "6001/1363037: the next piece is to begin where error_data says, in one of its three shapes",
    "video_error": "processing of a Page's video ends in an error",
    "no_permalink": "100/33 when a live post is read",
    "empty_page": "an empty page in the middle of a list",
    "restated_insights": "numbers that were given before become smaller",
    "report_failed": "an asynchronous report ends in Job Failed",
    "enhanced": "a creative's `feature` (default: text_optimizations) is switched on again, and nobody is told",
    "disapproved": "an ad's review ends in DISAPPROVED",
    "moderation": "TikTok: public, but its id only later",
    "post_failed": "TikTok: FAILED with `fail_reason`",
    "session_gone": "YouTube: the upload's session is 404",
    "webhook_twice": "a webhook is sent twice",
    "webhook_late": "webhooks come in another order",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong."""

    what: str
    where: str = "*"
    """Operations that it befalls; `*` stands for anything."""
    chance: float = 1.0
    times: int | None = None
    """How often at most."""
    after: str | None = None
    """Only once this has gone wrong, since it was planned."""
    detail: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.what not in KNOWN:
            raise ValueError(f"no such fault: {self.what}. There are {', '.join(KNOWN)}")


EVERYWHERE = (
    ("lost_reply", "POST *"), ("never_arrived", "*"), ("late_reply", "POST *"), ("error_in_200", "*"),
    ("busy_text", "*"), ("rate_limit", "*"), ("not_ready_after_finished", "*"), ("container_error", "*"),
    ("processing_failed_error", "*"), ("upload_cut", "*"), ("chunk_error", "*"), ("video_error", "*"),
    ("no_permalink", "*"), ("empty_page", "*"), ("restated_insights", "*"), ("report_failed", "*"),
    ("moderation", "*"), ("post_failed", "*"), ("session_gone", "*"), ("webhook_twice", "*"), ("webhook_late", "*"),
)  # fmt: skip

SCENARIOS: dict[str, tuple[Fault, ...]] = {
    "calm": (),
    "weather": tuple(Fault(what, where, 0.02) for what, where in EVERYWHERE),
    "storm": (
        *(Fault(what, where, 0.08) for what, where in EVERYWHERE),
        Fault("late_effect", "POST *", 0.05),
        Fault("late_effect", "PUT *", 0.05),
        Fault("lost_reply", "POST *_publish", 0.25),
        Fault("error_after", "POST *_publish", 0.1),
        Fault("error", "*", 0.05, detail={"code": 2, "status": 500, "is_transient": True}),
    ),
    "lost_replies": (Fault("lost_reply", "POST *", 0.3),),
    "late_effects": (Fault("late_effect", "POST *", 0.2), Fault("late_effect", "PUT *", 0.2)),
    "closed": (Fault("rate_limit"),),
    "expired": (Fault("expired_token"),),
    "rejected_media": (Fault("container_error"), Fault("video_error"), Fault("post_failed")),
    "disapproved": (Fault("disapproved"),),
}
"""What `stakazo sandbox --scenario` offers; also each fault by its own name."""


class Faults:
    """What is going to go wrong."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.scenario = "calm"
        self._planned: list[Fault] = []
        self._left: dict[int, int] = {}
        self._since: dict[int, int] = {}
        """By plan that waits for another fault: how often that had struck by then."""
        self._asked: Counter[tuple[str, str]] = Counter()
        self.struck: Counter[str] = Counter()
        """How often each has happened."""

    def play(self, scenario: str) -> None:
        """Forget all that was planned, and do this. Raises ValueError for a name that isn't there."""
        if scenario not in SCENARIOS and scenario not in KNOWN:
            raise ValueError(f"no such scenario: {scenario}. There are {', '.join([*SCENARIOS, *KNOWN])}")
        self._planned, self._left, self._since, self.scenario = [], {}, {}, scenario
        for fault in SCENARIOS.get(scenario) or ((Fault(scenario),) if scenario in KNOWN else ()):
            self.add(fault)

    def add(self, fault: Fault) -> None:
        if fault.times is not None:
            self._left[len(self._planned)] = fault.times
        if fault.after is not None:
            self._since[len(self._planned)] = self.struck[fault.after]
        self._planned.append(fault)

    def strikes(self, what: str, operation: str) -> Fault | None:
        """Whether this goes wrong here and now; then how."""
        for index, fault in enumerate(self._planned):
            if fault.what != what or not fnmatchcase(operation, fault.where) or self._left.get(index) == 0:
                continue
            if fault.after is not None and self.struck[fault.after] <= self._since[index]:
                continue
            self._asked[what, operation] += 1
            dice = random.Random(f"{self.seed}/{what}/{operation}/{self._asked[what, operation]}")  # noqa: S311
            if dice.random() < fault.chance:
                if index in self._left:
                    self._left[index] -= 1
                self.struck[what] += 1
                return fault
        return None
