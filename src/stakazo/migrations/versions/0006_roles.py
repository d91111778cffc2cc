"""The roles that members have: an administrator is called a manager, and there are analysts."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute("alter type member_role rename value 'ADMIN' to 'MANAGER'")
    op.execute("alter type member_role add value 'ANALYST' after 'EDITOR'")
