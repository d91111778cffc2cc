"""Workspaces: what every row of the others belongs to."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from stakazo.core.db import Base


class Workspace(Base):
    """A label, an artist's team, an agency: everything else belongs to one."""

    __tablename__ = "workspaces"
    __table_args__ = (CheckConstraint("length(name) > 0", name="named"),)

    name: Mapped[str] = mapped_column(String(200))
    deleted_at: Mapped[datetime | None]
    """Nobody acts here any more; what is left is the ledger."""
