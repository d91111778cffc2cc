"""The table of answers that were given under a key."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from stakazo.core import workspaces as _workspaces  # noqa: F401 (every owned row points at one)
from stakazo.core.db import Base, Owned
from stakazo.core.security import Sealed


class IdempotencyKey(Owned, Base):
    """What was answered when somebody first used a key, written with what the request did."""

    __tablename__ = "idempotency_keys"

    actor: Mapped[str] = mapped_column(String(240))
    """Whose key it is: the kind and id of the actor."""
    key: Mapped[str] = mapped_column(String(255))
    asked: Mapped[bytes] = mapped_column(LargeBinary)
    """SHA-256 of what was asked: method, path, query, body."""
    status: Mapped[int]
    headers: Mapped[list[Any]] = mapped_column(JSONB)
    """Pairs of name and value, in their order."""
    body: Mapped[bytes] = mapped_column(Sealed())
    """It may carry a secret, a new key's token for one."""
    expires_at: Mapped[datetime]

    __table_args__ = (
        *Owned.owned_args(),
        UniqueConstraint("workspace_id", "actor", "key"),
        Index(None, "expires_at"),
        CheckConstraint("length(asked) = 32", name="sha256"),
        CheckConstraint("status between 200 and 499", name="status"),
        CheckConstraint("jsonb_typeof(headers) = 'array'", name="headers"),
    )
