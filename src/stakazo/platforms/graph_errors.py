"""What Meta's numbers mean: (code, subcode) -> one of the four errors. Pure.

Most failures come as HTTP 400 whatever their kind, rate limits too; some as HTTP 200 with an error in the body. The
words change and are translated, so only numbers decide.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from stakazo.platforms.errors import PlatformError, Reason, Rejected, Said, TokenExpired, TryLater, Unknown

Drawer = Literal["later", "token", "rejected", "unknown", "trouble", "new"]
"""`trouble` is the platform's own, and `new` are numbers nobody has told us of: unknown where something can have
happened, else later and rejected."""


@dataclass(frozen=True, slots=True)
class Meaning:
    drawer: Drawer
    reason: Reason
    after: float = 0.0
    """Seconds, of `later`; and of `unknown` where nothing can have happened."""


MINUTE, HOUR = 60.0, 3600.0
RATE = Meaning("later", Reason.RATE, 5 * MINUTE)
TROUBLE = Meaning("trouble", Reason.BUSY, 30.0)

BY_SUBCODE: dict[tuple[int, int], Meaning] = {
    (1, 99): Meaning("rejected", Reason.TOO_MUCH_DATA),
    (2, 1504038): Meaning("rejected", Reason.TOO_MUCH_DATA),
    (100, 1487534): Meaning("rejected", Reason.TOO_MUCH_DATA),
    (100, 1504018): Meaning("rejected", Reason.TOO_MUCH_DATA),
    (-2, 2490547): Meaning("later", Reason.BUSY, 5 * MINUTE),
    (4, 2207051): Meaning("unknown", Reason.BLOCKED, 30.0),  # "action is blocked": now and then of what is live
    (9, 2207042): Meaning("later", Reason.QUOTA, HOUR),
    (10, 33): Meaning("rejected", Reason.NOT_FOUND),
    (100, 33): Meaning("rejected", Reason.NOT_FOUND),
    (100, 1885272): Meaning("rejected", Reason.BUDGET),
    (100, 2446307): Meaning("rejected", Reason.BUDGET),
    (100, 1885621): Meaning("rejected", Reason.BUDGET),
    (200, 1870090): Meaning("rejected", Reason.TERMS),  # of lists of customers
    (190, 458): Meaning("token", Reason.REVOKED),
    (190, 459): Meaning("token", Reason.CHECKPOINT),
    (190, 460): Meaning("token", Reason.REVOKED),
    (190, 463): Meaning("token", Reason.EXPIRED),
    (190, 464): Meaning("token", Reason.CHECKPOINT),
    (190, 467): Meaning("token", Reason.EXPIRED),
    (190, 492): Meaning("token", Reason.REVOKED),
    (368, 1390008): Meaning("later", Reason.BLOCKED, 6 * HOUR),
    (613, 1487632): Meaning("later", Reason.QUOTA, HOUR),  # budget changes of one ad set; the account stays open
    (6000, 1363030): TROUBLE,
    (6001, 1363037): Meaning("later", Reason.BUSY, 1.0),
    (9004, 2207052): Meaning("rejected", Reason.FETCH),
    (9007, 2207027): Meaning("later", Reason.NOT_READY, 20.0),
    (-1, 2207001): TROUBLE,
    (-1, 2207032): Meaning("rejected", Reason.PROCESSING),
    (-1, 2207053): Meaning("rejected", Reason.PROCESSING),
    (-2, 2207003): Meaning("rejected", Reason.FETCH),
    (-2, 2207020): Meaning("rejected", Reason.GONE),
    (24, 2207006): Meaning("rejected", Reason.NOT_FOUND),
    (24, 2207008): Meaning("rejected", Reason.GONE),
    (25, 2207050): Meaning("token", Reason.CHECKPOINT),
}

BY_CODE: dict[int, Meaning] = {
    -1: TROUBLE,
    -2: TROUBLE,
    1: TROUBLE,
    2: TROUBLE,
    3: Meaning("rejected", Reason.PERMISSION),
    4: RATE,
    9: Meaning("later", Reason.QUOTA, HOUR),
    10: Meaning("rejected", Reason.PERMISSION),
    17: RATE,
    32: RATE,
    100: Meaning("rejected", Reason.INVALID),
    102: Meaning("token", Reason.EXPIRED),
    104: Meaning("rejected", Reason.INVALID),
    190: Meaning("token", Reason.REVOKED),
    341: Meaning("later", Reason.RATE, HOUR),
    352: Meaning("rejected", Reason.MEDIA),
    368: Meaning("rejected", Reason.BLOCKED),
    506: Meaning("rejected", Reason.DUPLICATE),
    613: RATE,
    803: Meaning("rejected", Reason.NOT_FOUND),
    2650: Meaning("rejected", Reason.INVALID),
    2651: Meaning("rejected", Reason.INVALID),
    2653: Meaning("rejected", Reason.INVALID),
    2654: Meaning("rejected", Reason.INVALID),
    2655: Meaning("rejected", Reason.TERMS),
    2656: Meaning("rejected", Reason.INVALID),
    2663: Meaning("rejected", Reason.TERMS),
    6000: Meaning("rejected", Reason.MEDIA),
    9004: Meaning("rejected", Reason.FETCH),
    36000: Meaning("rejected", Reason.MEDIA),
    36001: Meaning("rejected", Reason.MEDIA),
    36003: Meaning("rejected", Reason.MEDIA),
}
BUSINESS_RATE = range(80000, 80100)
PERMISSIONS = range(200, 300)

CONTAINER: dict[int, Reason] = {
    2207003: Reason.FETCH,
    2207004: Reason.MEDIA,
    2207005: Reason.MEDIA,
    2207009: Reason.MEDIA,
    2207020: Reason.GONE,
    2207023: Reason.MEDIA,
    2207026: Reason.MEDIA,
    2207052: Reason.FETCH,
    2207057: Reason.INVALID,
    2207076: Reason.PROCESSING,
    2207077: Reason.FETCH,
    2207082: Reason.PROCESSING,
}
"""The numbers in a container's `status`. One that isn't here may pass anew."""


@dataclass(frozen=True, slots=True)
class GraphError:
    """Meta's envelope, whatever its shape was."""

    code: int
    subcode: int | None
    transient: bool
    message: str
    trace: str
    data: Mapping[str, Any]
    """`error_data`, when it was an object or one in JSON."""
    blamed: tuple[str, ...] = ()
    """The fields that it is about."""


