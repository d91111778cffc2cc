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
_PEOPLE = {
    *("name", "artist", "email", "phone", "username", "author_name"),
    *("ip", "user_agent", "dsa_beneficiary", "dsa_payor"),
}
_WORDS = {
    *("title", "filename", "address"),
    *("text", "message", "caption", "first_comment", "headline", "description", "details"),
    *("detail", "notes", "why", "answer", "refused"),
}
PERSONAL = frozenset(_PEOPLE | _WORDS)
"""Members of an event's data that say who somebody is, or are free words: what somebody has called something or has
written, and sentences that may quote that, a file or a platform, like the reason of a failure. Its code is none."""
_NONCE = _SALT = 16
NOISE = _NONCE + _SALT
KEY_BYTES = 32


def parted(data: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What of an event's data may be read for ever, and what is about a person.

    The latter by its path: `changed.name`, or `rules.0.name` for what stands in a list.
    """
    personal: dict[str, Any] = {}
    kept: dict[str, Any] = _without(data, "", personal)
    return kept, personal


def _without(value: Any, path: str, personal: dict[str, Any]) -> Any:
    if isinstance(value, Mapping):
        about = {name for name, inside in value.items() if name in PERSONAL and _says(inside)}
        personal |= {f"{path}{name}": value[name] for name in value if name in about}
        return {
            name: _without(inside, f"{path}{name}.", personal) for name, inside in value.items() if name not in about
        }
    if isinstance(value, list | tuple):
        return [_without(inside, f"{path}{number}.", personal) for number, inside in enumerate(value)]
    return value


def _says(value: Any) -> bool:
    return bool(value) and not isinstance(value, int | float)


def joined(data: Mapping[str, Any], values: Mapping[str, Any] | str) -> dict[str, Any]:
    """The data with its personal part back in place; with a word, like `ERASED`, in its place where it can't be read.

    Args:
        data: Of an event that encloses something.
        values: As `disclose` gave them, or the word.
    """
    whole = copy.deepcopy(dict(data))
    enclosure = whole.pop(KEY)
    for path in enclosure["fields"]:
        *above, last = path.split(".")
        part: Any = whole
        for name in above:
            part = part[int(name)] if isinstance(part, list) else part.setdefault(name, {})
        part[last] = values if isinstance(values, str) else values.get(path)
    return whole


def whose(data: Mapping[str, Any]) -> tuple[str, UUID] | None:
    """Of whom an event's data encloses something, as kind and id; None where it doesn't, or doesn't say of whom."""
    try:
        kind, _, person_id = data[KEY]["of"].partition("/")
        return kind, UUID(person_id)
    except (KeyError, TypeError, AttributeError, ValueError):
        return None


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
