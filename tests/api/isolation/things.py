"""What the walk asks about: things of the workspace that is looked after, and made-up ones that look the same.

In a request `@clip` stands for the workspace's clip, or for one that nobody has; `$workspace` for the asker's own.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from stakazo.core.actor import new_id

_NAMED = re.compile(r"(?<!\w)([@$])(\w+)")


@dataclass(frozen=True, slots=True)
class Thing:
    """Something that can be named in a request, and another of the same shape that isn't there."""

    real: str
    made_up: str


def named(row_id: UUID | str) -> Thing:
    return Thing(str(row_id), str(new_id()))


def token(real: str) -> Thing:
    """A proof such as `sti_...`, and one that nobody was given."""
    prefix, _, secret = real.partition("_")
    return Thing(real, f"{prefix}_{secrets.token_urlsafe(32)[: len(secret)]}")


def written(real: str, made_up: str | None = None) -> Thing:
    """Words; the made-up ones are as long."""
    return Thing(real, made_up or secrets.token_hex(len(real))[: len(real)])


def telling(things: Mapping[str, Thing], own: Mapping[str, str], *, real: bool) -> Callable[[Any], Any]:
    """A function that puts the things in for their names, anywhere in a request."""

    def one(found: re.Match[str]) -> str:
        if found[1] == "$":
            return own[found[2]]
        thing = things[found[2]]
        return thing.real if real else thing.made_up

    def tell(said: Any) -> Any:
        if isinstance(said, str):
            return _NAMED.sub(one, said)
        if isinstance(said, Mapping):
            return {tell(name): tell(value) for name, value in said.items()}
        if isinstance(said, list | tuple):
            return [tell(value) for value in said]
        return said

    return tell


def names_in(said: Any) -> set[str]:
    """The things that a request names."""
    if isinstance(said, str):
        return {found[2] for found in _NAMED.finditer(said) if found[1] == "@"}
    if isinstance(said, Mapping):
        return {name for pair in said.items() for part in pair for name in names_in(part)}
    if isinstance(said, list | tuple):
        return {name for part in said for name in names_in(part)}
    return set()
