"""What has been committed gets its place, once and for ever; what isn't as it was signed is never signed again."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.forks import FORKS
from tests.ledger.sealing_program import forked

from stakazo.core.actor import Actor, new_id
from stakazo.core.errors import Unavailable
from stakazo.ledger import checkpoint, merkle
from stakazo.ledger import sealer as sealing
from stakazo.ledger import service as ledger
from stakazo.ledger.canonical import read_event
from stakazo.ledger.checkpoint import Checkpoint, VerifierKey, public_key
from stakazo.ledger.keys import KeyFolder
from stakazo.ledger.merkle import Frontier, leaf_hash


def sound(notary: Any, workspace: UUID) -> int:
    """Everything about a ledger is as it should be; how many events have a place."""
    events, checkpoints = notary.events(workspace), notary.checkpoints(workspace)
    roots, tree = {}, Frontier()
    for position, row in enumerate(events):
        assert row.position == position
        tree, finished = tree.append(leaf_hash(row.canonical))
        assert row.hashes == b"".join(finished)
        roots[tree.size] = tree.root
        assert read_event(row.canonical).id == row.id
    key = VerifierKey(f"stakazo/{workspace}", public_key(notary.keys.newest()))
    for row in checkpoints:
        note = checkpoint.read(row.note)
        assert note.checkpoint == Checkpoint(key.name, row.size, row.root)
        assert row.root == roots[row.size]
        assert note.signer([key]) == key
    path = notary.file.path(workspace)
    handed_out = list(checkpoint.read_all(path.read_text())) if path.exists() else []
    assert [note.checkpoint.size for note in handed_out] == [row.size for row in checkpoints]
    return len(events)


async def test_events_get_their_places_and_a_signature(notary: Any, actor: Actor, other_actor: Actor):
    mine = await notary.write(actor, 5)
    theirs = await notary.write(other_actor, 2)
    sealer = await notary.sealer()
    assert await notary.seal(sealer) == sealing.Sealed(events=7, checkpoints=2)
    assert await sealer.round() == sealing.Sealed()
    mine += await notary.write(actor, 3)
    assert await notary.seal(sealer) == sealing.Sealed(events=3, checkpoints=1)
    assert [row.subject_id for row in notary.events(actor.workspace_id)] == mine
    assert [row.subject_id for row in notary.events(other_actor.workspace_id)] == theirs
    assert (sound(notary, actor.workspace_id), sound(notary, other_actor.workspace_id)) == (8, 2)
    assert [row.size for row in notary.checkpoints(actor.workspace_id)] == [5, 8]


async def test_each_checkpoint_begins_with_the_one_before(notary: Any, actor: Actor):
    sealer = await notary.sealer()
    for count in (1, 2, 3, 1, 6):
        await notary.write(actor, count)
        await notary.seal(sealer)
    rows = notary.events(actor.workspace_id)
    nodes = merkle.kept_nodes({row.position: row.hashes for row in rows})
    signed = notary.checkpoints(actor.workspace_id)
    for old, new in pairwise(signed):
        proof = merkle.consistency_proof(nodes, old.size, new.size)
        assert merkle.verify_consistency(old.size, new.size, proof, old.root, new.root)


async def test_nothing_comes_in_before_what_has_a_place(notary: Any, actor: Actor):
    """An event whose transaction is still running may come any time: what is younger than it waits for it."""
    sealer = await notary.sealer()
    [early] = await notary.write(actor)
    await notary.seal(sealer)
    late = new_id()
    async with notary.db.transaction(actor) as session:
        await ledger.record(session, "clip_accepted", subject=("clip", late))
        await session.flush()
        younger = await notary.write(actor, 2)
        for _ in range(3):
            await sealer.round()
        assert [row.subject_id for row in notary.events(actor.workspace_id)] == [early]
    assert (await notary.seal(sealer)).events == 3
    assert [row.subject_id for row in notary.events(actor.workspace_id)] == [early, late, *younger]
    assert sound(notary, actor.workspace_id) == 4


async def test_what_was_undone_has_no_place(notary: Any, actor: Actor):
    sealer = await notary.sealer()
    async with notary.db.transaction(actor) as session:
        await ledger.record(session, "clip_accepted", subject=("clip", new_id()))
        await session.flush()
        await session.rollback()
    [kept] = await notary.write(actor)
    await notary.seal(sealer)
    assert [row.subject_id for row in notary.events(actor.workspace_id)] == [kept]


async def test_a_great_backlog_is_taken_in_parts(notary: Any, actor: Actor, other_actor: Actor, monkeypatch: Any):
    monkeypatch.setattr(sealing, "BATCH", 4)
    async with notary.db.transaction(actor) as session:  # more than a batch in one transaction
        for _ in range(9):
            await ledger.record(session, "clip_accepted", subject=("clip", new_id()))
    await notary.write(other_actor, 7)
    sealer, rounds = await notary.sealer(), 0
    for _ in range(2):
        rounds += (await notary.seal(sealer)).checkpoints
        await notary.write(actor, 5)  # and once more, now that the sealer knows where it is
    rounds += (await notary.seal(sealer)).checkpoints
    assert rounds >= 8
    assert (sound(notary, actor.workspace_id), sound(notary, other_actor.workspace_id)) == (19, 7)


async def test_one_seals_at_a_time(notary: Any, actor: Actor):
    await notary.write(actor, 2)
    first, second = await notary.sealer(), await notary.sealer()
    assert (await notary.seal(first)).events == 2
    await notary.write(actor, 2)
    assert (await second.round()).events == 0
    [held] = notary.rows(
        "select pid from pg_locks l join pg_database d on d.oid = l.database"
        " where locktype = 'advisory' and granted and datname = current_database()"
    )
    notary.rows("select pg_terminate_backend(%s)", held.pid)  # the first one's connection breaks
    with pytest.raises(psycopg.Error):
        await first.round()
    assert (await notary.seal(second)).events == 2
    assert (await first.round()).events == 0
    assert sound(notary, actor.workspace_id) == 4


async def test_events_of_a_restored_database_are_sealed_too(notary: Any, actor: Actor):
    """Their transaction numbers are another server's, and may be ahead of this one's."""
    await notary.write(actor, 3)
    with notary.attacker() as connection:
        connection.execute("update ledger_events set xid = xid + 1000000000")
    sealer = await notary.sealer()
    assert (await notary.seal(sealer)).events == 3
    await notary.write(actor, 2)
    assert (await notary.seal(sealer)).events == 2
    assert sound(notary, actor.workspace_id) == 5


# --- killed -------------------------------------------------------------------------------------------------


async def test_killed_at_any_point_it_goes_on(notary: Any, actor: Actor, other_actor: Actor):
    """kill -9 while sealing, again and again, while others write: nothing is lost, doubled or signed wrong.

    Every second one is let sign something first, however long that takes here; the others die whenever they do.
    """
    chance, written = random.Random(7), 0
    for turn in range(12):
        leads, telling = FORKS.Pipe(duplex=False)
        process = FORKS.Process(target=forked, args=(notary.urls.app, notary.file.folder.parent, telling))
        process.start()
        telling.close()
        with leads:
            await asyncio.to_thread(leads.recv)
        signed = len(notary.checkpoints(actor.workspace_id))
        for _ in range(chance.randint(1, 6)):
            await notary.write(actor, 3)
            await notary.write(other_actor, 1)
            written += 3
        async with asyncio.timeout(60):
            while turn % 2 and len(notary.checkpoints(actor.workspace_id)) == signed:  # noqa: ASYNC110 - by a program
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.03 * chance.random())
        process.kill()
        await asyncio.to_thread(process.join)
        process.close()
    sealer = await notary.sealer()
    await notary.seal(sealer)
    assert sound(notary, actor.workspace_id) == written
    assert sound(notary, other_actor.workspace_id) == written // 3
    assert len(notary.checkpoints(actor.workspace_id)) >= 6  # those that were killed had signed, too


# --- what must not be signed --------------------------------------------------------------------------------


def forged_checkpoint(connection: Any, workspace: UUID, private: Any) -> None:
    """Sign what is there now with another key, as the ledger's own last checkpoint."""
    rows = connection.execute(
        "select hashes from ledger_seals where workspace_id = %s order by position", [workspace]
    ).fetchall()
    tree = Frontier().extend(row.hashes[:32] for row in rows)
    note = checkpoint.sign(Checkpoint(f"stakazo/{workspace}", tree.size, tree.root), private)
    connection.execute("delete from ledger_checkpoints where workspace_id = %s", [workspace])
    connection.execute(
        "insert into ledger_checkpoints (id, workspace_id, size, root, key, note) values (%s, %s, %s, %s, %s, %s)",
        [new_id(), workspace, tree.size, tree.root, checkpoint.fingerprint(public_key(private)), note],
    )


