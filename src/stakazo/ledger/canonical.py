"""The bytes of an event: what is hashed, the same for whoever writes or checks them. Pure.

JSON as RFC 8785 (JCS) has it: members sorted by their UTF-16 code units, no spaces, numbers as ECMAScript writes them,
UTF-8. One addition: an integer that no double holds is written in full, where RFC 8785 would refuse it; so everything
that PostgreSQL's jsonb gives back after taking it has the bytes that it went in with.

    {"actor":{"id":"...","kind":"user"},"after":null,"causation":null,"correlation":"...","data":{...},
     "event":"clip_accepted","id":"...","subject":{"id":"...","type":"clip"},"time":"2026-11-22T10:00:00.000000Z",
     "v":1,"workspace":"..."}

Version 1 never changes: the bytes of old events must be found again for as long as there are ledgers.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any
from uuid import UUID

VERSION = 1


@dataclass(frozen=True, slots=True)
class Event:
    """One act, as it is proven."""

    id: UUID
    workspace_id: UUID
    time: datetime
    """With its zone; written in UTC, to the microsecond."""
    event: str
    subject_type: str
    subject_id: UUID
    actor_kind: str
    actor_id: str
    correlation_id: UUID
    causation_id: UUID | None
    after: bytes | None
    """The leaf hash of the event that the same process wrote before; None for its first one."""
    data: Mapping[str, Any]


def event_bytes(event: Event) -> bytes:
    """The canonical bytes. Raises ValueError or TypeError for data that isn't JSON."""
    return canonical(
        {
            "v": VERSION,
            "id": str(event.id),
            "workspace": str(event.workspace_id),
            "time": time_text(event.time),
            "event": event.event,
            "subject": {"type": event.subject_type, "id": str(event.subject_id)},
            "actor": {"kind": event.actor_kind, "id": event.actor_id},
            "correlation": str(event.correlation_id),
            "causation": str(event.causation_id) if event.causation_id else None,
            "after": event.after.hex() if event.after else None,
            "data": event.data,
        }
    )


def read_event(data: bytes) -> Event:
    """The event that these bytes say. Raises ValueError unless they are exactly the bytes of an event."""
    try:
        said = json.loads(data)
        if said["v"] != VERSION:
            raise ValueError(f"an event of version {said['v']}; this program knows version {VERSION}")
        event = Event(
            id=UUID(said["id"]),
            workspace_id=UUID(said["workspace"]),
            time=datetime.fromisoformat(said["time"]),
            event=said["event"],
            subject_type=said["subject"]["type"],
            subject_id=UUID(said["subject"]["id"]),
            actor_kind=said["actor"]["kind"],
            actor_id=said["actor"]["id"],
            correlation_id=UUID(said["correlation"]),
            causation_id=UUID(said["causation"]) if said["causation"] else None,
            after=bytes.fromhex(said["after"]) if said["after"] else None,
            data=said["data"],
        )
        exact = event_bytes(event) == data
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not an event: {error!r}") from error
    if not exact:
        raise ValueError("not in canonical form")
    return event


def time_text(time: datetime) -> str:
    """In UTC, always with six digits of a second."""
    if time.tzinfo is None:
        raise ValueError("a time without a zone")
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def canonical(value: Any) -> bytes:
    """A JSON value as its one sequence of bytes. Raises ValueError (nan, lone surrogates) or TypeError (not JSON)."""
    written: list[str] = []
    _write(value, written)
    return "".join(written).encode()


def _write(value: Any, out: list[str]) -> None:
    match value:
        case None:
            out.append("null")
        case bool():
            out.append("true" if value else "false")
        case str():
            out.append(encode_basestring(value))
        case int():
            out.append(_integer(int(value)))
        case float():
            out.append(_double(float(value)))
        case Mapping():
            separator = "{"
            for key in sorted(value, key=_utf16):
                out.append(separator + encode_basestring(key) + ":")
                _write(value[key], out)
                separator = ","
            out.append("}" if value else "{}")
        case list() | tuple():
            separator = "["
            for item in value:
                out.append(separator)
                _write(item, out)
                separator = ","
            out.append("]" if value else "[]")
        case _:
            raise TypeError(f"{type(value).__name__} is not JSON")


def _utf16(key: object) -> bytes:
    if not isinstance(key, str):
        raise TypeError(f"a member's name is a string, not {key!r}")
    return key.encode("utf-16-be")


_SAFE = 2**53


def _integer(number: int) -> str:
    if -_SAFE <= number <= _SAFE:
        return str(number)
    try:
        double = float(number)
    except OverflowError:
        return str(number)
    return _double(double) if Decimal(float.__repr__(double)) == number else str(number)


def _double(number: float) -> str:
    """As ECMAScript's Number::toString: the shortest digits, with an exponent below 1e-6 and from 1e21 on."""
    if not math.isfinite(number):
        raise ValueError(f"{number} is not JSON")
    if number == 0:
        return "0"
    text = float.__repr__(number)
    if "e" not in text:
        return text.removesuffix(".0")
    sign, digits, exponent = Decimal(text).as_tuple()
    assert isinstance(exponent, int)
    while digits[-1] == 0:
        digits, exponent = digits[:-1], exponent + 1
    written, point = "".join(map(str, digits)), len(digits) + exponent
    if len(digits) <= point <= 21:
        plain = written + "0" * (point - len(digits))
    elif -6 < point <= 0:
        plain = "0." + "0" * -point + written
    elif 0 < point <= 21:
        plain = f"{written[:point]}.{written[point:]}"
    else:
        fraction = f".{written[1:]}" if len(written) > 1 else ""
        plain = f"{written[0]}{fraction}e{point - 1:+d}"
    return "-" * sign + plain
