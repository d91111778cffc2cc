"""What somebody with every right in the database could do to a sealed event, guard rails off.

Each attack gets a cursor, the row of the event at its place, and another row; rows have id, canonical and position.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from stakazo.core.actor import new_id
from stakazo.ledger.canonical import event_bytes, read_event
from stakazo.ledger.merkle import leaf_hash


def rewrite(row: Any, **changes: Any) -> bytes:
    return event_bytes(replace(read_event(row.canonical), **changes))


def edit_columns(c: Any, row: Any, _: Any) -> None:
    c.execute("update ledger_events set data = '{\"number\": 99}' where id = %s", [row.id])


def edit_time(c: Any, row: Any, _: Any) -> None:
    c.execute("update ledger_events set created_at = created_at - interval '1 hour' where id = %s", [row.id])


def edit_all(c: Any, row: Any, _: Any) -> None:
    edited = rewrite(row, data={"number": 99})
    c.execute("update ledger_events set data = '{\"number\": 99}', canonical = %s where id = %s", [edited, row.id])


def edit_and_reseal(c: Any, row: Any, _: Any) -> None:
    edit_all(c, row, _)
    c.execute(
        "update ledger_seals set hashes = %s || substring(hashes from 33) where id = %s",
        [leaf_hash(rewrite(row, data={"number": 99})), row.id],
    )


def delete(c: Any, row: Any, _: Any) -> None:
    c.execute("delete from ledger_seals where id = %s", [row.id])
    c.execute("delete from ledger_events where id = %s", [row.id])


def delete_event_only(c: Any, row: Any, _: Any) -> None:
    c.execute("delete from ledger_events where id = %s", [row.id])


def swap(c: Any, row: Any, other: Any) -> None:
    c.execute("update ledger_seals set position = -1 where id = %s", [row.id])
    c.execute("update ledger_seals set position = %s where id = %s", [row.position, other.id])
    c.execute("update ledger_seals set position = %s where id = %s", [other.position, row.id])


def forge(c: Any, row: Any, _: Any) -> None:
    """Another event in its place."""
    forged = new_id()
    c.execute(
        "insert into ledger_events select (jsonb_populate_record(e, jsonb_build_object('id', %s::text,"
        " 'event', 'budget_raised'))).* from ledger_events e where id = %s",
        [forged, row.id],
    )
    said = rewrite(row, id=forged, event="budget_raised")
    c.execute("update ledger_events set canonical = %s where id = %s", [said, forged])
    c.execute(
        "update ledger_seals set id = %s, hashes = %s || substring(hashes from 33) where id = %s",
        [forged, leaf_hash(said), row.id],
    )


def duplicate(c: Any, row: Any, other: Any) -> None:
    """The same act a second time, in the place of another."""
    c.execute("update ledger_events set canonical = %s where id = %s", [row.canonical, other.id])


def move_to_another_tenant(c: Any, row: Any, _: Any) -> None:
    [(elsewhere,)] = c.execute("select id from workspaces where id <> %s limit 1", [row_workspace(row)]).fetchall()
    [(size,)] = c.execute("select count(*) from ledger_seals where workspace_id = %s", [elsewhere]).fetchall()
    c.execute("update ledger_events set workspace_id = %s where id = %s", [elsewhere, row.id])
    c.execute("update ledger_seals set workspace_id = %s, position = %s where id = %s", [elsewhere, size, row.id])


def row_workspace(row: Any) -> UUID:
    return read_event(row.canonical).workspace_id


ATTACKS = {
    "edit: the columns": edit_columns,
    "edit: the time": edit_time,
    "edit: columns and bytes": edit_all,
    "edit: columns, bytes and its own hash": edit_and_reseal,
    "delete: with its seal": delete,
    "delete: the event alone": delete_event_only,
    "swap: two places": swap,
    "forge: another event in its place, with a hash": forge,
    "duplicate: in the place of another": duplicate,
    "move to another tenant": move_to_another_tenant,
}
GUARDS_OFF = (
    "alter table ledger_events disable trigger all",
    "alter table ledger_seals disable trigger all",
    "alter table ledger_checkpoints disable trigger all",
    "alter table ledger_seals drop constraint ck_ledger_seals_position",
)
