"""What every migration says about who may see and change a table, in one line per table.

    make_roles()                            once, in the first migration
    grant("select", "workers", APP)         a table that belongs to no workspace
    protect("clips")                        rows of the current workspace only; the app may do everything with them
    protect("ad_metrics", "select, insert") likewise, but only read and added to
    open_to_machinery("jobs", "select, insert, update")    the machinery also sees every workspace's rows
    show_machinery("webhook_deliveries", "due_at")         likewise, but only reads these columns
    expire("idempotency_keys")              the machinery removes rows whose time is up, and sees nothing else of them
    protect_person("sessions", EVERYTHING)  rows of people: only the machinery sees them, and for a person only theirs
    seal("ledger_events")                   no row is ever changed or removed, not even by the owner

Released migrations rely on these: add to this module, don't change what it does.
"""

from __future__ import annotations

from alembic import op

from stakazo.core.db import CURRENT_USER, CURRENT_WORKSPACE
from stakazo.core.postgres import APP, SYSTEM

EVERYTHING = "select, insert, update, delete"

_ROLES = """
    do $$
    declare
        -- Since 16 a role is joined in three ways: to administer it, to be like it, to become it. Here: to become it.
        new boolean := current_setting('server_version_num')::int >= 160000;
        become text := case when new then 'set' else 'member' end;
        how text := case when new then ' with inherit false, set true' else '' end;
    begin
        if not exists (select from pg_roles where rolname = '{system}') then
            create role {system} nologin;
        end if;
        if not exists (select from pg_roles where rolname = '{app}') then
            create role {app} nologin noinherit;
        end if;
        if not pg_has_role('{app}', '{system}', become) then
            execute 'grant {system} to {app}' || how;
        end if;
        if not pg_has_role(current_user, '{app}', become) then
            execute format('grant {app} to %I', current_user) || how;
        end if;
        if not pg_has_role(current_user, '{system}', become) then
            execute format('grant {system} to %I', current_user) || how;
        end if;
    exception when insufficient_privilege then
        raise exception 'the roles of Stakazo are missing, and % may not make them. As an administrator: '
            'create role {system} nologin; create role {app} nologin noinherit; grant {system} to {app}; '
            'grant {app}, {system} to %;', current_user, current_user;
    end $$
"""


def make_roles() -> None:
    """Make the app's and the machinery's roles, unless another Stakazo on this server, or its keeper, has already.

    Roles belong to the whole server. The app's role made here can't log in: it is what the owner's connection becomes
    until someone gives it a password of its own.
    """
    op.execute(_ROLES.format(app=APP, system=SYSTEM))
    op.execute(f"grant usage on schema public to {APP}, {SYSTEM}")


def grant(verbs: str, table: str, role: str) -> None:
    """Let a role do `verbs` with a table that belongs to no workspace."""
    op.execute(f"grant {verbs} on {table} to {role}")


def protect(table: str, verbs: str = EVERYTHING, *, column: str = "workspace_id") -> None:
    """Let the app do `verbs` with the rows of its workspace, and hide all others from everyone but superusers."""
    op.execute(f"alter table {table} enable row level security")
    op.execute(f"alter table {table} force row level security")
    op.execute(
        f"create policy one_workspace on {table} "
        f"using ({column} = {CURRENT_WORKSPACE}) with check ({column} = {CURRENT_WORKSPACE})"
    )
    op.execute(f"grant {verbs} on {table} to {APP}")


def open_to_machinery(table: str, verbs: str) -> None:
    """Let the machinery (the role `stakazo_system`) do `verbs` with every workspace's rows."""
    for verb in verbs.split(", "):
        rows = {"insert": "with check (true)", "update": "using (true) with check (true)"}.get(verb, "using (true)")
        op.execute(f"create policy machinery_{verb} on {table} for {verb} to {SYSTEM} {rows}")
    op.execute(f"grant {verbs} on {table} to {SYSTEM}")


def show_machinery(table: str, *columns: str) -> None:
    """Let the machinery read these columns of every workspace's rows: enough to find where something is to be done."""
    op.execute(f"create policy machinery_select on {table} for select to {SYSTEM} using (true)")
    op.execute(f"grant select ({', '.join(columns)}) on {table} to {SYSTEM}")


def expire(table: str) -> None:
    """Let the machinery remove every workspace's rows whose `expires_at` has passed; it can read nothing but that."""
    for verb in ("select", "delete"):
        op.execute(
            f"create policy machinery_{verb} on {table} for {verb} to {SYSTEM} using (expires_at <= clock_timestamp())"
        )
    op.execute(f"grant select (expires_at), delete on {table} to {SYSTEM}")


def protect_person(table: str, verbs: str = EVERYTHING, *, column: str = "user_id") -> None:
    """Let the machinery do `verbs` with the rows of the person it acts for, or, acting for nobody, with all of them."""
    op.execute(f"alter table {table} enable row level security")
    op.execute(f"alter table {table} force row level security")
    theirs = f"({CURRENT_USER} is null or {column} = {CURRENT_USER})"
    op.execute(f"create policy one_person on {table} to {SYSTEM} using ({theirs}) with check ({theirs})")
    op.execute(f"grant {verbs} on {table} to {SYSTEM}")


def seal(table: str) -> None:
    """Refuse UPDATE, DELETE and TRUNCATE, also to the owner and to replication."""
    op.execute(
        f"create trigger append_only before update or delete or truncate on {table} "
        "for each statement execute function refuse_change()"
    )
    op.execute(f"alter table {table} enable always trigger append_only")
