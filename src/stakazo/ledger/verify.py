"""Checking an export of a ledger, knowing nothing but its public key. Pure: no database, no network, no trust in us.

    report = verify(lines, keys, outside)

An export is JSON Lines: a header, then events in the order of their positions, with each signed checkpoint behind the
last event that it covers. `keys` are the ledger's verifier keys, had from elsewhere; `outside` are checkpoints that
were kept elsewhere: only they show that an end was cut off, or that the whole was written anew.

What is found first is reported, with the positions among which the first bad event is. Where something doesn't match
its own seal that is one position; where only a signed root is contradicted it is somewhere since the last checkpoint
that held.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn
from uuid import UUID

from stakazo.ledger import checkpoint, personal
from stakazo.ledger.canonical import Event, event_bytes, read_event
from stakazo.ledger.checkpoint import Note, VerifierKey
from stakazo.ledger.envelope import decode, decode_proof, event_in
from stakazo.ledger.merkle import Frontier, Hash, leaf_hash, verify_inclusion
from stakazo.ledger.rotation import ROTATED, successor

FORMAT = 1
ALL, SOME = "all", "some"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and where the first bad event is: from `first` to `last`, both included, counted from 0."""

    what: str
    first: int
    last: int

    def __str__(self) -> str:
        where = f"position {self.first}" if self.first == self.last else f"positions {self.first} to {self.last}"
        return f"{where}: {self.what}"


@dataclass(slots=True)
class Report:
    """What was checked, and what came of it."""

    origin: str = ""
    events: int = 0
    checkpoints: int = 0
    size: int = 0
    """Of the last checkpoint that held."""
    root: Hash = b""
    key: str = ""
    """The verifier key that signed it."""
    complete: bool = True
    """Whether the export claims to hold every event up to its last checkpoint."""
    fault: Fault | None = None
    gaps: list[int] = field(default_factory=list)
    """Positions of events that name one before them which is not there: it was removed before it had been sealed, or
    the database lost it."""
    outside: list[int] = field(default_factory=list)
    """Sizes of the checkpoints from elsewhere that agree."""
    erased: int = 0
    """Events whose personal values can't be read any more."""


def verify(lines: Iterable[str | bytes], keys: Sequence[VerifierKey], outside: Iterable[Note] = ()) -> Report:
    """Check an export, line by line. Raises ValueError where it is no export at all."""
    return _Check(keys, outside).run(lines)


class _Refuted(Exception):
    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


