"""One workspace can't see, change or point at another's rows; and these tests notice when it could."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, cast
from uuid import UUID

import psycopg
import pytest
from psycopg import errors, sql
from sqlalchemy import CursorResult, func, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import aliased

import stakazo.ads.models
import stakazo.insights.models
import stakazo.links.models
import stakazo.notifications.models
import stakazo.publishing.models  # noqa: F401 (every table)
from stakazo.clips.models import Clip
from stakazo.core.actor import Actor, new_id
from stakazo.core.db import Base, Database
from stakazo.core.isolation import faults
from stakazo.core.postgres import APP, OWNER, SYSTEM, Urls, conninfo
from stakazo.jobs.models import Job
from stakazo.ledger import service as ledger
from stakazo.videos.models import VideoAsset

Rows = dict[str, UUID]
Fill = Callable[[Actor], Awaitable[Rows]]

COLUMNS = {table.name: "workspace_id" for table in Base.metadata.sorted_tables if "workspace_id" in table.columns}
COLUMNS["workspaces"] = "id"
"""Every table that belongs to workspaces, and the column that says to which."""
MACHINERY = {
    "jobs",
    "workspaces",
    "memberships",
    "invitations",
    "api_keys",
    "channels",
    "webhook_endpoints",
    "webhook_deliveries",
    "smart_links",
    "lookouts",
    "notification_settings",
}
"""Of which, beside the ledger, the machinery sees the rows of all; of channels when to look after which."""
PERSONAL = (
    "users",
    "credentials",
    "recovery_codes",
    "sessions",
    "refresh_tokens",
    "identities",
    "links",
    "personal_idempotency_keys",
)
"""Every table whose rows belong to people."""
ADDED_TO_ONLY = {
    "ledger_events",
    "ledger_seals",
    "ledger_checkpoints",
    "ad_metrics",
    "post_metrics",
    "link_clicks",
    "link_conversions",
}


Eyes = dict[str, psycopg.Connection[Any]]


@pytest.fixture
def eyes(urls: Urls) -> Iterator[Eyes]:
    """Connections of the app and of the tables' owner, neither of which sees more than one workspace."""
    with psycopg.connect(conninfo(urls.app)) as app, psycopg.connect(conninfo(urls.owner)) as owner:
        yield {"the app": app, "the owner": owner}


def hits(eye: psycopg.Connection[Any], workspace: UUID | None, table: str, statement: str, *values: object) -> int:
    """How many rows a statement finds or changes, before it is undone; -1 when it is refused."""
    names = {"t": sql.Identifier(table), "workspace": sql.Identifier(COLUMNS[table])}
    if workspace:
        eye.execute("select set_config('stakazo.workspace', %s, true)", [str(workspace)])
    try:
        return eye.execute(sql.SQL(statement).format(**names), values).rowcount
    except (errors.InsufficientPrivilege, errors.RestrictViolation):
        return -1
    except errors.IntegrityError:
        return 1  # it came past the policies, to a constraint
    finally:
        eye.rollback()


COPY = (
    "insert into {t} select (jsonb_populate_record(t, jsonb_build_object("
    "%s::text, %s::text, case %s::text when 'id' then 'created_at' else 'id' end, null))).* from {t} t where id = %s"
)


def leaks(eyes: Eyes, table: str, mine: Rows, others: Rows) -> list[str]:
    """Everything that is wrong with one table, as seen by someone in the workspace of `mine`."""
    me, them, here = mine["workspaces"], others["workspaces"], COLUMNS[table]
    found = []
    for who, eye in eyes.items():
        expected = {
            "sees its rows": hits(eye, me, table, "select from {t} where {workspace} = %s", me) >= 1,
            "sees no other's": hits(eye, me, table, "select from {t} where {workspace} <> %s", me) == 0,
            "sees none without a workspace": hits(eye, None, table, "select from {t}") == 0,
            "changes no other's": hits(eye, me, table, "update {t} set id = id where id = %s", others[table]) <= 0,
            "removes no other's": hits(eye, me, table, "delete from {t} where id = %s", others[table]) <= 0,
            "moves none to others": hits(eye, me, table, "update {t} set {workspace} = %s", them) == -1,
            "adds none to others": hits(eye, me, table, COPY, here, them, here, mine[table]) == -1,
        }
        found += [f"not true that {who} {what}" for what, is_so in expected.items() if not is_so]
    return found


