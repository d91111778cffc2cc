"""What is looked after: every row and file of the workspace, and every value by which they could be known."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from tests.api.isolation.stage import Stage

from stakazo.core.postgres import conninfo

_TABLES = """
    select c.relname, array_agg(a.attname::text order by a.attnum),
        array_agg(a.atttypid::regtype::text order by a.attnum)
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'public'
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relkind in ('r', 'p') group by c.relname order by c.relname
"""

WITHOUT_WORDS = {
    "ad_accounts.currency",
    "ad_accounts.platform",
    "ad_accounts.time_zone",
    "ad_commitments.currency",
    "ad_metrics.currency",
    "ad_policies.limits",
    "api_keys.addresses",
    "api_keys.permissions",
    "api_keys.prefix",
    "campaigns.currency",
    "campaigns.platform",
    "campaigns.unanswered",
    "channels.slots",
    "channels.territory",
    "channels.time_zone",
    "clip_variants.platform",
    "clip_variants.recipe",
    "clip_variants.sha256",
    "clip_variants.storage_key",
    "clips.filmstrip_key",
    "clips.thumbnail_key",
    "credentials.password_hash",
    "idempotency_keys.actor",
    "jobs.phase",
    "jobs.queue",
    "jobs.type",
    "ledger_checkpoints.key",
    "ledger_checkpoints.note",
    "ledger_events.actor_id",
    "ledger_events.actor_kind",
    "ledger_events.event",
    "ledger_events.subject_type",
    "ledger_persons.kind",
    "link_conversions.currency",
    "platform_deliveries.source",
    "platform_rules.platform",
    "platform_rules.proposed_by",
    "platform_rules.rule",
    "sessions.address",
    "sessions.end_reason",
    "uploads.client_metadata",
    "video_assets.analysis_key",
    "video_assets.content_type",
    "video_assets.sha256",
    "video_assets.storage_key",
    "video_rights.isrc",
    "video_rights.territories",
}
"""Columns of text where no mark fits: they have a grammar of their own. What tells something in them is looked for all
the same: ids, hashes, how keys begin, the mark in base64."""

SHORTEST = 6
"""Letters of a word that tells something: an answer may well have a "0" in it that was sent."""
WORDS = {"text", "text[]", "character varying", "character", "json", "jsonb"}
UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE)
HASH = re.compile(r"[0-9a-f]{64}")


class Watch:
    """Sees everything: a superuser's connection, and the folder of stored files."""

    def __init__(self, stage: Stage, superuser: str, storage: Path) -> None:
        self.stage, self.storage = stage, storage
        self.connection = psycopg.connect(conninfo(superuser), autocommit=True)
        self.people = [who.user_id for who in stage.people.values()]
        self.tables: dict[str, dict[str, str]] = {
            table: dict(zip(columns, types, strict=True))
            for table, columns, types in self.connection.execute(_TABLES).fetchall()
        }
        self.whose = {table: whose for table, columns in self.tables.items() if (whose := self._whose(table, columns))}
        self._digests = sql.SQL(" union all ").join(self._digest(table) for table in self.whose)
        self._values = {"here": stage.workspace_id, "people": self.people}
        self.known = self._known()
        self._words = re.compile("|".join(map(re.escape, self._marks())), re.IGNORECASE)

    def close(self) -> None:
        self.connection.close()

    @staticmethod
    def _whose(table: str, columns: dict[str, str]) -> str | None:
        """Which rows are the workspace's, or its people's."""
        if table == "workspaces":
            return "id = %(here)s"
        if "workspace_id" in columns:
            return "workspace_id = %(here)s"
        if table == "users":
            return "id = any(%(people)s)"
        if "user_id" in columns:
            return "user_id = any(%(people)s)"
        if table == "procrastinate_jobs":
            return "args->>'job_id' in (select id::text from jobs where workspace_id = %(here)s)"
        return None

    # --- unchanged ------------------------------------------------------------------------------------------

    def _digest(self, table: str) -> sql.Composable:
        # A key says to the minute when it was used, and some of those who ask use one.
        row = "to_jsonb(t) - 'last_used_at' - 'updated_at'" if table == "api_keys" else "to_jsonb(t)"
        return sql.SQL(
            "select {name}, coalesce(md5(string_agg(md5((" + row + ")::text), '' order by t.id)), '')"
            " from {table} t where " + self.whose[table]
        ).format(name=sql.Literal(table), table=sql.Identifier(table))

    def state(self) -> dict[str, str]:
        """A digest of the workspace's rows in each table, and of its files."""
        rows: dict[str, str] = dict(self.connection.execute(self._digests, self._values, prepare=True).fetchall())
        return rows | {"files": _digest_of(self._files())}

    def _files(self) -> Iterable[Path]:
        yield from (self.storage / str(self.stage.workspace_id)).rglob("*")
        for name in ("upload", "second_upload"):
            yield from self.storage.rglob(self.stage.real(name).replace("-", ""))

    # --- unseen ---------------------------------------------------------------------------------------------

    def unmarked(self) -> list[str]:
        """Tables without a row of the workspace, and columns of text in which none of its rows has the mark."""
        found = []
        for table, whose in self.whose.items():
            if not self._ask(f"select exists (select from {table} where {whose})"):
                found.append(table)
            elif table != "procrastinate_jobs":
                for column, kind in self.tables[table].items():
                    words = f'select exists (select from {table} where {whose} and "{column}"::text like %(mark)s)'
                    if kind in WORDS and not self._ask(words):
                        found.append(f"{table}.{column}")
        return found

    def _ask(self, query: str) -> Any:
        row = self.connection.execute(query, self._values | {"mark": f"%{self.stage.mark}%"}).fetchone()
        assert row is not None
        return row[0]

    def _known(self) -> frozenset[str]:
        """Every id and hash in the workspace's rows, in hexadecimal and, of hashes, in base64."""
        found: set[str] = set()
        for table, whose in self.whose.items():
            for column, kind in self.tables[table].items():
                values = [row[0] for row in self._column(table, whose, column)] if kind in {"uuid", "bytea"} else []
                if kind == "uuid":
                    found |= {value.hex for value in values}
                else:
                    parts = [value[at : at + 32] for value in values for at in range(0, len(value) - 31, 32)]
                    found |= {form for part in parts for form in _forms(part)}
        hashes = self._column("video_assets", self.whose["video_assets"], "sha256")
        return frozenset(found | {row[0] for row in hashes})

    def _column(self, table: str, whose: str, column: str) -> list[Any]:
        query = f'select distinct "{column}" from {table} where {whose} and "{column}" is not null'
        return self.connection.execute(query, self._values).fetchall()

    def _marks(self) -> list[str]:
        """The mark as it can be written, and how the keys begin."""
        raw = self.stage.mark.encode()
        shifted = [base64.b64encode(b"." * shift + raw).decode()[4:-4] for shift in range(3)]
        return [self.stage.mark, raw.hex(), *shifted, *(key.split("_")[1] for key in self.stage.keys.values())]

    def seen_in(self, answer: str, sent: Iterable[str] = ()) -> list[str]:
        """What of the workspace an answer has that wasn't in the question."""
        for word in sorted((word for word in set(sent) if len(word) >= SHORTEST), key=len, reverse=True):
            answer = answer.replace(word, "")
        asked = {
            found.replace("-", "").lower() for word in set(sent) for found in [*UUID.findall(word), *HASH.findall(word)]
        }
        ids = {found.replace("-", "").lower() for found in UUID.findall(answer)} | set(HASH.findall(answer))
        ids |= set(re.findall(r"[A-Za-z0-9+/_-]{42}", answer))
        return sorted({found[0] for found in self._words.finditer(answer)} | ((ids & self.known) - asked))


def _forms(value: bytes) -> set[str]:
    plain = base64.b64encode(value).decode()[:42]
    return {value.hex(), plain, plain.replace("+", "-").replace("/", "_")}


def _digest_of(files: Iterable[Path]) -> str:
    found = hashlib.sha256()
    for path in sorted(files):
        if path.is_file():
            found.update(f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}\n".encode())
    return found.hexdigest()