class _Check:
    """One export on its way through."""

    def __init__(self, keys: Sequence[VerifierKey], outside: Iterable[Note]) -> None:
        self.trusted = list(keys)
        self.outside = sorted(outside, key=lambda note: note.checkpoint.size)
        self.report = Report()
        self.tree = Frontier()
        self.roots = {0: self.tree.root}
        self.wanted = {note.checkpoint.size for note in self.outside}
        self.header: Mapping[str, Any] = {}
        self.workspace = UUID(int=0)
        self.at: dict[UUID, int] = {}
        """Where each event is."""
        self.leaves: set[Hash] = set()
        self.named: list[tuple[int, Hash]] = []
        self.rotations: list[Mapping[str, Any]] = []
        self.event: Event | None = None
        self.last = -1

    def run(self, lines: Iterable[str | bytes]) -> Report:
        numbered = enumerate((line for line in lines if line.strip()), 1)
        try:
            self._begin(*next(numbered, (1, "")))
            for number, line in numbered:
                self._line(number, line)
            self._end()
        except _Refuted as refuted:
            self.report.fault = refuted.fault
        return self.report

    def _refute(self, what: str, first: int, last: int | None = None) -> NoReturn:
        raise _Refuted(Fault(what, first, first if last is None else max(first, last)))

    def _begin(self, number: int, line: str | bytes) -> None:
        said = self._json(number, line) if line else {}
        try:
            if said["ledger"] != FORMAT:
                raise ValueError(f"an export of format {said['ledger']}; this program knows format {FORMAT}")
            self.header, self.workspace = said, UUID(said["workspace"])
            self.report.origin, self.report.complete = str(said["origin"]), said["events"] == ALL
        except (KeyError, TypeError) as error:
            raise ValueError("not an export of a ledger: its first line is no header") from error
        names = {key.name for key in self.trusted}
        if self.report.origin not in names:
            self._refute(f"this is the ledger {self.report.origin}; your key is of {', '.join(sorted(names))}", 0)

    def _json(self, number: int, line: str | bytes) -> dict[str, Any]:
        try:
            said = json.loads(line)
        except ValueError:
            said = None
        if not isinstance(said, dict):
            if number == 1:
                raise ValueError("not an export of a ledger: its first line is no JSON")
            self._refute(f"line {number} of the file is no JSON: it was damaged or cut off", self.tree.size)
        return said

    def _line(self, number: int, line: str | bytes) -> None:
        said = self._json(number, line)
        if "checkpoint" in said:
            self._checkpoint(said["checkpoint"])
        elif "personal" in said and "specversion" not in said:
            self._personal(said["personal"])
        elif self.report.complete:
            self._next(said)
        else:
            self._single(said)

    # --- events -----------------------------------------------------------------------------------------------

    def _next(self, said: Mapping[str, Any]) -> None:
        """An event of a whole ledger: the next one."""
        here, position = self.tree.size, said.get("position")
        if position != here:
            after = f"after position {here - 1}" if here else "at the beginning"
            missing = isinstance(position, int) and position > here
            self._refute(f"{'missing' if missing else 'out of order'}: {after} comes {position}", here)
        leaf = self._event(said, here)
        hashes = self._decoded(said, "hashes", here)
        if hashes[:32] != leaf:
            self._refute("its bytes are not those that were sealed", here)
        self.tree, finished = self.tree.append(leaf)
        for level, found in enumerate(finished):
            if hashes[32 * level : 32 * (level + 1)] != found:
                earliest = max(self.report.size, self.tree.size - (1 << level))
                self._refute("what was sealed here is of another place or another order", earliest, here)
        if len(hashes) != 32 * len(finished):
            self._refute("what was sealed here is of another place", self.report.size, here)
        if self.tree.size in self.wanted:
            self.roots[self.tree.size] = self.tree.root
        self.leaves.add(leaf)
        assert self.event is not None
        if self.event.after:
            self.named.append((here, self.event.after))
        if self.event.event == ROTATED:
            self.rotations.append(self.event.data)

    def _single(self, said: Mapping[str, Any]) -> None:
        """An event by itself: it is proven to be in the tree of the checkpoint at the beginning."""
        position = said.get("position")
        if not isinstance(position, int) or position <= self.last:
            self._refute(f"out of order: after position {self.last} comes {position}", max(self.last, 0))
        self.last = position
        leaf = self._event(said, position)
        try:
            proof = decode_proof(said.get("inclusionproof"))
        except ValueError as error:
            self._refute(f"its proof can't be read: {error}", position)
        if not self.report.size:
            self._refute("no signed checkpoint comes before it", position)
        if not verify_inclusion(leaf, position, self.report.size, proof, self.report.root):
            self._refute(
                "it is not proven to be in the ledger: its bytes, its position or its proof is wrong", position
            )

    def _event(self, said: Mapping[str, Any], here: int) -> Hash:
        """The event's leaf hash, once it says the same in both of its forms and belongs here."""
        data = self._decoded(said, "canonical", here)
        try:
            event = read_event(data)
        except ValueError as error:
            self._refute(f"its bytes are no event: {error}", here)
        try:
            same = event_bytes(event_in(said)) == data
        except (ValueError, TypeError):
            same = False
        if not same:
            self._refute("its envelope says something else than its bytes", here)
        if event.workspace_id != self.workspace:
            self._refute(f"it belongs to the workspace {event.workspace_id}, not to {self.workspace}", here)
        if event.id in self.at:
            self._refute(f"the event {event.id} is at position {self.at[event.id]} already", here)
        self.at[event.id], self.event = here, event
        self.report.events += 1
        return leaf_hash(data)

    def _decoded(self, said: Mapping[str, Any], name: str, here: int) -> bytes:
        try:
            return decode(said.get(name))
        except ValueError as error:
            self._refute(f"{name} can't be read: {error}", here)

    def _personal(self, shown: Any) -> None:
        """Values that the last event only commits to, shown beside it."""
        here = self.at[self.event.id] if self.event else 0
        enclosure = self.event.data.get(personal.KEY) if self.event else None
        if not isinstance(shown, dict) or not isinstance(enclosure, dict):
            self._refute("personal values are shown that no event commits to", here)
        if shown.get("values") == personal.ERASED:
            self.report.erased += 1
            return
        try:
            fits = personal.fits(enclosure, shown)
        except (KeyError, TypeError, ValueError, AttributeError):
            fits = False
        if not fits:
            self._refute("the personal values that are shown are not those that it commits to", here)

    # --- checkpoints ------------------------------------------------------------------------------------------

    def _checkpoint(self, text: Any) -> None:
        here = self.tree.size
        try:
            note = checkpoint.read(text)
        except (ValueError, AttributeError) as error:
            self._refute(f"the checkpoint behind it can't be read: {error}", self.report.size, here - 1)
        said, key = note.checkpoint, note.signer(self.trusted)
        if said.origin != self.report.origin:
            self._refute(f"the checkpoint behind it is of the ledger {said.origin}", self.report.size, here - 1)
        if key is None:
            self._refute("the checkpoint behind it is not signed with your key", self.report.size, here - 1)
        if self.report.complete:
            if said.size > here:
                self._refute(f"missing: a checkpoint of {said.size} events follows", here, said.size - 1)
            if said.size < here or said.root != self.tree.root:
                self._refute("not what was signed in the checkpoint behind it", self.report.size, here - 1)
        elif self.report.checkpoints:
            self._refute("a second checkpoint, where one is expected", self.report.size)
        self.report.checkpoints += 1
        self.report.size, self.report.root, self.report.key = said.size, said.root, str(key)
        for data in self.rotations:
            new = successor(key, data)
            if new not in self.trusted:
                self.trusted.append(new)
        self.rotations.clear()

    # --- the end ----------------------------------------------------------------------------------------------

    def _end(self) -> None:
        report, size = self.report, self.header.get("size")
        if not report.complete:
            if report.events != self.header.get("count"):
                self._refute(
                    f"missing: {self.header.get('count')} events were exported, {report.events} are here", self.last + 1
                )
            self._beside(report.size, {report.size: report.root})
            return
        if self.tree.size > report.size:
            self._refute("no signed checkpoint covers it", report.size, self.tree.size - 1)
        if size != report.size:
            self._refute(f"missing: the export was of {size} events, and ends here", report.size)
        self._beside(report.size, self.roots)
        report.gaps = [position for position, leaf in self.named if leaf not in self.leaves]

    def _beside(self, size: int, roots: Mapping[int, Hash]) -> None:
        """Hold the checkpoints from elsewhere against what is here."""
        agreed = 0
        for note in self.outside:
            said = note.checkpoint
            if said.origin != self.report.origin:
                self._refute(f"the checkpoint from elsewhere is of the ledger {said.origin}", 0)
            if note.signer(self.trusted) is None:
                self._refute(f"the checkpoint of {said.size} from elsewhere is not signed with your key", 0)
            if said.size > size:
                self._refute(
                    f"missing: a checkpoint of {said.size} events was handed out, these are {size}: the end was cut "
                    "off, or an old backup restored",
                    size,
                    said.size - 1,
                )
            if said.size not in roots:
                continue  # of some events only: nothing is said about this size
            if said.root != roots[said.size]:
                self._refute(
                    f"not the events whose checkpoint of {said.size} was handed out: they were written anew, or the "
                    "ledger was forked",
                    agreed,
                    said.size - 1,
                )
            agreed = said.size
            self.report.outside.append(said.size)
