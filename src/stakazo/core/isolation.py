"""Whether the database really keeps workspaces apart: asked of its catalogue, not of our memory."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from stakazo.core.db import Database
from stakazo.core.errors import Unavailable
from stakazo.core.postgres import APP, SYSTEM

_OPEN_TABLES = """
    select c.relname, c.relrowsecurity, c.relforcerowsecurity, p.sound
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace and n.nspname = current_schema()
    join pg_attribute a on a.attrelid = c.oid and not a.attisdropped
        and a.attname = case c.relname when 'workspaces' then 'id' else 'workspace_id' end
    cross join lateral (
        select format(
            '(%I = (NULLIF(current_setting(''stakazo.workspace''::text, true), ''''::text))::uuid)', a.attname
        )
    ) rule(words)
    cross join lateral (
        -- one policy for everyone that lets only the current workspace's rows in and out, and none beside it that
        -- lets the app, or anyone who is not the machinery, have more
        select count(*) filter (
                where polcmd = '*' and polpermissive and 0 = any (polroles)
                and pg_get_expr(polqual, polrelid) = rule.words and pg_get_expr(polwithcheck, polrelid) = rule.words
            ) = 1
            and bool_and(not polpermissive or polname = 'one_workspace' or polroles = array[:system ::regrole::oid])
            as sound
        from pg_policy where polrelid = c.oid
    ) p
    where c.relkind in ('r', 'p')
      and not (c.relrowsecurity and c.relforcerowsecurity and coalesce(p.sound, false))
    order by c.relname
"""

_APP = """
    select r.rolsuper, r.rolbypassrls, pg_has_role(r.oid, :system, 'usage') as always_machinery,
        (select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = current_schema() and pg_has_role(r.oid, c.relowner, 'usage')) as owned
    from pg_roles r where r.rolname = current_user
"""


async def faults(connection: AsyncConnection) -> list[str]:
    """What lets one workspace see another's rows, in sentences; empty when nothing does. Asked as the app's role."""
    found = []
    role = (await connection.execute(text(_APP), {"system": SYSTEM})).one()
    if role.rolsuper or role.rolbypassrls:
        found.append("The app's role is not bound by row-level security: it is a superuser or has BYPASSRLS.")
    elif role.always_machinery:
        found.append(f"The app's role sees what the machinery sees: `alter role {APP} noinherit`, and grant again.")
    if role.owned:
        found.append(f"The app's role owns {role.owned} tables; an owner can switch row-level security off.")
    for table, enabled, forced, sound in await connection.execute(text(_OPEN_TABLES), {"system": SYSTEM}):
        why = (
            "row-level security is off"
            if not enabled
            else "row-level security is not forced on the owner"
            if not forced
            else "its policies let more in than the current workspace"
            if not sound
            else ""
        )
        found.append(f"The table {table} is open: {why}.")
    return found


async def require(db: Database) -> None:
    """Refuse to work on a database that doesn't keep workspaces apart. Raises Unavailable with what is wrong."""
    async with db.engine.connect() as connection:
        if found := await faults(connection):
            raise Unavailable("This database doesn't keep workspaces apart. " + " ".join(found))
