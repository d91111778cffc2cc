"""Whatever is done to an export, the verifier says so, and where; what is as it was passes."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stakazo.core.actor import new_id
from stakazo.ledger import checkpoint, merkle, personal
from stakazo.ledger.canonical import Event, event_bytes
from stakazo.ledger.checkpoint import Checkpoint, Note, VerifierKey, public_key
from stakazo.ledger.envelope import envelope
from stakazo.ledger.merkle import Frontier, leaf_hash
from stakazo.ledger.rotation import ROTATED
from stakazo.ledger.verify import Report, verify

PRIVATE, OTHER = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))
WORKSPACE, ELSEWHERE = UUID(int=1), UUID(int=2)
ORIGIN = f"stakazo/{WORKSPACE}"
KEY = VerifierKey(ORIGIN, public_key(PRIVATE))
SIZES = (3, 8, 9, 20, 33, 60)
"""Where checkpoints are signed."""

Lines = list[dict[str, Any]]


def events(count: int, workspace: UUID = WORKSPACE) -> list[Event]:
    """A ledger's events, each naming the one before."""
    made: list[Event] = []
    for number in range(count):
        made.append(
            Event(
                id=new_id(),
                workspace_id=workspace,
                time=datetime(2026, 11, 22, tzinfo=UTC) + timedelta(seconds=number),
                event="clip_accepted",
                subject_type="clip",
                subject_id=UUID(int=number + 100),
                actor_kind="user",
                actor_id="ann",
                correlation_id=UUID(int=7),
                causation_id=UUID(int=8) if number % 2 else None,
                after=leaf_hash(event_bytes(made[-1])) if made else None,
                data={"number": number, "reasons": ["Été"], "start": 1.0},
            )
        )
    return made


def export(made: Sequence[Event], sizes: Sequence[int] = SIZES, private: Any = PRIVATE, origin: str = ORIGIN) -> Lines:
    """The lines of an export, as whoever holds the key writes them."""
    lines: Lines = [{"ledger": 1, "origin": origin, "workspace": str(WORKSPACE), "size": sizes[-1], "events": "all"}]
    tree = Frontier()
    for position, event in enumerate(made):
        data = event_bytes(event)
        tree, finished = tree.append(leaf_hash(data))
        lines.append(envelope(event, data, position, b"".join(finished)))
        if tree.size in sizes:
            lines.append({"checkpoint": checkpoint.sign(Checkpoint(origin, tree.size, tree.root), private)})
    return lines


def check(lines: Lines, *, keys: Sequence[VerifierKey] = (KEY,), outside: Sequence[Note] = ()) -> Report:
    return verify([json.dumps(line) for line in lines], keys, outside)


def notes(lines: Lines) -> list[Note]:
    return [checkpoint.read(line["checkpoint"]) for line in lines if "checkpoint" in line]


def at(lines: Lines, position: int) -> int:
    return next(n for n, line in enumerate(lines) if line.get("position") == position)


EVENTS = events(60)
GOOD = export(EVENTS)


def test_what_is_as_it_was_passes():
    report = check(GOOD, outside=notes(GOOD)[1:4])
    assert report.fault is None
    assert (report.events, report.checkpoints, report.size, report.gaps) == (60, 6, 60, [])
    assert report.root == notes(GOOD)[-1].checkpoint.root
    assert report.key == str(KEY)
    assert report.outside == [8, 9, 20]


# --- the matrix ---------------------------------------------------------------------------------------------


def copied(lines: Lines) -> Lines:
    return json.loads(json.dumps(lines))


def numbered(lines: Lines) -> Lines:
    """Positions that leave no gap, as an attacker who thinks of them writes them."""
    position = 0
    for line in lines:
        if "position" in line:
            line["position"], position = position, position + 1
    return lines


def rewritten(event: Event, line: dict[str, Any], *, reseal: bool) -> dict[str, Any]:
    data = event_bytes(event)
    hashes = base64.b64decode(line["hashes"])
    if reseal:
        hashes = leaf_hash(data) + hashes[32:]
    return envelope(event, data, line["position"], hashes)


