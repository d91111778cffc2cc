"""What every migration says about who may see and change a table, in one line per table.

    make_roles(op)                              once, in the first one
    grant(op, "select", "workers", APP)         a table that belongs to no workspace
    protect(op, "clips")                        rows of the current workspace only; the app may do everything with them
    protect(op, "ad_metrics", "select, insert") likewise, but only added to
    open_to_machinery(op, "jobs", "select, insert, update")   the machinery sees every workspace's rows as well
    seal(op, "ledger_events")                   no row is ever changed or removed, not even by the owner

A migration that has been released relies on these: add to this module, don't change what it does.
"""

from __future__ import annotations

from alembic.operations import Operations

from stakazo.core.db import CURRENT_WORKSPACE
from stakazo.core.postgres import APP, SYSTEM

EVERYTHING = "select, insert, update, delete"


def make_roles(op: Operations) -> None:
    """Make the app's and the machinery's roles, unless another Stakazo on this server, or its keeper, has already.

    Roles belong to the whole server. Here the app's role can't log in: it is what the owner's connection becomes,
    until someone gives it a password.
    """
    op.execute(f"""
        do $$ declare may text := case when current_setting('server_version_num')::int < 160000 then 'member' else 'set' end;
        begin
            if not exists (select from pg_roles where rolname = '{SYSTEM}') then create role {SYSTEM} nologin; end if;
            if not exists (select from pg_roles where rolname = '{APP}') then create role {APP} nologin noinherit; end if;
            if not pg_has_role('{APP}', '{SYSTEM}', may) then grant {SYSTEM} to {APP}; end if;
            if not pg_has_role(current_user, '{APP}', may) then execute format('grant {APP} to %I', current_user); end if;
            if not pg_has_role(current_user, '{SYSTEM}', may) then
                execute format('grant {SYSTEM} to %I', current_user);
            end if;
        exception
            when duplicate_object or unique_violation then null; -- another database's migration, at this moment
            when insufficient_privilege then
                raise exception 'the roles of Stakazo are missing, and % may not make them; as an administrator: '
                    'create role {SYSTEM} nologin; create role {APP} noinherit; grant {SYSTEM} to {APP}; '
                    'grant {APP}, {SYSTEM} to %', current_user, current_user;
        end $$
    """)
    op.execute(f"grant usage on schema public to {APP}, {SYSTEM}")


def grant(op: Operations, verbs: str, table: str, role: str) -> None:
    """Let a role do `verbs` with a table that belongs to no workspace."""
    op.execute(f"grant {verbs} on {table} to {role}")


def protect(op: Operations, table: str, verbs: str = EVERYTHING, *, column: str = "workspace_id") -> None:
    """Let the app do `verbs` with the rows of its workspace, and hide all others from everyone but superusers."""
    op.execute(f"alter table {table} enable row level security")
    op.execute(f"alter table {table} force row level security")
    op.execute(
        f"create policy one_workspace on {table} "
        f"using ({column} = {CURRENT_WORKSPACE}) with check ({column} = {CURRENT_WORKSPACE})"
    )
    op.execute(f"grant {verbs} on {table} to {APP}")


def open_to_machinery(op: Operations, table: str, verbs: str) -> None:
    """Let the machinery (the role `stakazo_system`) do `verbs` with every workspace's rows."""
    for verb in verbs.split(", "):
        test = {"insert": "with check (true)", "update": "using (true) with check (true)"}.get(verb, "using (true)")
        op.execute(f"create policy machinery_{verb} on {table} for {verb} to {SYSTEM} {test}")
    op.execute(f"grant {verbs} on {table} to {SYSTEM}")


def seal(op: Operations, table: str) -> None:
    """Refuse UPDATE, DELETE and TRUNCATE, also to the owner and to replication."""
    op.execute(
        f"create trigger append_only before update or delete or truncate on {table} "
        "for each statement execute function refuse_change()"
    )
    op.execute(f"alter table {table} enable always trigger append_only")