async def catalogue(database: Database) -> list[str]:
    async with database.engine.connect() as connection:
        return await faults(connection)


async def test_nothing_leaks(database: Database, eyes: Eyes, fill: Fill, actor: Actor, other_actor: Actor):
    mine, others = await fill(actor), await fill(other_actor)
    assert await catalogue(database) == []
    assert {table: leaks(eyes, table, mine, others) for table in COLUMNS} == {table: [] for table in COLUMNS}


MINE = "({c} = nullif(current_setting('stakazo.workspace', true), '')::uuid)"
SABOTAGE = {
    "a dropped policy": (
        "drop policy one_workspace on {t}",
        f"create policy one_workspace on {{t}} using {MINE} with check {MINE}",
    ),
    "row-level security switched off": (
        "alter table {t} disable row level security",
        "alter table {t} enable row level security",
    ),
    "row-level security not forced": (
        "alter table {t} no force row level security",
        "alter table {t} force row level security",
    ),
    "a policy with a hole": (
        "alter policy one_workspace on {t} using (current_setting('stakazo.workspace', true) is not null)",
        f"alter policy one_workspace on {{t}} using {MINE}",
    ),
    "a policy that lets everybody in": (
        "create policy everybody on {t} using (true) with check (true)",
        "drop policy everybody on {t}",
    ),
}


async def test_the_check_turns_red(
    urls: Urls, database: Database, eyes: Eyes, fill: Fill, actor: Actor, other_actor: Actor
):
    """Whatever is broken in any one table, both the catalogue and the attempts say so."""
    mine, others = await fill(actor), await fill(other_actor)
    with psycopg.connect(conninfo(urls.owner), autocommit=True) as owner:
        for table, column in COLUMNS.items():
            for what, (breaks, mends) in SABOTAGE.items():
                owner.execute(breaks.format(t=table, c=column))
                assert any(table in fault for fault in await catalogue(database)), (table, what)
                assert leaks(eyes, table, mine, others), (table, what)
                owner.execute(mends.format(t=table, c=column))
            assert await catalogue(database) == []


async def test_a_new_table_without_protection_turns_the_check_red(urls: Urls, database: Database):
    with psycopg.connect(conninfo(urls.owner), autocommit=True) as owner:
        owner.execute("create table forgotten (workspace_id uuid)")
    assert await catalogue(database) == ["The table forgotten is open: row-level security is off."]


async def test_every_table_of_the_models_is_looked_at(urls: Urls):
    with psycopg.connect(conninfo(urls.owner)) as owner:
        there = {
            name
            for (name,) in owner.execute(
                "select table_name from information_schema.columns where column_name = 'workspace_id'"
                " and table_schema = 'public'"
            )
        }
    assert there | {"workspaces"} == set(COLUMNS)
    assert set(COLUMNS) >= {
        "jobs",
        "video_assets",
        "clips",
        "clip_variants",
        "publications",
        "campaigns",
        "ad_metrics",
        "platform_rules",
        "ledger_events",
        "ledger_seals",
        "ledger_checkpoints",
        "ledger_persons",
        "api_keys",
        "memberships",
    }


# --- through the ORM ----------------------------------------------------------------------------------------


