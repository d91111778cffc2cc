"""Of people: answers under an Idempotency-Key about their own affairs, and their keys in the ledger sealed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from stakazo.core.postgres import APP
from stakazo.migrations.security import grant, open_to_machinery, protect_person

revision = "0014"
down_revision = "0013"

TABLE = "personal_idempotency_keys"


def upgrade() -> None:
    personal_answers()
    sealed_keys()


def sealed_keys() -> None:
    """No version that writes any was released: a key that lies there open is refused by the constraint."""
    op.drop_constraint(op.f("ck_ledger_persons_key"), "ledger_persons", type_="check")
    op.create_check_constraint(op.f("ck_ledger_persons_key"), "ledger_persons", "length(key) > 32")
    grant("update", "ledger_persons", APP)  # for the rotation of what seals them
    open_to_machinery("ledger_persons", "delete")  # who deletes their account is forgotten everywhere


def personal_answers() -> None:
    now = sa.text("clock_timestamp()")
    op.create_table(
        TABLE,
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("asked", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("headers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.CheckConstraint("jsonb_typeof(headers) = 'array'", name=op.f(f"ck_{TABLE}_headers")),
        sa.CheckConstraint("length(asked) = 32", name=op.f(f"ck_{TABLE}_sha256")),
        sa.CheckConstraint("status between 200 and 499", name=op.f(f"ck_{TABLE}_status")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f(f"fk_{TABLE}_user_id_users"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{TABLE}")),
        sa.UniqueConstraint("user_id", "key", name=op.f(f"uq_{TABLE}_user_id_key")),
    )
    op.create_index(op.f(f"ix_{TABLE}_expires_at"), TABLE, ["expires_at"], unique=False)
    protect_person(TABLE)