def edit(lines: Lines, p: int, _: random.Random) -> None:
    lines[at(lines, p)]["data"]["number"] = 999


def edit_bytes(lines: Lines, p: int, _: random.Random) -> None:
    lines[at(lines, p)] = rewritten(replace(EVENTS[p], data={"number": 999}), lines[at(lines, p)], reseal=False)


def edit_and_reseal(lines: Lines, p: int, _: random.Random) -> None:
    lines[at(lines, p)] = rewritten(replace(EVENTS[p], data={"number": 999}), lines[at(lines, p)], reseal=True)


def edit_time(lines: Lines, p: int, _: random.Random) -> None:
    event = replace(EVENTS[p], time=EVENTS[p].time - timedelta(days=1))
    lines[at(lines, p)] = rewritten(event, lines[at(lines, p)], reseal=False)


def delete(lines: Lines, p: int, _: random.Random) -> None:
    del lines[at(lines, p)]


def delete_and_renumber(lines: Lines, p: int, _: random.Random) -> None:
    delete(lines, p, _)
    numbered(lines)


def swap(lines: Lines, p: int, chance: random.Random) -> None:
    q = chance.choice([n for n in range(60) if n != p])
    here, there = at(lines, p), at(lines, q)
    lines[here], lines[there] = lines[there], lines[here]


def swap_and_renumber(lines: Lines, p: int, chance: random.Random) -> None:
    swap(lines, p, chance)
    numbered(lines)


def forge(lines: Lines, p: int, _: random.Random) -> None:
    """A new event, with a proper seal of its own, put in before `p`."""
    event = replace(EVENTS[p], id=new_id(), event="budget_raised")
    data = event_bytes(event)
    tree = Frontier().extend(leaf_hash(event_bytes(one)) for one in EVENTS[:p])
    finished = tree.append(leaf_hash(data))[1]
    lines.insert(at(lines, p), envelope(event, data, p, b"".join(finished)))
    numbered(lines)


def duplicate(lines: Lines, p: int, _: random.Random) -> None:
    lines.insert(at(lines, p) + 1, copied([lines[at(lines, p)]])[0])


def duplicate_and_renumber(lines: Lines, p: int, _: random.Random) -> None:
    duplicate(lines, p, _)
    numbered(lines)


def from_another_tenant(lines: Lines, p: int, _: random.Random) -> None:
    lines[at(lines, p)] = rewritten(replace(EVENTS[p], workspace_id=ELSEWHERE), lines[at(lines, p)], reseal=True)


def rebuild(lines: Lines, p: int, _: random.Random) -> None:
    """Edited, and every hash above it made anew: only the signatures are left standing."""
    changed = list(EVENTS)
    changed[p] = replace(EVENTS[p], data={"number": 999})
    made = export(changed)
    for line, original in zip(made, GOOD, strict=True):
        if "checkpoint" in line:
            line["checkpoint"] = original["checkpoint"]
    lines[:] = made


EXACT = [edit, edit_bytes, edit_time, delete, from_another_tenant, duplicate]
MATRIX = [
    *EXACT,
    edit_and_reseal,
    delete_and_renumber,
    swap,
    swap_and_renumber,
    forge,
    duplicate_and_renumber,
    rebuild,
]


@pytest.mark.parametrize("attack", MATRIX)
def test_every_attack_is_seen_and_its_place_named(attack: Callable[[Lines, int, random.Random], None]):
    chance = random.Random(attack.__name__)
    for p in [0, 59, *chance.sample(range(1, 59), 10)]:
        lines = copied(GOOD)
        attack(lines, p, chance)
        fault = check(lines).fault
        assert fault is not None, p
        first = next((n for n in range(60) if lines[at(GOOD, n)] != GOOD[at(GOOD, n)]), p)  # of a swap: the earlier one
        if attack in {delete, delete_and_renumber, forge, duplicate, duplicate_and_renumber}:
            first = p
        assert fault.first <= max(first, 0) <= fault.last or fault.first == first + 1, (p, str(fault))
        if attack in EXACT:
            assert fault.first == fault.last
            assert fault.first in {p, p + 1}
        signed_before = max(size for size in (0, *SIZES) if size <= first)
        assert fault.first >= signed_before  # never vaguer than the last checkpoint that held


