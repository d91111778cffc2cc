"""What a handler of the sandbox gets, and how it refuses."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stakazo.platforms.sandbox.faults import Fault
from stakazo.platforms.sandbox.world import Thing, World

Answer = dict[str, Any]


class Refused(Exception):
    """An error in Meta's envelope."""

    def __init__(
        self, code: int, message: str, *, subcode: int | None = None, status: int = 400, kind: str = "OAuthException",
        **more: Any,
    ) -> None:  # fmt: skip
        super().__init__(message)
        self.status = status
        self.error: dict[str, Any] = {"message": f"(#{code}) {message}", "type": kind, "code": code}
        if subcode is not None:
            self.error["error_subcode"] = subcode
        self.error |= {**more, "fbtrace_id": f"A{random.randrange(10**15):015d}"}  # noqa: S311 - a name

    @property
    def body(self) -> Answer:
        return {"error": self.error}


class Cut(Exception):
    """The connection breaks here."""


@dataclass(slots=True)
class Call:
    """A request to a node of Graph, understood."""

    world: World
    operation: str
    """`POST IGUser/media_publish`."""
    node: Thing
    params: Mapping[str, str]
    token: Thing
    files: Mapping[str, bytes] = field(default_factory=dict)
    root: str = ""
    """Where the sandbox itself is."""
    later: list[Callable[[], None]] = field(default_factory=list)
    """What happens when it is answered."""

    @property
    def now(self) -> float:
        return self.world.now()

    def struck(self, what: str) -> Fault | None:
        return self.world.faults.strikes(what, self.operation)

    def text(self, name: str) -> str:
        return self.params.get(name, "")

    def flag(self, name: str, default: bool = False) -> bool:  # noqa: FBT001, FBT002 - reads as a form does
        return self.params[name].lower() in {"true", "1"} if name in self.params else default

    def whole(self, name: str) -> int:
        try:
            return int(self.params[name])
        except (KeyError, ValueError):
            raise invalid(f"Param {name} must be an integer") from None

    def json(self, name: str, default: Any = None) -> Any:
        if name not in self.params:
            return default
        try:
            return json.loads(self.params[name])
        except ValueError:
            return [part for part in self.params[name].split(",") if part]

    def fields(self) -> list[str]:
        """The names asked for, without what is nested in them."""
        from stakazo.platforms.sandbox.contract import names  # noqa: PLC0415 - only graph needs both

        return names(self.params.get("fields", ""))


@dataclass(slots=True)
class Asked:
    """A request to Graph, as it came."""

    method: str
    path: str
    """Without the version: `178/media_publish`."""
    params: dict[str, str]
    token: str
    files: Mapping[str, bytes] = field(default_factory=dict)
    root: str = ""


@dataclass(slots=True)
class Answered:
    """What goes back."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    """Whether the connection breaks instead."""
    delay: float = 0.0
    """Seconds until it is sent."""


Handler = Callable[[Call], Answer]
Edges = dict[tuple[str, str, str], Handler]
"""By method, kind of node and edge."""


def invalid(message: str, subcode: int | None = None, **more: Any) -> Refused:
    return Refused(100, message, subcode=subcode, **more)


def missing() -> Refused:
    return Refused(
        100,
        "Unsupported get request. Object does not exist, cannot be loaded due to missing permissions",
        subcode=33,
        kind="GraphMethodException",
    )


def chosen(thing: Mapping[str, Any], fields: list[str], default: tuple[str, ...] = ("id",)) -> Answer:
    """What was asked for of a thing; its id always."""
    wanted = ["id", *(fields or default)]
    return {name: thing[name] for name in dict.fromkeys(wanted) if thing.get(name) is not None}


def page(call: Call, rows: list[Answer]) -> Answer:
    """A page of a list, with cursors as Meta gives them; sometimes an empty one in the middle."""
    limit = min(int(call.params.get("limit", "25")), 500)
    try:
        start = int(call.params.get("after", "0").removeprefix("empty") or "0")
    except ValueError:
        raise invalid("Invalid cursors values", 1349174) from None
    shown, end = rows[start : start + limit], min(start + limit, len(rows))
    more = end < len(rows)
    if shown and start and not call.text("after").startswith("empty") and call.struck("empty_page"):
        shown, end, more = [], start, True
        cursor = f"empty{start}"
    else:
        cursor = str(end)
    answer: Answer = {"data": shown}
    if rows:
        cursors = {"before": str(start), "after": cursor}
        answer["paging"] = {"cursors": cursors} | ({"next": f"{call.root}/graph/next?after={cursor}"} if more else {})
    if call.flag("summary"):
        answer["summary"] = {"total_count": len(rows)}
    return answer
