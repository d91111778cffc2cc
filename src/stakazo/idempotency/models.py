"""The answers that were given under a key: to those who act in a workspace, and to people about their own affairs."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from stakazo.core import workspaces as _workspaces  # noqa: F401 (every owned row points at one)
from stakazo.core.db import Base, Owned
from stakazo.core.security import Sealed


class Kept:
    """What was answered when somebody first used a key, written with what the request did."""

    key: Mapped[str] = mapped_column(String(255))
    asked: Mapped[bytes] = mapped_column(LargeBinary)
    """SHA-256 of what was asked: method, path, query, body."""
    status: Mapped[int]
    headers: Mapped[list[Any]] = mapped_column(JSONB)
    """Pairs of name and value, in their order."""
    expires_at: Mapped[datetime]


def _sound() -> tuple[CheckConstraint, ...]:
    return (
        CheckConstraint("length(asked) = 32", name="sha256"),
        CheckConstraint("status between 200 and 499", name="status"),
        CheckConstraint("jsonb_typeof(headers) = 'array'", name="headers"),
    )


class IdempotencyKey(Kept, Owned, Base):
    """An answer to somebody who acts in a workspace."""

    __tablename__ = "idempotency_keys"

    actor: Mapped[str] = mapped_column(String(240))
    """Whose key it is: the kind and id of the actor."""
    body: Mapped[bytes] = mapped_column(Sealed())
    """It may carry a secret, a new key's token for one."""

    __table_args__ = (
        *Owned.owned_args(),
        UniqueConstraint("workspace_id", "actor", "key"),
        Index(None, "expires_at"),
        *_sound(),
    )


class PersonalIdempotencyKey(Kept, Base):
    """An answer to a person about their own affairs, whatever workspace they act in."""

    __tablename__ = "personal_idempotency_keys"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    body: Mapped[bytes] = mapped_column(Sealed(owner="user_id"))
    """It may carry a secret, new recovery codes for one."""

    __table_args__ = (UniqueConstraint("user_id", "key"), Index(None, "expires_at"), *_sound())