def parse(body: Any) -> GraphError | None:
    """The error in an answer's JSON, of a Graph host or of rupload; None where there is none."""
    if not isinstance(body, dict):
        return None
    if isinstance(body.get("error"), dict):
        error = body["error"]
        data = _data(error.get("error_data"))
        return GraphError(
            code=_whole(error.get("code")) or 0,
            subcode=_whole(error.get("error_subcode", error.get("subcode"))),  # debug_token says it shorter
            transient=error.get("is_transient") is True,
            message=str(error.get("error_user_msg") or error.get("message") or "")[:500],
            trace=str(error.get("fbtrace_id") or ""),
            data=data,
            blamed=_blamed(data),
        )
    if isinstance(body.get("debug_info"), dict):  # rupload's own
        info = body["debug_info"]
        return GraphError(0, None, info.get("retriable") is True, str(info.get("message", ""))[:500], "", {})
    return None


def meaning(error: GraphError) -> Meaning:
    """What its numbers say."""
    if error.subcode is not None and (found := BY_SUBCODE.get((error.code, error.subcode))):
        return found
    if error.code in BUSINESS_RATE:
        return Meaning("later", Reason.RATE, 15 * MINUTE)
    if error.code in PERMISSIONS:
        return Meaning("rejected", Reason.PERMISSION)
    found = BY_CODE.get(error.code)
    if found is not None and found.drawer != "trouble":
        return found
    if error.transient or found is not None:
        return TROUBLE
    return Meaning("new", Reason.INVALID)


def refusal(status: int, error: GraphError, *, effect: bool) -> PlatformError:
    """The error to raise.

    Args:
        effect: Whether the request does something that must not happen twice. Then Meta's own troubles leave doubt.
    """
    said = Said(status, error.code, error.subcode, error.message, error.trace, error.data)
    found = meaning(error)
    words = error.message or f"Meta refused with code {error.code}."
    where = f" ({', '.join(error.blamed)})" if error.blamed else ""
    sentence = f"{words.rstrip('.')}{where}. [Meta {error.code}" + (f"/{error.subcode}]" if error.subcode else "]")
    match found.drawer:
        case "later":
            return TryLater(sentence, found.reason, said, after=found.after)
        case "token":
            return TokenExpired(sentence, found.reason, said)
        case "rejected":
            return Rejected(sentence, found.reason, said)
        case "trouble" | "unknown" if not effect:
            return TryLater(sentence, found.reason, said, after=found.after)
        case "new" if not effect:
            return Rejected(sentence, found.reason, said)
    return Unknown(sentence, found.reason, said)


def _data(given: Any) -> dict[str, Any]:
    """`error_data` comes as an object, as JSON in a string, or as plain words."""
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError:
            return {}
    return given if isinstance(given, dict) else {}


def _blamed(data: Mapping[str, Any]) -> tuple[str, ...]:
    specs = data.get("blame_field_specs")
    if not isinstance(specs, list):
        return ()
    return tuple(".".join(map(str, spec)) if isinstance(spec, list) else str(spec) for spec in specs)


def _whole(value: Any) -> int | None:
    return int(value) if isinstance(value, int | str) and str(value).lstrip("-").isdigit() else None