def spoil_the_tree(connection: Any, workspace: UUID, _: Any) -> None:
    connection.execute(
        "update ledger_seals set hashes = substring(hashes for 64) || sha256('x')"
        " where workspace_id = %s and position = 3",
        [workspace],
    )


def make_a_hole(connection: Any, workspace: UUID, _: Any) -> None:
    connection.execute("delete from ledger_seals where workspace_id = %s and position = 3", [workspace])


def cut_the_end_off(connection: Any, workspace: UUID, _: Any) -> None:
    connection.execute("delete from ledger_checkpoints where workspace_id = %s and size > 4", [workspace])
    connection.execute("delete from ledger_seals where workspace_id = %s and position >= 4", [workspace])


def forget_everything(connection: Any, workspace: UUID, _: Any) -> None:
    connection.execute("delete from ledger_checkpoints where workspace_id = %s", [workspace])
    connection.execute("delete from ledger_seals where workspace_id = %s", [workspace])


def add_an_unsigned_place(connection: Any, workspace: UUID, _: Any) -> None:
    connection.execute("delete from ledger_checkpoints where workspace_id = %s and size = 6", [workspace])


def change_the_checkpoint(connection: Any, workspace: UUID, _: Any) -> None:
    connection.execute("update ledger_checkpoints set root = sha256('x') where workspace_id = %s", [workspace])