def test_faults_are_told_in_words():
    lines = copied(GOOD)
    delete(lines, 30, random.Random(1))
    assert str(check(lines).fault) == "position 30: missing: after position 29 comes 31"
    lines = copied(GOOD)
    rebuild(lines, 10, random.Random(1))
    assert str(check(lines).fault) == "positions 9 to 19: not what was signed in the checkpoint behind it"


# --- what only a checkpoint from elsewhere shows ------------------------------------------------------------------


def test_a_tail_that_was_cut_off():
    cut = export(EVENTS[:33], SIZES[:5])
    assert check(cut).fault is None  # by itself it is whole
    fault = check(cut, outside=notes(GOOD)[-1:]).fault
    assert fault is not None
    assert (fault.first, fault.last) == (33, 59)
    assert "end was cut off" in fault.what


@pytest.mark.parametrize("kept", range(1, 61))
def test_a_file_that_ends_early(kept: int):
    lines = GOOD[: at(GOOD, kept)] if kept < 60 else GOOD[:-1]
    fault = check(lines).fault
    assert fault is not None
    assert fault.first <= kept <= fault.last + 1


def test_a_ledger_written_anew_by_whoever_has_the_key():
    anew = export(events(60))
    assert check(anew).fault is None
    fault = check(anew, outside=notes(GOOD)[2:3]).fault
    assert fault is not None
    assert (fault.first, fault.last) == (0, 8)


def test_a_ledger_written_anew_with_another_key():
    fault = check(export(EVENTS, private=OTHER)).fault
    assert fault is not None
    assert fault.what == "the checkpoint behind it is not signed with your key"


def test_a_fork():
    """The same beginning, then two stories, both signed."""
    forked = export([*EVENTS[:20], *events(40)])
    assert check(forked).fault is None
    fault = check(forked, outside=notes(GOOD)).fault
    assert fault is not None
    assert (fault.first, fault.last) == (20, 32)
    assert "forked" in fault.what


def test_checkpoints_from_elsewhere_must_be_the_ledgers_own():
    foreign = notes(export(EVENTS, private=OTHER))[:1]
    assert "not signed with your key" in str(check(GOOD, outside=foreign).fault)
    other = notes(export(EVENTS, origin="stakazo/other"))[:1]
    assert "of the ledger stakazo/other" in str(check(GOOD, outside=other).fault)


def test_a_key_of_another_ledger():
    fault = check(GOOD, keys=[VerifierKey("stakazo/other", KEY.public)]).fault
    assert fault is not None
    assert "your key is of stakazo/other" in fault.what


# --- gaps -----------------------------------------------------------------------------------------------------


def test_what_was_removed_before_it_was_sealed_is_missed():
    made = events(60)
    lines = export([*made[:30], *made[31:]], (20, 59))
    report = check(lines)
    assert report.fault is None
    assert report.gaps == [30]


# --- personal ----------------------------------------------------------------------------------------------------


def test_personal_values_are_checked_and_may_be_gone():
    key, first = b"k" * 32, EVENTS[0]
    enclosure = personal.enclose(key, "user/1", {"email": "ann@example.org"}, first.id, bytes(range(32)))
    assert "ann" not in json.dumps(enclosure)
    [header, event, signed] = export([replace(first, data={"personal": enclosure})], (1,))
    opened = personal.disclose(key, enclosure, first.id)
    shown = {"personal": {"of": "user/1", **opened}}
    assert opened["values"] == {"email": "ann@example.org"}
    assert check([header, event, shown, signed]).fault is None
    assert check([header, event, {"personal": {"values": "[erased]"}}, signed]).erased == 1
    assert check([header, event, signed]).fault is None

    other = {"personal": {**shown["personal"], "values": {"email": "bob@example.org"}}}
    assert "not those that it commits to" in str(check([header, event, other, signed]).fault)
    assert "no event commits to" in str(check([*export([first], (1,))[:2], shown]).fault)
    for spoilt in ({"salt": 1}, {"values": None}, {"values": {}, "salt": "zz"}):
        assert check([header, event, {"personal": spoilt}, signed]).fault is not None


