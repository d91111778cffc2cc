"""An event as others read it: a CloudEvents 1.0 envelope around the bytes that are proven. Pure.

The envelope is for reading and for other programs; `canonical` is the event. One follows from the other, so a verifier
makes the bytes anew from the envelope and compares.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from stakazo.ledger.canonical import Event, time_text
from stakazo.ledger.merkle import Hash

SPEC = "1.0"
_TYPE = "stakazo."
_SOURCE = "urn:stakazo:workspace:"


def envelope(
    event: Event, canonical: bytes, position: int, hashes: bytes, proof: Sequence[Hash] | None = None
) -> dict[str, Any]:
    """The event with its place: position, the hashes that its leaf finishes, and where given its inclusion proof."""
    said: dict[str, Any] = {
        "specversion": SPEC,
        "id": str(event.id),
        "source": f"{_SOURCE}{event.workspace_id}",
        "type": f"{_TYPE}{event.event}",
        "subject": f"{event.subject_type}/{event.subject_id}",
        "time": time_text(event.time),
        "datacontenttype": "application/json",
        "data": event.data,
        "actor": f"{event.actor_kind}/{event.actor_id}",
        "correlationid": str(event.correlation_id),
    }
    if event.causation_id:
        said["causationid"] = str(event.causation_id)
    if event.after:
        said["after"] = event.after.hex()
    said |= {"position": position, "canonical": encode(canonical), "hashes": encode(hashes)}
    if proof is not None:
        said["inclusionproof"] = ",".join(map(encode, proof))
    return said


def event_in(said: Mapping[str, Any]) -> Event:
    """The event that an envelope tells of. Raises ValueError where it is none of ours."""
    try:
        subject_type, _, subject_id = said["subject"].partition("/")
        actor_kind, _, actor_id = said["actor"].partition("/")
        if said["specversion"] != SPEC or not said["type"].startswith(_TYPE) or not said["source"].startswith(_SOURCE):
            raise ValueError("not an envelope of Stakazo's")
        return Event(
            id=UUID(said["id"]),
            workspace_id=UUID(said["source"].removeprefix(_SOURCE)),
            time=datetime.fromisoformat(said["time"]),
            event=said["type"].removeprefix(_TYPE),
            subject_type=subject_type,
            subject_id=UUID(subject_id),
            actor_kind=actor_kind,
            actor_id=actor_id,
            correlation_id=UUID(said["correlationid"]),
            causation_id=UUID(said["causationid"]) if "causationid" in said else None,
            after=bytes.fromhex(said["after"]) if "after" in said else None,
            data=said["data"],
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not an envelope: {error!r}") from error


def encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def decode(text: Any) -> bytes:
    """Raises ValueError."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise ValueError(f"not base64: {str(text)[:40]!r}") from error


def decode_proof(text: Any) -> list[Hash]:
    """Raises ValueError."""
    if not isinstance(text, str):
        raise ValueError("not a proof")  # noqa: TRY004 (whatever the file says, it is the file that is wrong)
    return [decode(part) for part in text.split(",")] if text else []
