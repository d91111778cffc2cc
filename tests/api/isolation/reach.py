"""The walk's second leg, in the database itself: which rows each kind of transaction reaches, whatever it asks.

Over HTTP a query that names the person, or the workspace, hides that a policy is gone. Here nothing is named: every
table is read, added to, changed and emptied whole, in every kind of transaction that the program has, and undone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg import errors
from psycopg.types.json import Jsonb
from tests.api.isolation.stage import Stage

from stakazo.core.postgres import APP, OWNER, SYSTEM, conninfo

OPEN = frozenset(
    {
        "api_keys",
        "lookouts",
        "invitations",
        "jobs",
        "ledger_checkpoints",
        "ledger_events",
        "ledger_persons",
        "ledger_seals",
        "notification_settings",
        "smart_links",
        "webhook_deliveries",
        "webhook_endpoints",
        "workspaces",
    }
)
"""Where the machinery reaches every workspace's rows: what it is there for."""
_OVER = "t.expires_at <= clock_timestamp()"
SOME = {
    "channel_consents": _OVER,
    "channels": "(t.look_at is not null or t.disconnected_at is null)",
    "held_room": _OVER,
    "idempotency_keys": _OVER,
    "link_salts": _OVER,
    "uploads": _OVER,
}
"""Where it reaches some of them: whose time is up, or what it has to look after."""
VERBS = {
    "select": "select from {t}",
    "update": "update {t} set created_at = clock_timestamp()",
    "delete": "delete from {t}",
}
_PRIVILEGES = {
    "select": "has_any_column_privilege(%s, %s, 'select')",
    "insert": "has_any_column_privilege(%s, %s, 'insert')",
    "update": "has_any_column_privilege(%s, %s, 'update')",
    "delete": "has_table_privilege(%s, %s, 'delete')",
}
_TABLES = """
    select c.relname::text, array_agg(a.attname::text) from pg_class c
    join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'public'
    join pg_attribute a on a.attrelid = c.oid and a.attname in ('workspace_id', 'user_id') and not a.attisdropped
    where c.relkind in ('r', 'p') group by 1 union values ('users', '{}'::text[]), ('workspaces', '{}') order by 1
"""


@dataclass(frozen=True)
class Who:
    """A kind of transaction."""

    name: str
    role: str
    workspace: UUID | None = None
    person: UUID | None = None


def faults(stage: Stage, superuser: str) -> Iterator[str]:
    """Everything that some transaction reaches and shouldn't, or doesn't reach and should."""
    assert stage.owner
    ours, theirs = stage.workspace_id, stage.other_id
    everybody = [
        Who("somebody in the workspace", APP, workspace=ours),
        Who("somebody in another one", APP, workspace=theirs),
        Who("nobody", APP),
        Who("the tables' owner", OWNER),
        Who("the machinery", SYSTEM),
        Who("the machinery for one of another's people", SYSTEM, person=stage.owner.user_id),
    ]
    with psycopg.connect(conninfo(superuser)) as connection:
        for table, columns in connection.execute(_TABLES).fetchall():
            rows = _rows(connection, stage, table, columns)
            for who in everybody:
                for verb in _PRIVILEGES:
                    if _may(connection, who, table, verb):
                        allowed = _allowed(who, table, columns)
                        if verb == "insert":
                            yield from _adding(connection, who, table, rows, allowed)
                        else:
                            yield from _reaching(connection, who, table, verb, allowed)


def _may(connection: psycopg.Connection[Any], who: Who, table: str, verb: str) -> bool:
    row = connection.execute(f"select {_PRIVILEGES[verb]}", [who.role, table]).fetchone()
    connection.rollback()
    return bool(row and row[0])


def _allowed(who: Who, table: str, columns: list[str]) -> str:
    """The rows that are meant to be reached."""
    if who.role != SYSTEM:
        return _here(f"'{who.workspace}'", table) if who.workspace else "false"
    if table in OPEN or (who.person is None and _personal(table, columns)):
        return "true"
    if table in SOME:
        return SOME[table]
    return f"t.{'id' if table == 'users' else 'user_id'} = '{who.person}'" if _personal(table, columns) else "false"


def _here(workspace: str, table: str) -> str:
    if table == "users":
        return f"t.id in (select user_id from memberships where workspace_id = {workspace})"
    return f"t.{'id' if table == 'workspaces' else 'workspace_id'} = {workspace}"


def _personal(table: str, columns: list[str]) -> bool:
    return table == "users" or "user_id" in columns


def _reaching(connection: psycopg.Connection[Any], who: Who, table: str, verb: str, allowed: str) -> Iterator[str]:
    expected = connection.execute(f"select from {table} t where {allowed}").rowcount
    _become(connection, who)
    try:
        reached = connection.execute(VERBS[verb].format(t=table)).rowcount
    except errors.InsufficientPrivilege as error:
        yield f"{who.name}: {verb} of {table} is refused ({error.diag.message_primary})"
        return
    except errors.RestrictViolation:
        return  # only added to: whatever a policy says, its trigger lets nobody in
    finally:
        connection.rollback()
    if reached != expected:
        yield f"{who.name}: {verb} of {table} reaches {reached} rows, not {expected}"


def _adding(
    connection: psycopg.Connection[Any], who: Who, table: str, rows: Mapping[str, Any], allowed: str
) -> Iterator[str]:
    for whose, row in rows.items():
        made = f"jsonb_populate_record(null::{table}, %s)"
        asked = connection.execute(f"select exists (select from {made} t where {allowed})", [Jsonb(row)]).fetchone()
        expected = bool(asked and asked[0])
        _become(connection, who)
        try:
            connection.execute(f"insert into {table} select ({made}).*", [Jsonb(row)])
            passed = True
        except errors.InsufficientPrivilege:
            passed = False
        except errors.IntegrityError:
            passed = True  # it came past the policies, to a constraint
        finally:
            connection.rollback()
        if passed != expected:
            yield f"{who.name}: adding a row of {whose} to {table} is {'let in' if passed else 'refused'}"


def _become(connection: psycopg.Connection[Any], who: Who) -> None:
    """From here to the rollback; foreign keys are not looked at, so that each table stands for itself."""
    connection.execute("set local session_replication_role = replica")
    connection.execute(f"set local role {who.role}")
    settings = {"workspace": who.workspace, "user": who.person}
    for name, value in settings.items():
        connection.execute("select set_config(%s, %s, true)", [f"stakazo.{name}", str(value or "")])


def _rows(
    connection: psycopg.Connection[Any], stage: Stage, table: str, columns: list[str]
) -> dict[str, dict[str, Any]]:
    """A row of the workspace (or of one of its people), and the same as the other's."""
    assert stage.owner
    people = [who.user_id for who in stage.people.values()]
    column, ours, theirs = ("workspace_id", [stage.workspace_id], stage.other_id)
    if table == "workspaces":
        column = "id"
    elif "workspace_id" not in columns:
        column, ours, theirs = ("id" if table == "users" else "user_id"), people, stage.owner.user_id
    found = connection.execute(f"select to_jsonb(t) from {table} t where {column} = any(%s) limit 1", [ours]).fetchone()
    connection.rollback()
    assert found is not None, f"no row of {table}"
    also = {"user_id": str(stage.owner.user_id)} if "user_id" in columns else {}
    return {"its own": found[0], "another's": found[0] | also | {column: str(theirs)}}
