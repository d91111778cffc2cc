"""People: how they sign in, what they are invited to, and keys that may do less than everything."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from stakazo.core.db import CURRENT_USER, CURRENT_WORKSPACE
from stakazo.core.postgres import APP, SYSTEM
from stakazo.migrations.security import EVERYTHING, grant, open_to_machinery, protect, protect_person

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("workspaces", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    users()
    memberships()
    invitations()
    api_keys()
    credentials()
    recovery_codes()
    sessions()
    refresh_tokens()
    identities()
    links()
    registrations()
    signing_keys()
    purge_workspace()


def users() -> None:
    op.add_column("users", sa.Column("email_confirmed_at", sa.DateTime(timezone=True), nullable=True))
    # Row-level security is on already, and lets members see one another.
    protect_person("users", EVERYTHING, column="id")


def memberships() -> None:
    theirs = f"({CURRENT_USER} is null or user_id = {CURRENT_USER})"
    op.execute(f"create policy one_person on memberships to {SYSTEM} using ({theirs}) with check ({theirs})")
    grant("select, insert, delete", "memberships", SYSTEM)


def invitations() -> None:
    role = postgresql.ENUM(name="member_role", create_type=False)
    op.create_table(
        "invitations",
        sa.Column("role", role, nullable=False),
        sa.Column("email", sa.String(length=320), nullable=True),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("invited_by", sa.Uuid(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("workspace_id", sa.Uuid(), server_default=sa.text(f"({CURRENT_WORKSPACE})"), nullable=False),
        *_row("invitations"),
        _sha256("invitations", "token_hash"),
        _of_user("invitations", "invited_by"),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_invitations_workspace_id_workspaces")
        ),
        sa.UniqueConstraint("token_hash", name=op.f("uq_invitations_token_hash")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_invitations_workspace_id_id")),
    )
    op.create_index(op.f("ix_invitations_invited_by"), "invitations", ["invited_by"])
    protect("invitations", "select, insert, update")
    open_to_machinery("invitations", "select, insert, update")


def api_keys() -> None:
    op.add_column("api_keys", sa.Column("made_by", sa.Uuid(), nullable=True))
    op.add_column("api_keys", sa.Column("permissions", postgresql.ARRAY(sa.Text()), nullable=True))
    op.add_column("api_keys", sa.Column("addresses", postgresql.ARRAY(sa.Text()), nullable=True))
    op.create_foreign_key(
        op.f("fk_api_keys_made_by_users"), "api_keys", "users", ["made_by"], ["id"], ondelete="CASCADE"
    )
    op.create_index(op.f("ix_api_keys_made_by"), "api_keys", ["made_by"])


def credentials() -> None:
    op.create_table(
        "credentials",
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("totp_secret", sa.LargeBinary(), nullable=True),
        sa.Column("totp_confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("totp_step", sa.BigInteger(), nullable=True),
        *_personal("credentials"),
        sa.UniqueConstraint("user_id", name=op.f("uq_credentials_user_id")),
    )
    _protect_person("credentials")


def recovery_codes() -> None:
    op.create_table(
        "recovery_codes",
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        *_personal("recovery_codes"),
        _sha256("recovery_codes", "code_hash"),
        sa.UniqueConstraint("user_id", "code_hash", name=op.f("uq_recovery_codes_user_id_code_hash")),
    )
    _protect_person("recovery_codes")


def sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("acting_in", sa.Uuid(), nullable=True),
        sa.Column("address", sa.String(length=45), server_default="", nullable=False),
        sa.Column("agent", sa.String(length=300), server_default="", nullable=False),
        sa.Column(
            "last_used_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.String(length=40), nullable=True),
        *_personal("sessions"),
        sa.ForeignKeyConstraint(
            ["acting_in"], ["workspaces.id"], name=op.f("fk_sessions_acting_in_workspaces"), ondelete="SET NULL"
        ),
        sa.UniqueConstraint("user_id", "id", name=op.f("uq_sessions_user_id_id")),
    )
    _protect_person("sessions")


def refresh_tokens() -> None:
    op.create_table(
        "refresh_tokens",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        *_personal("refresh_tokens"),
        _sha256("refresh_tokens", "token_hash"),
        sa.ForeignKeyConstraint(
            ["user_id", "session_id"],
            ["sessions.user_id", "sessions.id"],
            name=op.f("fk_refresh_tokens_user_id_session_id_sessions"),
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("token_hash", name=op.f("uq_refresh_tokens_token_hash")),
    )
    op.create_index(op.f("ix_refresh_tokens_user_id_session_id"), "refresh_tokens", ["user_id", "session_id"])
    _protect_person("refresh_tokens")


def identities() -> None:
    op.create_table(
        "identities",
        sa.Column("issuer", sa.String(length=300), nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=False),
        *_personal("identities"),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_identities_issuer_subject")),
    )
    _protect_person("identities")


def links() -> None:
    op.create_table(
        "links",
        sa.Column("kind", sa.Enum("PASSWORD_RESET", "EMAIL_CHANGE", "EMAIL_CONFIRM", name="link_kind"), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        *_personal("links"),
        _sha256("links", "token_hash"),
        sa.UniqueConstraint("token_hash", name=op.f("uq_links_token_hash")),
    )
    _protect_person("links")


def registrations() -> None:
    op.create_table(
        "registrations",
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        *_row("registrations"),
        _sha256("registrations", "token_hash"),
        sa.UniqueConstraint("token_hash", name=op.f("uq_registrations_token_hash")),
    )
    grant("select, insert, delete", "registrations", SYSTEM)


def signing_keys() -> None:
    op.create_table(
        "signing_keys",
        sa.Column("private_key", sa.LargeBinary(), nullable=False),
        sa.Column("retires_at", sa.DateTime(timezone=True), nullable=True),
        *_row("signing_keys"),
    )
    grant(EVERYTHING, "signing_keys", SYSTEM)


def purge_workspace() -> None:
    """As the owner, since some rows are otherwise only added to; and only for a workspace that was deleted.

    Row-level security is forced on the owner too, so no other workspace's rows can be meant. Sealed tables stay.
    """
    op.execute(
        f"""
        create function purge_workspace() returns void language plpgsql security definer
        set search_path = pg_catalog, public, pg_temp as $$
        declare
            here uuid := {CURRENT_WORKSPACE};
            waiting regclass[];
            left_over regclass[];
            doomed regclass;
        begin
            if not exists (select from public.workspaces where id = here and deleted_at is not null) then
                raise exception 'this workspace is not deleted' using errcode = 'insufficient_privilege';
            end if;
            select array_agg(c.oid::regclass) into waiting
            from pg_class c
            join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'public'
            join pg_attribute a on a.attrelid = c.oid and a.attname = 'workspace_id' and not a.attisdropped
            where c.relkind = 'r'
              and not exists (select from pg_trigger t where t.tgrelid = c.oid and t.tgname = 'append_only');
            loop
                left_over := '{{}}';
                foreach doomed in array waiting loop
                    begin
                        execute format('delete from %s where workspace_id = $1', doomed) using here;
                    exception when foreign_key_violation then
                        left_over := left_over || doomed;  -- its rows are pointed at: after those that do
                    end;
                end loop;
                exit when left_over = '{{}}';
                if left_over = waiting then
                    raise exception 'rows of % point at one another', left_over;
                end if;
                waiting := left_over;
            end loop;
        end $$
        """
    )
    op.execute("revoke all on function purge_workspace() from public")
    op.execute(f"grant execute on function purge_workspace() to {APP}")


def _row(table: str) -> list[Any]:
    """What every table has."""
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        *(
            sa.Column(name, sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False)
            for name in ("created_at", "updated_at")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    ]


def _personal(table: str) -> list[Any]:
    """What every table has whose rows belong to people."""
    return [sa.Column("user_id", sa.Uuid(), nullable=False), *_row(table), _of_user(table, "user_id")]


def _protect_person(table: str) -> None:
    op.create_index(op.f(f"ix_{table}_user_id"), table, ["user_id"])
    protect_person(table)


def _of_user(table: str, column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], ["users.id"], name=op.f(f"fk_{table}_{column}_users"), ondelete="CASCADE")


def _sha256(table: str, column: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(f"length({column}) = 32", name=op.f(f"ck_{table}_sha256"))
