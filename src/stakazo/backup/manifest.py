"""What a backup says of itself: what is in it, what each part must be, and what its ledgers had come to. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

FORMAT = 1
NAME = "manifest.json"
ROWS, FILES, KEYS, PUBLIC = "database/", "files/", "keys/", "public/"
"""Where in a backup the rows are, the stored files, what must stay secret, and what anybody may see."""


@dataclass(frozen=True, slots=True)
class Member:
    """One part of a backup."""

    size: int
    """Bytes, as it was before it was compressed."""
    sha256: str


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one table, as `COPY` writes them."""

    table: str
    columns: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """A backup in words."""

    id: str
    taken_at: str
    """When its snapshot was taken, by the database's clock; ISO 8601, UTC."""
    stakazo: str
    """The version of the program that took it."""
    revision: str
    """Of the database."""
    postgres: int
    """The major version of the server."""
    with_keys: bool
    rows: tuple[Rows, ...]
    members: Mapping[str, Member]
    """By name, all but the manifest itself."""
    lost: tuple[str, ...]
    """The keys of files that rows name and that were gone already."""
    ledgers: Mapping[str, str]
    """By workspace: the newest signed checkpoint of its ledger."""
    workspaces: tuple[str, ...]

    @property
    def files(self) -> dict[str, Member]:
        """The stored files, by their keys."""
        return {name.removeprefix(FILES): one for name, one in self.members.items() if name.startswith(FILES)}

    @property
    def bytes(self) -> int:
        """Of everything, as it was before it was compressed."""
        return sum(one.size for one in self.members.values())


def dump(manifest: Manifest) -> bytes:
    return json.dumps({"stakazo backup": FORMAT, **asdict(manifest)}, indent=1, ensure_ascii=False).encode()


def load(data: bytes) -> Manifest:
    """Raises ValueError, with what is the matter."""
    try:
        said: dict[str, Any] = json.loads(data)
        form = said.pop("stakazo backup")
        if form != FORMAT:
            raise ValueError(f"it is of format {form}, and this program knows format {FORMAT}: use a newer Stakazo")
        rows = tuple(Rows(one["table"], tuple(one["columns"]), one["count"]) for one in said.pop("rows"))
        members = {name: Member(**one) for name, one in said.pop("members").items()}
        lost, workspaces = tuple(said.pop("lost")), tuple(said.pop("workspaces"))
        return Manifest(rows=rows, members=members, lost=lost, workspaces=workspaces, **said)
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise ValueError("what it says of itself can't be read") from error


def disagreements(manifest: Manifest, there: Mapping[str, int], known: Sequence[str]) -> list[str]:
    """Why these parts (their sizes by their names) are not the backup that the manifest tells of, in sentences.

    Args:
        known: The revisions of the database that this program knows, all of them.
    """
    found = []
    if manifest.revision not in known:
        found.append(
            f"it was taken by Stakazo {manifest.stakazo} (database revision {manifest.revision}), which is newer than "
            "this program: install that version or a later one"
        )
    missing, extra = sorted(manifest.members.keys() - there), sorted(there.keys() - manifest.members.keys())
    found += [f"{name} is missing" for name in missing]
    found += [f"{name} doesn't belong to it" for name in extra]
    found += [
        f"{name} has {there[name]} bytes and should have {one.size}"
        for name, one in manifest.members.items()
        if there.get(name, one.size) != one.size
    ]
    wanted = {f"{ROWS}{rows.table}" for rows in manifest.rows}
    found += [f"{name} is of no table" for name in manifest.members if name.startswith(ROWS) and name not in wanted]
    found += [f"the rows of {name.removeprefix(ROWS)} are missing" for name in sorted(wanted - manifest.members.keys())]
    return found
