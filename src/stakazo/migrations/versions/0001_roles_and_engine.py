"""Who there is: the roles; and the job engine's own tables."""

from __future__ import annotations

from alembic import op
from procrastinate.schema import SchemaManager

from stakazo.core.postgres import APP, SYSTEM
from stakazo.migrations.security import grant, make_roles

revision = "0001"
down_revision = None


def upgrade() -> None:
    make_roles()
    for role in (APP, SYSTEM):
        grant("select", "alembic_version", role)
    engine()


def engine() -> None:
    """Procrastinate's own tables, at the version that `pyproject.toml` pins."""
    # psycopg would take the percent signs in it for parameters, were it not given as bytes.
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    connection.execute(SchemaManager.get_schema().encode())
    for role in (APP, SYSTEM):
        for table in ("jobs", "events", "periodic_defers", "workers"):
            grant("select, insert, update, delete", f"procrastinate_{table}", role)
        op.execute(f"grant usage on all sequences in schema public to {role}")
