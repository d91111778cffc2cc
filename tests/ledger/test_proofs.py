"""What the database holds is shown with its proof, and what was changed in it is found in what it shows."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from tests.ledger.attacks import ATTACKS, duplicate, edit_all, edit_and_reseal, forge, swap

from stakazo.core.actor import Actor, new_id
from stakazo.core.db import Database
from stakazo.core.errors import Conflict, Invalid, NotFound
from stakazo.core.rotation import every_table, reseal
from stakazo.core.security import new_key
from stakazo.ledger import checkpoint, keeping, merkle, proofs, reading
from stakazo.ledger import service as ledger
from stakazo.ledger.checkpoint import VerifierKey, public_key
from stakazo.ledger.merkle import leaf_hash
from stakazo.ledger.verify import Report, verify


async def exported(notary: Any, actor: Actor, **asked: Any) -> list[str]:
    async with notary.db.transaction(actor) as session:
        return [line async for line in proofs.export(session, reading.asked(**asked), keyring=notary.keyring)]


def key_of(notary: Any, actor: Actor) -> VerifierKey:
    return VerifierKey(f"stakazo/{actor.workspace_id}", public_key(notary.keys.newest()))


async def checked(notary: Any, actor: Actor, *, kept: bool = True, **asked: Any) -> Report:
    outside = list(notary.file.all(actor.workspace_id)) if kept else []
    return verify(await exported(notary, actor, **asked), [key_of(notary, actor)], outside)


@pytest.fixture
async def sealed(notary: Any, actor: Actor, other_actor: Actor) -> list[UUID]:
    """Twenty-four events in four checkpoints, and some of another workspace; the subjects."""
    sealer, subjects = await notary.sealer(), []
    for count in (7, 5, 1, 11):
        subjects += await notary.write(actor, count, clip="été")
        await notary.write(other_actor, 2)
        await notary.seal(sealer)
    return subjects


async def test_an_export_is_the_ledger(notary: Any, actor: Actor, sealed: list[UUID]):
    report = await checked(notary, actor)
    assert (report.fault, report.gaps, report.events, report.checkpoints) == (None, [], 24, 4)
    assert report.outside == [7, 12, 13, 24]
    lines = [json.loads(line) for line in await exported(notary, actor)]
    assert [line["subject"] for line in lines if "subject" in line] == [f"clip/{one}" for one in sealed]
    first = lines[1]
    assert (first["specversion"], first["type"], first["data"]) == (
        "1.0",
        "stakazo.clip_accepted",
        {"number": 0, "clip": "été"},
    )


async def test_what_is_not_sealed_yet_is_not_exported(notary: Any, actor: Actor, sealed: list[UUID]):
    await notary.write(actor, 3)
    assert (await checked(notary, actor)).events == 24


async def test_some_events_are_exported_with_their_proofs(notary: Any, actor: Actor, sealed: list[UUID]):
    report = await checked(notary, actor, subject=f"clip/{sealed[9]}")
    assert (report.fault, report.events, report.complete, report.outside) == (None, 1, False, [24])
    every = await checked(notary, actor, event=["clip_accepted"])
    assert (every.fault, every.events) == (None, 24)
    assert (await checked(notary, actor, event=["never_happened"])).events == 0


async def test_every_event_has_a_proof(notary: Any, actor: Actor, sealed: list[UUID]):
    rows = notary.events(actor.workspace_id)
    async with notary.db.transaction(actor) as session:
        for row in rows:
            found = await proofs.inclusion(session, row.id)
            signed = found.checkpoint
            assert (found.position, signed.size) == (row.position, 24)
            assert merkle.verify_inclusion(leaf_hash(row.canonical), row.position, 24, found.proof, signed.root)
        with pytest.raises(NotFound):
            await proofs.inclusion(session, new_id())
    await notary.write(actor)
    async with notary.db.transaction(actor) as session:
        [unsealed] = (await reading.find(session, [], None, 1)).items
        with pytest.raises(Conflict, match="not sealed yet"):
            await proofs.inclusion(session, unsealed.event.id)


async def test_checkpoints_are_consistent(notary: Any, actor: Actor, sealed: list[UUID]):
    async with notary.db.transaction(actor) as session:
        for old in (7, 12, 13, 24):
            for new in (12, 24, None):
                if new is not None and new < old:
                    with pytest.raises(Invalid):
                        await proofs.consistency(session, old, new)
                    continue
                found = await proofs.consistency(session, old, new)
                assert merkle.verify_consistency(old, new or 24, found.proof, found.old.root, found.new.root)
        with pytest.raises(NotFound, match="no checkpoint of 8"):
            await proofs.consistency(session, 8, None)


async def test_nobody_sees_anothers_ledger(notary: Any, actor: Actor, other_actor: Actor, sealed: list[UUID]):
    theirs = await checked(notary, other_actor)
    assert (theirs.fault, theirs.events) == (None, 8)
    mine = notary.events(actor.workspace_id)[0].id
    async with notary.db.transaction(other_actor) as session:
        with pytest.raises(NotFound):
            await proofs.inclusion(session, mine)
        with pytest.raises(NotFound):
            await reading.life(session, str(sealed[0]), {})
        with pytest.raises(NotFound):
            await proofs.at_size(session, 24)


# --- attacks on the database ----------------------------------------------------------------------------------


@pytest.mark.parametrize("attack", ATTACKS.values())
async def test_what_was_changed_in_the_database_is_found(notary: Any, actor: Actor, sealed: list[UUID], attack: Any):
    with notary.attacker() as connection:
        connection.execute("alter table ledger_seals drop constraint ck_ledger_seals_position")
        rows = notary.events(actor.workspace_id)
        attack(connection, rows[14], rows[19])
    report = await checked(notary, actor, kept=False)
    assert report.fault is not None
    first = 19 if attack is duplicate else 14
    assert report.fault.first <= first <= report.fault.last
    assert report.fault.first >= 13  # the last checkpoint that held
    if attack not in {edit_and_reseal, forge, swap}:
        assert report.fault.first == report.fault.last == first


async def test_an_old_backup_is_found_by_what_was_handed_out(notary: Any, actor: Actor, sealed: list[UUID]):
    with notary.attacker() as connection:
        connection.execute("delete from ledger_checkpoints where size > 13 and workspace_id = %s", [actor.workspace_id])
        connection.execute("delete from ledger_seals where position >= 13 and workspace_id = %s", [actor.workspace_id])
        connection.execute(
            "delete from ledger_events e where workspace_id = %s"
            " and not exists (select from ledger_seals s where s.id = e.id)",
            [actor.workspace_id],
        )
    assert (await checked(notary, actor, kept=False)).fault is None
    fault = (await checked(notary, actor)).fault
    assert fault is not None
    assert fault.first == 13


async def test_what_was_removed_before_it_was_sealed_leaves_a_gap(notary: Any, actor: Actor):
    sealer = await notary.sealer()
    subjects = await notary.write(actor, 5)
    with notary.attacker() as connection:
        connection.execute("delete from ledger_events where subject_id = %s", [subjects[2]])
    await notary.seal(sealer)
    report = await checked(notary, actor)
    assert (report.fault, report.gaps) == (None, [2])


# --- persons --------------------------------------------------------------------------------------------------


async def test_a_person_can_be_forgotten(notary: Any, actor: Actor, other_actor: Actor):
    user, sealer = new_id(), await notary.sealer()
    for who in (actor, other_actor):
        async with notary.db.transaction(who) as session:
            email, name = {"email": "ann@example.org"}, {"name": "Ann"}
            await ledger.record(session, "member_invited", subject=("user", user), personal=email)
            clip = ("clip", new_id())
            await ledger.record(session, "clip_accepted", subject=clip, personal=name, person=("user", user))
    await notary.seal(sealer)
    before, rows = await exported(notary, actor), notary.events(actor.workspace_id)
    assert "ann@example.org" in "".join(before)
    for row in rows:
        assert b"Ann" not in row.canonical
        assert b"ann@" not in row.canonical

    async with notary.db.transaction(actor) as session:
        await ledger.erase(session, "user", user)
        with pytest.raises(NotFound):
            await ledger.erase(session, "user", user)
        events = (await reading.find(session, [], None, 10, keyring=notary.keyring)).items
    assert [one.personal["values"] for one in events[1:] if one.personal] == ["[erased]", "[erased]"]
    assert events[0].event.event == "person_erased"
    await notary.seal(sealer)
    after = await exported(notary, actor)
    assert "ann@example.org" not in "".join(after)
    assert "".join(after).count("[erased]") == 2
    report = await checked(notary, actor)
    assert (report.fault, report.events, report.erased) == (None, 3, 2)
    assert [row.canonical for row in notary.events(actor.workspace_id)][:2] == [row.canonical for row in rows]
    assert "ann@example.org" in "".join(await exported(notary, other_actor))  # another's ledger is another's


async def test_personal_values_in_a_ledger_without_its_key_stay_closed(notary: Any, actor: Actor):
    async with notary.db.transaction(actor) as session:
        await ledger.record(session, "member_invited", subject=("user", new_id()), personal={"email": "a@b.org"})
        await session.flush()
        assert b"a@b.org" not in str(await session.scalar(text("select data::text from ledger_events"))).encode()
        [key] = (await ledger.keys_of(session, notary.keyring)).values()
        sealed = await session.scalar(text("select key from ledger_persons"))
        assert len(key) == 32
        assert key not in sealed
    without = Database(notary.urls.app, pool_size=1)
    async with without.transaction(actor) as session:
        with pytest.raises(TypeError, match="keyring"):
            await ledger.record(session, "member_invited", subject=("user", new_id()), personal={"email": "a@b.org"})
    await without.close()


async def test_the_keys_of_persons_follow_a_new_master_key(notary: Any, actor: Actor):
    async with notary.db.transaction(actor) as session:
        await ledger.record(session, "member_invited", subject=("user", new_id()), personal={"email": "a@b.org"})
    [old] = notary.keyring.keys

    async def told(*_: Any) -> None: ...

    notary.keyring.keep([new_key(), old])
    assert (await reseal(notary.db, notary.keyring, every_table(), told)).values == 1
    notary.keyring.keep([notary.keyring.keys[0]])
    async with notary.db.transaction(actor) as session:
        [event] = (await reading.find(session, [], None, 10, keyring=notary.keyring)).items
    assert event.personal
    assert event.personal["values"] == {"email": "a@b.org"}


# --- reading --------------------------------------------------------------------------------------------------


async def test_events_are_found_by_what_one_asks(notary: Any, actor: Actor):
    mine = await notary.write(actor, 3)
    other = replace(actor, id="bob", correlation_id=new_id())
    await notary.write(other, 2)
    async with notary.db.transaction(actor) as session:

        async def count(**asked: Any) -> int:
            return len((await reading.find(session, reading.asked(**asked), None, 50)).items)

        assert await count() == 5
        assert await count(subject=f"clip/{mine[0]}") == await count(subject=str(mine[0])) == 1
        assert await count(subject=f"video/{mine[0]}") == 0
        assert await count(actor="user/ann") == await count(actor="ann") == 3
        assert await count(actor="job/ann") == 0
        assert await count(correlation_id=other.correlation_id) == 2
        assert await count(event=["clip_accepted", "x_y"]) == 5
        events = (await reading.find(session, [], None, 50)).items
        assert await count(since=events[1].event.time) == 2
        assert await count(until=events[1].event.time) == 3
        first = await reading.find(session, [], None, 2)
        assert len(first.items) == 2
        rest = await reading.find(session, [], first.next_cursor, 50)
        assert [one.event.id for one in (*first.items, *rest.items)] == [one.event.id for one in events]
        with pytest.raises(Invalid, match="names nothing"):
            await count(subject="nonsense")


async def test_the_life_of_a_clip_is_told(notary: Any, actor: Actor):
    video, rule, mine, other, variant, job = (new_id() for _ in range(6))
    upload = replace(actor, correlation_id=new_id())
    work = Actor.job("propose_clips", job, actor.workspace_id, upload.correlation_id)
    window = {"start": 61.5, "end": 70.0, "video_id": str(video), "rule_id": str(rule)}

    async def say(who: Actor, event: str, subject: tuple[str, UUID], **data: Any) -> None:
        async with notary.db.transaction(who) as session:
            await ledger.record(session, event, subject=subject, **data)

    await say(replace(actor, correlation_id=new_id()), "rule_activated", ("rule", rule), platform="any", version=3)
    await say(upload, "video_uploaded", ("video", video), filename="blue.mp4", size_bytes=1200, sha256="ab")
    await say(work, "video_analysed", ("video", video), duration=90.0, shots=30, frame_rate=25.0)
    await say(upload, "job_created", ("job", job), type="propose_clips")
    await say(work, "clip_created", ("clip", mine), **window, rank=1, score=81.5, score_parts={"hook": 0.3})
    await say(work, "clip_created", ("clip", other), **window, rank=2, score=70, score_parts={})
    await say(work, "job_processing_completed", ("job", job), type="propose_clips")
    await say(upload, "clip_accepted", ("clip", mine), **window)
    rendered = {"clip_id": str(mine), "recipe": "tiktok", "sha256": "cd", **window}
    await say(upload, "variant_rendered", ("variant", variant), **rendered)
    await say(upload, "clip_rejected", ("clip", other), **window)

    async with notary.db.transaction(actor) as session:
        steps = await reading.life(session, str(mine), {"user/ann": "Ann"})
        of_variant = await reading.life(session, f"variant/{variant}", {})
    assert [step.event.event for step in steps] == [
        "rule_activated",
        "video_uploaded",
        "video_analysed",
        "job_created",
        "clip_created",
        "clip_accepted",
        "variant_rendered",
    ]
    assert steps[0].says == "Version 3 of the rule for any was put into force"
    assert steps[1].says == "The video blue.mp4 was received: 1,200 bytes, SHA-256 ab"
    assert steps[2].says == "It was looked at and listened to: 1:30.00, 25 frames a second, 30 shots"
    assert steps[4].says == (
        "A clip was proposed: 1:01.50 to 1:10.00, 8.50 s of the source, rank 1, score 81.5 (hook), frames 1538 to 1750"
    )
    assert (steps[4].because, steps[4].cause) == ("the job propose_clips", steps[3].event.id)
    assert (steps[5].because, steps[5].cause) == ("Ann", None)
    assert [step.event.event for step in of_variant] == [step.event.event for step in steps]


# --- keeping --------------------------------------------------------------------------------------------------


async def test_a_new_key_takes_over(notary: Any, actor: Actor, other_actor: Actor, sealed: list[UUID]):
    old = key_of(notary, actor)
    new = await keeping.rotate(notary.db, notary.urls.app, "stakazo", notary.keys, notary.file)
    sealer = await notary.sealer()
    await notary.close()
    sealer = await notary.sealer()
    await notary.seal(sealer)
    await notary.write(actor, 2)
    await notary.seal(sealer)
    signed = notary.checkpoints(actor.workspace_id)
    assert [row.key == new for row in signed[-2:]] == [False, True]
    assert key_of(notary, actor).public != old.public
    report = verify(await exported(notary, actor), [old], list(notary.file.all(actor.workspace_id)))
    assert (report.fault, report.events, report.key) == (None, 27, str(key_of(notary, actor)))
    assert verify(await exported(notary, actor), [key_of(notary, actor)]).fault is not None
    async with notary.db.transaction(actor) as session:
        assert await proofs.keys(session, notary.keys) == [old, key_of(notary, actor)]


async def test_an_installation_checks_itself(notary: Any, actor: Actor, other_actor: Actor, sealed: list[UUID]):
    found = {one.workspace_id: one for one in await keeping.check(notary.db, notary.keys, notary.file)}
    assert all(one.ok for one in found.values())
    assert set(found) == {actor.workspace_id, other_actor.workspace_id}
    with notary.attacker() as connection:
        edit_all(connection, notary.events(actor.workspace_id)[4], None)
        connection.execute(
            "insert into jobs (id, workspace_id, type, queue, correlation_id, state, payload)"
            " values (%s, %s, 't', 'q', %s, 'PENDING', '{}')",
            [job := new_id(), other_actor.workspace_id, new_id()],
        )
    found = {one.workspace_id: one for one in await keeping.check(notary.db, notary.keys, notary.file)}
    mine, others = found[actor.workspace_id], found[other_actor.workspace_id]
    assert not mine.ok
    assert mine.report is not None
    assert mine.report.fault is not None
    assert mine.report.fault.first == 4
    assert not others.ok
    assert others.missing["jobs"] == [job]


async def test_a_restore_is_accepted_openly(notary: Any, actor: Actor, sealed: list[UUID], monkeypatch: Any):
    with pytest.raises(Conflict, match="nothing to accept"):
        await keeping.accept_restore(notary.db, actor.workspace_id, notary.file)
    with notary.attacker() as connection:
        connection.execute("delete from ledger_checkpoints where size > 13 and workspace_id = %s", [actor.workspace_id])
        connection.execute("delete from ledger_seals where position >= 13 and workspace_id = %s", [actor.workspace_id])
    await notary.close()
    sealer = await notary.sealer()
    assert (await notary.seal(sealer)).refused == {actor.workspace_id}
    kept = await keeping.accept_restore(notary.db, actor.workspace_id, notary.file)
    await notary.close()
    await notary.seal(await notary.sealer())
    report = await checked(notary, actor)
    assert (report.fault, report.events) == (None, 25)  # the eleven that had lost their places, and this
    assert '"ledger_restored"' in notary.events(actor.workspace_id)[-1].canonical.decode()
    outside = list(checkpoint.read_all(kept.read_text()))
    assert (
        verify(await exported(notary, actor), [key_of(notary, actor)], outside[-1:]).fault is None
    )  # the same events came back in the same order
