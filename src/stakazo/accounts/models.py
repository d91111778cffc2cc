"""Who may do what: people, their places in workspaces, and the keys that programs act with."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Enum, ForeignKey, Index, LargeBinary, String, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from stakazo.accounts.roles import Role
from stakazo.core.db import Base, Owned
from stakazo.core.workspaces import Workspace  # noqa: F401 (every owned row points at one)


class User(Base):
    """A person; which workspaces they see is said by their memberships."""

    __tablename__ = "users"

    email: Mapped[str] = mapped_column(String(320))
    name: Mapped[str] = mapped_column(String(200), server_default="")
    disabled_at: Mapped[datetime | None]

    __table_args__ = (
        Index("uq_users_email", func.lower(text("email")), unique=True),
        CheckConstraint("position('@' in email) > 1", name="email"),
    )


class Membership(Owned, Base):
    """A person's place in a workspace."""

    __tablename__ = "memberships"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    role: Mapped[Role] = mapped_column(Enum(Role, name="member_role"))

    __table_args__ = (*Owned.owned_args(), UniqueConstraint("workspace_id", "user_id"))


class ApiKey(Owned, Base):
    """A secret that a program acts with; only its hash is kept."""

    __tablename__ = "api_keys"

    name: Mapped[str] = mapped_column(String(200))
    prefix: Mapped[str] = mapped_column(String(16), unique=True)
    """The public part of the key, by which it is found."""
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary)
    """SHA-256 of the secret part, which is random and long: nothing slower is needed."""
    last_used_at: Mapped[datetime | None]
    """To the minute."""
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    __table_args__ = (
        *Owned.owned_args(),
        CheckConstraint("length(secret_hash) = 32", name="sha256"),
    )
