"""The ledger: what happened, who did it, what it came from; its seals, its checkpoints, and the keys of persons."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, LargeBinary, String, Text, text
from sqlalchemy import UniqueConstraint as Unique
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from stakazo.core import workspaces as _workspaces  # noqa: F401 (every owned row points at one)
from stakazo.core.db import Base, Owned
from stakazo.core.security import Sealed


class LedgerEvent(Owned, Base):
    """One act, written in the transaction that did it and never changed again.

    `canonical` is the event; the other columns say the same for questions to be asked in SQL, and whoever checks the
    ledger compares them with it.
    """

    __tablename__ = "ledger_events"

    created_at: Mapped[datetime]
    """When it happened, by the clock of the process that wrote it."""
    updated_at = None  # type: ignore[assignment]  # there is no such moment
    event: Mapped[str] = mapped_column(String(80))
    """`noun_verb` in the past: video_uploaded, clip_created."""
    subject_type: Mapped[str] = mapped_column(String(40))
    """What it happened to: video, clip, variant, job, rule."""
    subject_id: Mapped[UUID]
    actor_kind: Mapped[str] = mapped_column(String(20))
    actor_id: Mapped[str] = mapped_column(String(200))
    correlation_id: Mapped[UUID]
    """The same for everything that one request set in motion."""
    causation_id: Mapped[UUID | None]
    """The job that acted, if one did."""
    data: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    canonical: Mapped[bytes] = mapped_column(LargeBinary)
    """What is hashed: `ledger/canonical.py`. Never made anew from the other columns."""
    xid: Mapped[int] = mapped_column(BigInteger, server_default=text("(pg_current_xact_id()::text::bigint)"))
    """The transaction that wrote it: the sealer takes what is older than every running one."""

    __table_args__ = (
        *Owned.owned_args(),
        Index(None, "workspace_id", "correlation_id", "id"),
        Index(None, "workspace_id", "subject_type", "subject_id", "id"),
        Index(None, "xid"),
        CheckConstraint("event ~ '^[a-z][a-z0-9]*(_[a-z0-9]+)+$'", name="event"),
        CheckConstraint("actor_kind in ('user', 'api_key', 'job', 'system')", name="actor_kind"),
        CheckConstraint("jsonb_typeof(data) = 'object'", name="data"),
    )
    # The machinery may insert here for anyone, so nothing may be read back after an insert.
    __mapper_args__ = {"eager_defaults": False}  # noqa: RUF012 (SQLAlchemy reads it from the class)


class LedgerSeal(Owned, Base):
    """An event's place in its workspace's tree; `id` is the event's, `created_at` when it got its place."""

    __tablename__ = "ledger_seals"

    updated_at = None  # type: ignore[assignment]
    position: Mapped[int] = mapped_column(BigInteger)
    """From 0, without gaps."""
    hashes: Mapped[bytes] = mapped_column(LargeBinary)
    """Of the whole subtrees that this leaf finishes, 32 bytes each: the leaf's own first, then upwards."""

    __table_args__ = (
        *Owned.owned_args(),
        Unique("workspace_id", "position"),
        ForeignKeyConstraint(["workspace_id", "id"], ["ledger_events.workspace_id", "ledger_events.id"]),
        CheckConstraint("position >= 0", name="position"),
        CheckConstraint("length(hashes) >= 32 and length(hashes) % 32 = 0", name="hashes"),
    )


class LedgerCheckpoint(Owned, Base):
    """A signed statement of the tree's size and root."""

    __tablename__ = "ledger_checkpoints"

    updated_at = None  # type: ignore[assignment]
    size: Mapped[int] = mapped_column(BigInteger)
    root: Mapped[bytes] = mapped_column(LargeBinary)
    key: Mapped[str] = mapped_column(String(16))
    """The fingerprint of the key that signed."""
    note: Mapped[str] = mapped_column(Text)
    """The checkpoint as it is handed out: `ledger/checkpoint.py`."""

    __table_args__ = (
        *Owned.owned_args(),
        Unique("workspace_id", "size"),
        CheckConstraint("size > 0", name="size"),
        CheckConstraint("length(root) = 32", name="root"),
    )


class LedgerPerson(Owned, Base):
    """The key under which a person's data stands in the ledger. Deleting the row erases the data everywhere."""

    __tablename__ = "ledger_persons"

    updated_at = None  # type: ignore[assignment]
    kind: Mapped[str] = mapped_column(String(40))
    """user, artist, ...: with `person_id` it names the person."""
    person_id: Mapped[UUID]
    key: Mapped[bytes] = mapped_column(Sealed())

    __table_args__ = (
        *Owned.owned_args(),
        Unique("workspace_id", "kind", "person_id"),
        CheckConstraint("length(key) > 32", name="key"),
    )
