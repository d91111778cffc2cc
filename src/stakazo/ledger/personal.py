"""Personal data in a ledger that forgets nothing: enclosed under the person's own key, and gone with that key. Pure.

What is hashed is the enclosure: the values encrypted (AES-256-GCM), and a salted commitment to them, whose salt is
encrypted too. With the key anyone can be shown the values and check them against the commitment; without it neither
the values nor a guess at them can be checked, and no hash has changed.

    "personal": {"of": "user/0199...", "fields": ["email"], "box": "<base64: nonce, ciphertext>", "commitment": "<hex>"}

What is about a person is known by its name (`PERSONAL`), wherever in an event's data it stands: so nobody has to think
of it, and nobody can forget it.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from stakazo.ledger.canonical import canonical

ERASED = "[erased]"
KEY = "personal"
"""The member of an event's data that holds the enclosure."""
PERSONAL = frozenset(
    {
        *(
            "name",
            "artist",
            "email",
            "phone",
            "username",
            "author_name",
            "ip",
            "user_agent",
            "dsa_beneficiary",
            "dsa_payor",
        ),
        *("text", "message", "caption", "first_comment", "headline", "description", "details"),
    }
)
"""Members of an event's data that say who somebody is, or are words that somebody wrote."""
_NONCE = _SALT = 16
NOISE = _NONCE + _SALT
KEY_BYTES = 32


def parted(data: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What of an event's data may be read for ever, and what is about a person: `changed.name` for what lies deeper."""
    kept: dict[str, Any] = {}
    personal: dict[str, Any] = {}
    for name, value in data.items():
        if name in PERSONAL and value and not isinstance(value, int | float):
            personal[name] = value
        elif isinstance(value, Mapping):
            kept[name], inside = parted(value)
            personal |= {f"{name}.{deeper}": found for deeper, found in inside.items()}
        else:
            kept[name] = value
    return kept, personal


def joined(data: Mapping[str, Any], values: Mapping[str, Any] | str) -> dict[str, Any]:
    """The data with its personal part back in place; with a word, like `ERASED`, in its place where it can't be read.

    Args:
        data: Of an event that encloses something.
        values: As `disclose` gave them, or the word.
    """
    whole = copy.deepcopy(dict(data))
    enclosure = whole.pop(KEY)
    for path in enclosure["fields"]:
        part, (*above, last) = whole, path.split(".")
        for name in above:
            part = part.setdefault(name, {})
        part[last] = values if isinstance(values, str) else values.get(path)
    return whole


def enclose(key: bytes, of: str, values: Mapping[str, Any], event_id: UUID, noise: bytes) -> dict[str, Any]:
    """The values as they stand in the event with this id.

    Args:
        key: The person's, 32 bytes.
        of: The person: `user/<id>`.
        values: What is enclosed.
        event_id: The event's.
        noise: `NOISE` random bytes that are used for nothing else.
    """
    salt, nonce = noise[:_SALT], noise[_SALT:]
    opened = canonical({"salt": salt.hex(), "values": values})
    box = nonce + AESGCM(key).encrypt(nonce, opened, _bound(of, event_id))
    return {
        "of": of,
        "fields": sorted(values),
        "box": base64.b64encode(box).decode(),
        "commitment": commitment(salt, values),
    }


def disclose(key: bytes, enclosure: Mapping[str, Any], event_id: UUID) -> dict[str, Any]:
    """`salt` (hex) and `values`, as they were enclosed. Raises ValueError where they don't open or don't fit."""
    box = base64.b64decode(enclosure["box"], validate=True)
    try:
        opened = json.loads(AESGCM(key).decrypt(box[:_NONCE], box[_NONCE:], _bound(enclosure["of"], event_id)))
    except InvalidTag as error:
        raise ValueError("the personal values don't open: not their key, or changed") from error
    if not fits(enclosure, opened):
        raise ValueError("the personal values are not those that the event commits to")
    return {"salt": opened["salt"], "values": opened["values"]}


def fits(enclosure: Mapping[str, Any], opened: Mapping[str, Any]) -> bool:
    """Whether values that are shown with their salt are those that the event commits to."""
    return bool(commitment(bytes.fromhex(opened["salt"]), opened["values"]) == enclosure["commitment"])


def commitment(salt: bytes, values: Mapping[str, Any]) -> str:
    return hashlib.sha256(salt + canonical(values)).hexdigest()


def _bound(of: str, event_id: UUID) -> bytes:
    return f"{of} {event_id}".encode()