async def test_the_orm_sees_one_workspace(database: Database, fill: Fill, actor: Actor, other_actor: Actor):
    mine, others = await fill(actor), await fill(other_actor)
    async with database.transaction(actor) as session:
        assert await session.get(Clip, others["clips"]) is None
        assert [clip.id for clip in await session.scalars(select(Clip))] == [mine["clips"]]
        assert await session.scalar(select(func.count()).select_from(Clip)) == 1
        assert await session.scalar(text("select count(*) from clips")) == 1
        video, clip = aliased(VideoAsset), aliased(Clip)
        joined = select(func.count()).select_from(clip).join(video, clip.video_id == video.id, full=True)
        assert await session.scalar(joined) == 1
        cross = select(func.count()).select_from(clip).join(video, text("true"))
        assert await session.scalar(cross) == 1
        theirs = update(Clip).where(Clip.id == others["clips"]).values(rank=9)
        assert cast(CursorResult[Any], await session.execute(theirs)).rowcount == 0
        assert cast(CursorResult[Any], await session.execute(text("update clips set rank = 9"))).rowcount == 1
        await session.rollback()


async def test_a_row_written_for_another_workspace_is_refused(database: Database, actor: Actor, other_actor: Actor):
    with pytest.raises(DBAPIError, match="row-level security"):
        async with database.transaction(actor) as session:
            session.add(Job(workspace_id=other_actor.workspace_id, type="t", queue="q", correlation_id=new_id()))


async def test_a_workspace_is_not_remembered_by_the_connection(database: Database, fill: Fill, actor: Actor):
    await fill(actor)
    async with database.transaction(actor) as session:
        pid = await session.scalar(text("select pg_backend_pid()"))
    async with database.engine.connect() as connection:
        assert await connection.scalar(text("select pg_backend_pid()")) == pid
        assert await connection.scalar(text("select count(*) from clips")) == 0


# --- foreign keys -------------------------------------------------------------------------------------------

FOREIGN_KEYS = sorted(
    (table, [column.name for column in key.columns], key.referred_table.name)
    for table in sorted(COLUMNS)
    if table != "workspaces"
    for key in Base.metadata.tables[table].foreign_key_constraints
    if key.referred_table.name in COLUMNS and key.referred_table.name != "workspaces"
)


@pytest.mark.parametrize(("table", "columns", "target"), FOREIGN_KEYS)
def test_a_foreign_key_carries_its_workspace(table: str, columns: list[str], target: str):
    assert columns[0] == "workspace_id", f"{table} could point at another workspace's {target}: make the key composite"


async def test_a_row_of_another_workspace_cannot_be_pointed_at(
    urls: Urls, fill: Fill, actor: Actor, other_actor: Actor
):
    mine, others = await fill(actor), await fill(other_actor)
    assert len(FOREIGN_KEYS) >= 8
    for table, (_, column), target in FOREIGN_KEYS:
        with psycopg.connect(conninfo(urls.owner)) as connection:  # who may change every table
            connection.execute("select set_config('stakazo.workspace', %s, true)", [str(actor.workspace_id)])
            connection.execute(f"alter table {table} disable trigger user")
            with pytest.raises((errors.ForeignKeyViolation, errors.UniqueViolation)):  # a seal's key is its event's
                connection.execute(f"update {table} set {column} = %s where id = %s", [others[target], mine[table]])
            connection.rollback()


# --- the roles ----------------------------------------------------------------------------------------------


async def test_the_roles_can_do_no_more_than_they_should(urls: Urls):
    with psycopg.connect(conninfo(urls.app)) as connection:
        role = connection.execute(
            "select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolinherit from pg_roles where rolname = %s",
            [APP],
        ).fetchone()
        assert role == (False,) * 5
        owners = connection.execute("select distinct tableowner from pg_tables where schemaname = 'public'").fetchall()
        assert owners == [(OWNER,)]
        for statement in (
            f"set role {OWNER}",
            "alter table clips disable row level security",
            "create table mine ()",
            "drop policy one_workspace on clips",
            "set session_replication_role = replica",
        ):
            with pytest.raises(errors.InsufficientPrivilege), connection.transaction():
                connection.execute(statement)