def sign_with_another_key(connection: Any, workspace: UUID, _: Any) -> None:
    forged_checkpoint(connection, workspace, new_private())


def sign_in_its_name(connection: Any, workspace: UUID, notary: Any) -> None:
    """Another key's signature under our key's name."""
    forged_checkpoint(connection, workspace, new_private())
    ours = checkpoint.fingerprint(public_key(notary.keys.newest()))
    connection.execute("update ledger_checkpoints set key = %s where workspace_id = %s", [ours, workspace])


def rewrite_with_our_own_key(connection: Any, workspace: UUID, notary: Any) -> None:
    """Even the key is stolen: only what was handed out contradicts."""
    connection.execute(
        "update ledger_seals set hashes = sha256('x') where workspace_id = %s and position = 2", [workspace]
    )
    rows = connection.execute(
        "select id, hashes from ledger_seals where workspace_id = %s order by position", [workspace]
    ).fetchall()
    tree = Frontier()
    for row in rows:
        tree, finished = tree.append(row.hashes[:32])
        connection.execute("update ledger_seals set hashes = %s where id = %s", [b"".join(finished), row.id])
    forged_checkpoint(connection, workspace, notary.keys.newest())


def new_private() -> Any:
    return Ed25519PrivateKey.generate()


@pytest.mark.parametrize(
    "attack",
    [
        spoil_the_tree,
        make_a_hole,
        cut_the_end_off,
        forget_everything,
        add_an_unsigned_place,
        change_the_checkpoint,
        sign_with_another_key,
        sign_in_its_name,
        rewrite_with_our_own_key,
    ],
)
@pytest.mark.parametrize("when", ["while it leads", "while nobody leads"])
async def test_what_is_not_as_it_was_signed_is_not_signed_again(
    notary: Any, actor: Actor, other_actor: Actor, attack: Any, when: str
):
    first = await notary.sealer()
    for _ in range(2):
        await notary.write(actor, 3)
        await notary.seal(first)
    before = notary.file.path(actor.workspace_id).read_text()
    if when == "while nobody leads":
        await first._close()
    with notary.attacker() as connection:
        attack(connection, actor.workspace_id, notary)
    await notary.write(actor, 1)
    await notary.write(other_actor, 1)
    after = len(notary.checkpoints(actor.workspace_id))
    found = await notary.seal(first)
    assert found.refused == {actor.workspace_id}
    assert found.events == 1  # the other's goes on
    assert (await notary.seal(first)).refused == {actor.workspace_id}
    assert len(notary.checkpoints(actor.workspace_id)) == after
    assert notary.file.path(actor.workspace_id).read_text() == before
    assert sound(notary, other_actor.workspace_id) == 1


