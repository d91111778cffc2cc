"""Rows out of one snapshot of a database, and into empty tables: with the rights of the owner, and no more.

Tables are read as row-level security shows them: those of workspaces one workspace after the other, those of people as
the machinery. So no superuser is needed, whose server it ever is. What only one server can know is left out: the
engine's deliveries, the workers that are alive, the requests that were counted. `jobs` is the truth; a sweeper has
every active job delivered anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.rows import namedtuple_row

from stakazo.backup.manifest import Rows
from stakazo.core.errors import Conflict, Unavailable
from stakazo.core.postgres import SYSTEM, conninfo
from stakazo.core.revisions import RESTORING

Connection = psycopg.Connection[Any]

OF_THE_MOMENT = ("alembic_version", "workers", "request_windows", "held_room", "procrastinate_%")
"""Tables that are not kept, as `LIKE` knows them."""

_TABLES = """
    select c.relname as name, c.relforcerowsecurity as forced,
        array_agg(a.attname::text order by a.attnum) as columns, bool_or(a.attname = 'workspace_id') as owned
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace and n.nspname = current_schema()
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
    where c.relkind in ('r', 'p') and not c.relname like any (%s)
    group by c.oid order by c.relname
"""
_EVERY_TABLE = """
    select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace and n.nspname = current_schema()
    where c.relkind in ('r', 'p', 'v', 'm') order by c.relname
"""
_REFERENCES = """
    select c.conname as name, c.conrelid::regclass::text as "table", pg_get_constraintdef(c.oid) as definition
    from pg_constraint c join pg_class t on t.oid = c.conrelid
    join pg_namespace n on n.oid = t.relnamespace and n.nspname = current_schema()
    where c.contype = 'f' and c.conparentid = 0 order by c.conname
"""


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose rows are kept."""

    name: str
    forced: bool
    """Whether row-level security holds for its owner too."""
    columns: tuple[str, ...]
    owned: bool
    """Whether its rows belong to workspaces."""


def connect(owner_url: str) -> Connection:
    """A connection of the owner's. Raises psycopg.Error."""
    connection: Connection = psycopg.connect(conninfo(owner_url), autocommit=True, row_factory=namedtuple_row)
    connection.execute("set time zone 'UTC'")
    return connection


def tables(connection: Connection) -> list[Table]:
    """Those whose rows are kept."""
    found = connection.execute(_TABLES, [list(OF_THE_MOMENT)]).fetchall()
    return [Table(row.name, row.forced, tuple(row.columns), row.owned) for row in found if row.name != RESTORING]


def every_table(connection: Connection) -> list[str]:
    """What there is in the database at all."""
    return [row.relname for row in connection.execute(_EVERY_TABLE)]


# --- out ----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Snapshot:
    """A database as it was at one moment. Nothing that happens meanwhile is seen, and nobody has to wait for it."""

    connection: Connection
    tables: list[Table]
    workspaces: list[UUID]
    revision: str
    taken_at: str
    """By the database's clock; ISO 8601, UTC."""
    size: int
    """Bytes of the database on its disk: more than its rows will take."""
    postgres: int
    """The server's major version."""

    def rows(self, table: Table, counted: list[Rows]) -> Iterator[bytes]:
        """The rows as `COPY` writes them; at their end it is noted how many they were."""
        count = 0
        with self.connection.cursor() as cursor:
            for scope in self.workspaces if table.owned else [None]:
                with _acting(self.connection, scope, machinery=table.forced and scope is None):
                    with cursor.copy(_copy_out(table, scope)) as copy:
                        yield from map(bytes, copy)
                    count += cursor.rowcount
        counted.append(Rows(table.name, table.columns, count))

    def ask(self, query: sql.Composed, workspace_id: UUID) -> list[Any]:
        """Rows of a workspace."""
        with _acting(self.connection, workspace_id, machinery=False):
            return list(self.connection.execute(query))


@contextmanager
def snapshot(owner_url: str) -> Iterator[Snapshot]:
    """The database as it is now, for as long as this is open. No migration gets in between."""
    with connect(owner_url) as connection:
        known = tables(connection)
        if not known:
            raise Unavailable("There is nothing to back up: this database has no tables of Stakazo.")
        if under_way(connection) is not None:
            raise Unavailable("A backup is being restored to this database: there is nothing whole to back up.")
        with connection.transaction():
            connection.execute("set transaction isolation level repeatable read, read only")
            names = sql.SQL(", ").join(sql.Identifier(table.name) for table in known)
            connection.execute(sql.SQL("lock table {} in access share mode").format(names))
            [said] = connection.execute(
                "select version_num, to_char(now() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') as moment, "
                "pg_database_size(current_database()) as size from alembic_version"
            ).fetchall()
            with _acting(connection, None, machinery=True):
                found = connection.execute("select id from workspaces order by id").fetchall()
            workspaces, major = [row.id for row in found], connection.info.server_version // 10000
            yield Snapshot(connection, known, workspaces, said.version_num, said.moment, said.size, major)