async def test_the_machinery_sees_of_all_what_it_needs_and_nothing_else(
    database: Database, fill: Fill, actor: Actor, other_actor: Actor
):
    await fill(actor)
    await fill(other_actor)
    async with database.system_transaction() as session:
        for table, column in COLUMNS.items():
            seen = session.scalar(text(f"select count(distinct {column}) from {table}"))
            if table in MACHINERY or table.startswith("ledger_"):
                assert await seen == 2
            else:
                with pytest.raises(DBAPIError, match="permission denied"):
                    async with session.begin_nested():
                        await seen
        with pytest.raises(DBAPIError, match="permission denied"):
            async with session.begin_nested():
                await session.scalar(text("select token from channels"))
        machinery = Actor(actor.workspace_id, "system", SYSTEM)
        await ledger.record(session, "job_lost", subject=("job", new_id()), actor=machinery)
    async with database.transaction(actor) as session:
        assert await session.scalar(text("select count(*) from ledger_events where event = 'job_lost'")) == 1
        assert await session.scalar(text("select current_user")) == APP


async def test_acting_for_a_person_the_machinery_sees_only_theirs(
    database: Database, fill: Fill, actor: Actor, other_actor: Actor
):
    mine, others = await fill(actor), await fill(other_actor)
    for person, other in ((mine, others), (others, mine)):
        async with database.personal_transaction(person["users"]) as session:
            for table in (*PERSONAL, "memberships"):
                assert (await session.scalars(text(f"select id from {table}"))).all() == [person[table]], table
                gone = text(f"delete from {table} where id = :id returning id")
                assert (await session.scalars(gone, {"id": other[table]})).all() == []
            for table in PERSONAL:
                column = "id" if table == "users" else "user_id"
                moved = text(f"update {table} set {column} = :other where id = :id")
                with pytest.raises(DBAPIError, match="row-level security"):
                    async with session.begin_nested():
                        await session.execute(moved, {"other": other["users"], "id": person[table]})
            await session.rollback()
    async with database.system_transaction() as session:
        for table in PERSONAL:
            assert await session.scalar(text(f"select count(*) from {table}")) == 2


PERSONAL_SABOTAGE = {
    "row-level security switched off": "alter table {t} disable row level security",
    "row-level security not forced": "alter table {t} no force row level security",
    "a policy with a hole": "alter policy one_person on {t} using (true)",
    "a policy that lets everybody in": "create policy everybody on {t} using (true)",
    "a grant to the app": "grant update on {t} to stakazo_app",
}


@pytest.mark.parametrize("what", PERSONAL_SABOTAGE)
async def test_the_check_turns_red_for_people_too(urls: Urls, database: Database, what: str):
    assert await catalogue(database) == []
    for table in PERSONAL:
        with psycopg.connect(conninfo(urls.owner), autocommit=True) as owner:
            owner.execute(PERSONAL_SABOTAGE[what].format(t=table))
    faults = await catalogue(database)
    assert len(faults) == len(PERSONAL)
    assert all(any(f" {table} " in fault for fault in faults) for table in PERSONAL)


async def test_a_table_of_nobody_that_the_app_reaches_turns_the_check_red(urls: Urls, database: Database):
    with psycopg.connect(conninfo(urls.owner), autocommit=True) as owner:
        owner.execute("create table forgotten (id uuid)")
        assert await catalogue(database) == []
        owner.execute("grant select (id) on forgotten to stakazo_app")
    assert await catalogue(database) == ["The table forgotten belongs to no workspace, and the app's role reaches it."]


async def test_people_are_seen_by_those_who_share_a_workspace(
    database: Database, fill: Fill, actor: Actor, other_actor: Actor
):
    mine, _ = await fill(actor), await fill(other_actor)
    async with database.transaction(actor) as session:
        assert (await session.scalars(text("select id from users"))).all() == [mine["users"]]
    with pytest.raises(DBAPIError, match="permission denied"):
        async with database.transaction(actor) as session:
            await session.execute(text("update users set name = 'x'"))