async def test_the_signed_root_alone_is_enough_to_see_it(notary: Any, actor: Actor):
    """Nobody remembers what was signed, and what was handed out is gone: the database contradicts itself."""
    sealer = await notary.sealer()
    await notary.write(actor, 6)
    await notary.seal(sealer)
    await sealer._close()
    notary.file.path(actor.workspace_id).unlink()
    with notary.attacker() as connection:
        spoil_the_tree(connection, actor.workspace_id, None)
    await notary.write(actor, 1)
    assert (await notary.seal(sealer)).refused == {actor.workspace_id}


async def test_a_ledger_that_was_mended_goes_on(notary: Any, actor: Actor, monkeypatch: Any):
    sealer = await notary.sealer()
    await notary.write(actor, 6)
    await notary.seal(sealer)
    with notary.attacker() as connection:
        [kept] = connection.execute("select * from ledger_seals where position = 3").fetchall()
        connection.execute("update ledger_seals set hashes = sha256('x') where position = 3")
    await notary.write(actor, 1)
    assert (await notary.seal(sealer)).refused
    with notary.attacker() as connection:
        connection.execute("update ledger_seals set hashes = %s where position = 3", [kept.hashes])
    assert (await notary.seal(sealer)).refused
    monkeypatch.setattr(sealing, "LOOK_AGAIN", 0.0)
    assert (await notary.seal(sealer)).events == 1
    assert sound(notary, actor.workspace_id) == 7


async def test_bytes_that_are_no_event_are_not_signed(notary: Any, actor: Actor, other_actor: Actor):
    sealer = await notary.sealer()
    [subject] = await notary.write(actor)
    with notary.attacker() as connection:
        connection.execute("update ledger_events set canonical = '{}' where subject_id = %s", [subject])
    assert (await notary.seal(sealer)).refused == {actor.workspace_id}


async def test_a_machine_without_the_key_does_not_seal(notary: Any, actor: Actor, tmp_path: Path):
    first = await notary.sealer()
    await notary.write(actor)
    await notary.seal(first)
    await first._close()
    stranger = await notary.sealer(keys=KeyFolder(tmp_path / "elsewhere"))
    await notary.write(actor)
    with pytest.raises(Unavailable, match="can't seal"):
        await stranger.round()
    assert (await notary.seal(first)).events == 1  # and doesn't stand in the way of one that has it
    assert not (tmp_path / "elsewhere").exists()


# --- handing out --------------------------------------------------------------------------------------------


async def test_a_file_that_cannot_be_written_is_caught_up_with(notary: Any, actor: Actor):
    path = notary.file.path(actor.workspace_id)
    path.parent.mkdir()
    path.symlink_to("/dev/full")
    sealer = await notary.sealer()
    for _ in range(3):
        await notary.write(actor)
        assert (await notary.seal(sealer)).events == 1
    path.unlink()
    await notary.write(actor)
    await notary.seal(sealer)
    assert sound(notary, actor.workspace_id) == 4


async def test_nothing_is_signed_while_what_was_handed_out_cannot_be_read(notary: Any, actor: Actor):
    notary.file.folder.write_text("in the way")
    await notary.write(actor)
    assert (await notary.seal(await notary.sealer())).refused == {actor.workspace_id}


