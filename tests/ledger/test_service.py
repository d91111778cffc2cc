"""What is in the ledger stays there, and belongs to what it describes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import psycopg
import pytest
from psycopg import errors
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError

from stakazo.core.actor import Actor, new_id
from stakazo.core.db import Database
from stakazo.core.postgres import Urls, conninfo
from stakazo.ledger import service as ledger
from stakazo.rules.models import PlatformRule


async def test_an_event_says_who_what_and_from_where(database: Database, actor: Actor):
    job = Actor.job("propose_clips", new_id(), actor.workspace_id, actor.correlation_id)
    clip = new_id()
    async with database.transaction(job) as session:
        await ledger.record(session, "clip_created", subject=("clip", clip), rank=1, reasons=["it drops"])
    async with database.transaction(actor) as session:
        [event] = await ledger.recent(session)
    assert (event.event, event.subject_type, event.subject_id) == ("clip_created", "clip", clip)
    assert (event.actor_kind, event.actor_id) == ("job", job.id)
    assert (event.correlation_id, event.causation_id) == (actor.correlation_id, job.causation_id)
    assert event.data == {"rank": 1, "reasons": ["it drops"]}
    assert event.created_at is not None


async def test_a_request_about_an_upload_continues_its_thread(database: Database, actor: Actor):
    later = replace(actor, correlation_id=new_id())
    video, clip = new_id(), new_id()
    async with database.transaction(actor) as session:
        await ledger.record(session, "video_uploaded", subject=("video", video))
    async with database.transaction(later) as session:
        await ledger.follow(session, "video", video)
        await ledger.record(session, "clip_accepted", subject=("clip", clip))
        thread = await ledger.trace(session, actor.correlation_id)
    assert [event.event for event in thread] == ["video_uploaded", "clip_accepted"]


async def test_an_event_is_written_with_its_row_or_not_at_all(database: Database, actor: Actor):
    rule = PlatformRule(platform="tiktok", version=1, rule={}, proposed_by="ann", id=new_id())
    async with database.transaction(actor) as session:
        session.add(rule)
        await ledger.record(session, "rule_proposed", subject=("rule", rule.id))
        await session.flush()
        assert len(await ledger.recent(session)) == 1
        await session.rollback()
    async with database.transaction(actor) as session:
        assert await ledger.recent(session) == []
        assert await session.get(PlatformRule, rule.id) is None


async def test_a_thread_can_be_followed(database: Database, actor: Actor, other_actor: Actor):
    video, clip = new_id(), new_id()
    async with database.transaction(actor) as session:
        await ledger.record(session, "video_uploaded", subject=("video", video))
    job = Actor.job("propose_clips", new_id(), actor.workspace_id, actor.correlation_id)
    async with database.transaction(job) as session:
        await ledger.record(session, "clip_created", subject=("clip", clip), video_id=str(video))
    async with database.transaction(replace(actor, correlation_id=new_id())) as session:
        await ledger.record(session, "clip_accepted", subject=("clip", clip))

    async with database.transaction(actor) as session:
        assert [e.event for e in await ledger.trace(session, actor.correlation_id)] == [
            "video_uploaded",
            "clip_created",
        ]
        assert [e.event for e in await ledger.for_subject(session, "clip", clip)] == ["clip_created", "clip_accepted"]
        assert [e.event for e in await ledger.recent(session, limit=2)] == ["clip_accepted", "clip_created"]
    async with database.transaction(other_actor) as session:
        assert await ledger.trace(session, actor.correlation_id) == []
        assert await ledger.for_subject(session, "clip", clip) == []
        assert await ledger.recent(session) == []


async def test_the_machinery_can_add_for_someone(database: Database, actor: Actor):
    async with database.system_transaction() as session:
        system = Actor(actor.workspace_id, "system", "sweeper")
        await ledger.record(session, "job_lost", subject=("job", new_id()), actor=system)
    async with database.transaction(actor) as session:
        assert [(e.event, e.actor_id) for e in await ledger.recent(session)] == [("job_lost", "sweeper")]


@pytest.mark.parametrize("event", ["Uploaded", "video uploaded", "video", "_x_y", "video-uploaded"])
async def test_names_are_noun_and_verb(database: Database, actor: Actor, event: str):
    with pytest.raises(DBAPIError, match="ck_ledger_events_event"):
        async with database.transaction(actor) as session:
            await ledger.record(session, event, subject=("video", new_id()))


CHANGES = [
    "update ledger_events set event = 'other_thing'",
    "delete from ledger_events",
    "truncate ledger_events cascade",
    "update ledger_seals set position = 7",
    "delete from ledger_seals",
    "truncate ledger_seals",
    "update ledger_checkpoints set size = 7",
    "delete from ledger_checkpoints",
    "truncate ledger_checkpoints",
    "truncate workspaces cascade",
    "update ad_metrics set spend = 0",
    "delete from ad_metrics",
    "truncate ad_metrics",
]


@pytest.mark.parametrize("change", CHANGES)
async def test_nobody_changes_what_happened(urls: Urls, server: Any, database: Database, actor: Actor, change: str):
    async with database.transaction(actor) as session:
        await ledger.record(session, "video_uploaded", subject=("video", new_id()))
    superuser = server.superuser(make_url(urls.owner).database)
    for url, role, refusal in (
        (urls.app, None, errors.InsufficientPrivilege),
        (urls.app, "stakazo_system", errors.InsufficientPrivilege),
        (urls.owner, None, errors.RestrictViolation),
        (superuser, None, errors.RestrictViolation),
    ):
        with psycopg.connect(conninfo(url)) as connection:
            connection.execute("select set_config('stakazo.workspace', %s, false)", [str(actor.workspace_id)])
            if role:
                connection.execute(f"set role {role}")
            if url == superuser:  # which switches ordinary triggers off
                connection.execute("set session_replication_role = replica")
            with pytest.raises(refusal):
                connection.execute(change)
    async with database.transaction(actor) as session:
        assert await session.scalar(text("select count(*) from ledger_events")) == 1


async def test_what_a_rule_says_is_never_changed(database: Database, actor: Actor):
    rule = PlatformRule(platform="tiktok", version=1, rule={"a": 1}, proposed_by="ann", id=new_id())
    async with database.transaction(actor) as session:
        session.add(rule)
    for column, value in (("rule", "'{\"a\": 2}'"), ("version", "2"), ("platform", "'x'")):
        with pytest.raises(DBAPIError, match="never changed"):
            async with database.transaction(actor) as session:
                await session.execute(text(f"update platform_rules set {column} = {value}"))
    async with database.transaction(actor) as session:
        await session.execute(text("update platform_rules set state = 'ACTIVE', activated_at = now()"))