def test_personal_values_open_only_for_their_event_and_person():
    key, event_id = b"k" * 32, new_id()
    enclosure = personal.enclose(key, "user/1", {"email": "ann@example.org"}, event_id, bytes(32))
    for wrong_key, wrong_event, changed in (
        (b"x" * 32, event_id, enclosure),
        (key, new_id(), enclosure),
        (key, event_id, {**enclosure, "of": "user/2"}),
        (key, event_id, {**enclosure, "commitment": "00" * 32}),
    ):
        with pytest.raises(ValueError, match="personal values"):
            personal.disclose(wrong_key, changed, wrong_event)


# --- keys ----------------------------------------------------------------------------------------------------------


def rotated(private: Any, new: Any) -> dict[str, str]:
    named = VerifierKey(ORIGIN, public_key(new))
    return {"key": str(named), "endorsement": checkpoint.endorse(private, named)}


def test_a_new_key_is_found_in_the_ledger_itself():
    made = events(9)
    made[4] = replace(made[4], event=ROTATED, data=rotated(PRIVATE, OTHER))
    made[5:] = [replace(event, after=None) for event in made[5:]]
    signed_by_old, signed_by_new = export(made, (5, 9)), export(made, (5, 9), private=OTHER)
    assert check([*signed_by_old[:-1], signed_by_new[-1]]).fault is None
    assert check(signed_by_new).fault is not None  # the old key has the last word on what names the new one
    made[4] = replace(made[4], data=rotated(OTHER, OTHER))
    unendorsed = [*export(made, (5, 9))[:-1], export(made, (5, 9), private=OTHER)[-1]]
    assert "not signed with your key" in str(check(unendorsed).fault)


# --- some events ----------------------------------------------------------------------------------------------------


def some(positions: Sequence[int]) -> Lines:
    kept = {line["position"]: base64.b64decode(line["hashes"]) for line in GOOD if "position" in line}
    nodes = merkle.kept_nodes(kept)
    header = {**GOOD[0], "events": "some", "count": len(positions)}
    return [
        header,
        GOOD[-1],
        *(
            envelope(EVENTS[p], event_bytes(EVENTS[p]), p, kept[p], merkle.inclusion_proof(nodes, p, 60))
            for p in positions
        ),
    ]


def test_some_events_are_proven_one_by_one():
    lines = some([2, 30, 59])
    report = check(lines, outside=notes(GOOD)[-2:])
    assert (report.fault, report.events, report.complete, report.outside) == (None, 3, False, [60])
    for n, p in ((2, 2), (3, 30), (4, 59)):
        for spoil in ("canonical", "inclusionproof", "position"):
            spoilt = copied(lines)
            spoilt[n][spoil] = p + 1 if spoil == "position" else spoilt[n][spoil].replace("A", "B", 1) + "AAAA"
            fault = check(spoilt).fault
            assert fault is not None
            assert fault.first in {p, p + 1}
    assert "3 events were exported, 2 are here" in str(check(lines[:-1]).fault)
    assert "out of order" in str(check([*lines[:2], lines[3], lines[2], lines[4]]).fault)
    assert "no signed checkpoint" in str(check([lines[0], *lines[2:]]).fault)


# --- nonsense --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lines", [[], ["nonsense"], ["{}"], ["[]"], ['{"ledger":2}'], ['{"ledger":1,"origin":"x"}']])
def test_what_is_no_export_is_refused(lines: list[str]):
    with pytest.raises(ValueError, match=r"export"):
        verify(lines, [KEY])


def test_any_damage_of_the_file_is_a_fault_and_never_a_crash():
    text = "\n".join(json.dumps(line) for line in GOOD)
    begin = text.index("\n") + 1
    chance = random.Random(5)
    for _ in range(300):
        where = chance.randrange(begin, len(text))
        damaged = text[:where] + chance.choice('x"{}[],:0\n') + text[where + 1 :]
        if damaged == text:
            continue
        report = verify(damaged.split("\n"), [KEY])
        if report.fault is None:  # only in what is not part of the proof: the header, the note's own layout
            assert report.root == notes(GOOD)[-1].checkpoint.root