@contextmanager
def _acting(connection: Connection, workspace_id: UUID | None, *, machinery: bool) -> Iterator[None]:
    """In a workspace, as the machinery, or as nobody but the owner."""
    place = "" if workspace_id is None else str(workspace_id)
    connection.execute("select set_config('stakazo.workspace', %s, true)", [place])
    if machinery:
        connection.execute(sql.SQL("set local role {}").format(sql.Identifier(SYSTEM)))
    try:
        yield
    finally:
        if machinery and not connection.broken and connection.info.transaction_status.name != "INERROR":
            connection.execute("reset role")


def _copy_out(table: Table, workspace_id: UUID | None) -> sql.Composed:
    # The condition is for owners whom no policy binds: superusers.
    only = sql.SQL("where workspace_id = {}").format(workspace_id) if workspace_id is not None else sql.SQL("")
    return sql.SQL("copy (select {} from {} {}) to stdout").format(
        sql.SQL(", ").join(map(sql.Identifier, table.columns)), sql.Identifier(table.name), only
    )


# --- in -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A restore that was begun and isn't done."""

    backup: str
    """Its id."""
    loaded: bool
    """Whether the rows are there already, all of them."""


def under_way(connection: Connection) -> UnderWay | None:
    """The restore that is not done in this database."""
    if RESTORING not in every_table(connection):
        return None
    [row] = connection.execute(f"select backup, loaded from {RESTORING}").fetchall()  # noqa: S608 (a name of ours)
    return UnderWay(row.backup, row.loaded)


def begin(connection: Connection, backup: str) -> None:
    """Say that a restore of this backup is under way. Raises Conflict where the database isn't empty."""
    with connection.transaction():
        if there := every_table(connection):
            others = f" and {len(there) - 1} others" if there[1:] else ""
            raise Conflict(
                f"This database is not empty: it has the table {there[0]}{others}. A backup is only restored into an "
                "empty one: make a new database, or name an empty folder with --into."
            )
        connection.execute(f"create table {RESTORING} (backup text not null, loaded boolean not null default false)")
        connection.execute(f"insert into {RESTORING} (backup) values (%s)", [backup])  # noqa: S608


def load(connection: Connection, rows: Mapping[Rows, Iterable[bytes]]) -> None:
    """Fill the empty tables, all or none. Raises Conflict where they are not those that the rows came from."""
    with connection.transaction():
        there = {table.name: table for table in tables(connection)}
        references = connection.execute(_REFERENCES).fetchall()
        for one in references:  # checked as a whole afterwards: then no table needs to come before another
            _alter(connection, one.table, "drop constraint {}", one.name)
        for table in there.values():
            if table.forced:
                _alter(connection, table.name, "no force row level security")
        for part, blocks in rows.items():
            if part.table not in there or set(part.columns) != set(there[part.table].columns):
                raise Conflict(f"The backup has other columns of {part.table} than its revision of the database.")
            _copy_in(connection, part, blocks)
        for one in references:
            definition = sql.SQL(one.definition)
            _alter(connection, one.table, "add constraint {} {}", one.name, definition)
        for table in there.values():
            if table.forced:
                _alter(connection, table.name, "force row level security")
        connection.execute(f"update {RESTORING} set loaded = true")  # noqa: S608


def _copy_in(connection: Connection, part: Rows, blocks: Iterable[bytes]) -> None:
    columns = sql.SQL(", ").join(map(sql.Identifier, part.columns))
    statement = sql.SQL("copy {} ({}) from stdin").format(sql.Identifier(part.table), columns)
    with connection.cursor() as cursor:
        with cursor.copy(statement) as copy:
            for block in blocks:
                copy.write(block)
        if cursor.rowcount != part.count:
            raise Conflict(f"{cursor.rowcount} rows of {part.table} came out of the backup, not {part.count}.")


def _alter(connection: Connection, table: str, change: str, *values: str | sql.Composable) -> None:
    parts = [sql.Identifier(value) if isinstance(value, str) else value for value in values]
    connection.execute(sql.SQL("alter table {} " + change).format(sql.Identifier(table), *parts))


def end(connection: Connection) -> None:
    """Say that the restore is done."""
    connection.execute(f"drop table {RESTORING}")