async def test_a_torn_end_of_the_file_is_written_anew(notary: Any, actor: Actor):
    sealer = await notary.sealer()
    for _ in range(2):
        await notary.write(actor, 2)
        await notary.seal(sealer)
    await sealer._close()
    path = notary.file.path(actor.workspace_id)
    whole = path.read_bytes()
    for cut in (1, 40, 150, 230):
        path.write_bytes(whole[:-cut])
        await notary.seal(sealer)
        assert path.read_bytes() == whole
        await sealer._close()
    assert sound(notary, actor.workspace_id) == 4


async def test_a_file_of_something_else_stops_the_sealer(notary: Any, actor: Actor):
    sealer = await notary.sealer()
    await notary.write(actor)
    await notary.seal(sealer)
    await sealer._close()
    path = notary.file.path(actor.workspace_id)
    path.write_text(path.read_text().replace("\n1\n", "\none\n"))
    await notary.write(actor)
    assert (await notary.seal(sealer)).refused == {actor.workspace_id}


async def test_outlets_get_the_newest_until_they_have_it(notary: Any, actor: Actor, tell_when: Any):
    outlet = tell_when(failures=1)
    sealer = await notary.sealer(outlets=(outlet,))
    for _ in range(3):
        await notary.write(actor)
        await notary.seal(sealer)
    newest = (actor.workspace_id, 3, notary.checkpoints(actor.workspace_id)[-1].note)
    async with asyncio.timeout(60):
        while newest not in outlet.taken:
            await asyncio.wait_for(outlet.has_it.wait(), 60)
            outlet.has_it.clear()
    sizes = [size for _, size, _ in outlet.taken]
    assert sizes == sorted(set(sizes))  # what was overtaken before it was handed out never is


# --- gaps ---------------------------------------------------------------------------------------------------


async def test_an_event_names_the_one_before(notary: Any, actor: Actor, other_actor: Actor):
    """Also across transactions, and past what was undone."""
    await notary.write(actor)
    await notary.write(other_actor)
    async with notary.db.transaction(actor) as session:
        await ledger.record(session, "clip_rejected", subject=("clip", new_id()))
        await session.rollback()
    async with notary.db.transaction(actor) as session:
        await ledger.record(session, "clip_accepted", subject=("clip", new_id()))
        undone = await session.begin_nested()
        await ledger.record(session, "clip_rejected", subject=("clip", new_id()))
        await session.flush()
        await undone.rollback()
        await ledger.record(session, "clip_accepted", subject=("clip", new_id()))
    await notary.write(actor)
    await notary.seal(await notary.sealer())
    events = [read_event(row.canonical) for row in notary.events(actor.workspace_id)]
    leaves = [leaf_hash(row.canonical) for row in notary.events(actor.workspace_id)]
    assert len(events) == 4
    assert [event.after for event in events] == [None, *leaves[:-1]]
    [other] = notary.events(other_actor.workspace_id)
    assert read_event(other.canonical).after is None


# --- keys ---------------------------------------------------------------------------------------------------


async def test_a_forged_successor_of_the_key_is_not_believed(notary: Any, actor: Actor):
    sealer = await notary.sealer()
    await notary.write(actor)
    await notary.seal(sealer)
    name, thief = f"stakazo/{actor.workspace_id}", new_private()
    forged = {
        "key": str(VerifierKey(name, public_key(thief))),
        "endorsement": checkpoint.endorse(thief, VerifierKey(name, public_key(thief))),
    }
    async with notary.db.transaction(replace(actor)) as session:
        await ledger.record(
            session,
            "ledger_key_rotated",
            subject=("ledger", actor.workspace_id),
            key=forged["key"],
            endorsement=forged["endorsement"],
        )
    await notary.seal(sealer)
    await notary.write(actor)
    assert (await notary.seal(sealer)).events == 1
    assert sound(notary, actor.workspace_id) == 3
