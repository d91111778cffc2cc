"""Whether the database really keeps workspaces and people apart: asked of its catalogue, not of our memory."""

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
    order by c.relname
"""

_OPEN_PERSONS = """
    select c.relname, c.relrowsecurity, c.relforcerowsecurity, p.sound,
        has_any_column_privilege(c.oid, 'insert, update') or has_table_privilege(c.oid, 'delete, truncate')
            or (c.relname <> 'users' and has_any_column_privilege(c.oid, 'select')) as reached
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace and n.nspname = current_schema()
    join pg_attribute a on a.attrelid = c.oid and not a.attisdropped
        and a.attname = case c.relname when 'users' then 'id' else 'user_id' end
    cross join lateral (
        select format('((%1$s IS NULL) OR (%2$I = %1$s))',
            '(NULLIF(current_setting(''stakazo.user''::text, true), ''''::text))::uuid', a.attname)
    ) rule(words)
    cross join lateral (
        -- none but the one for the machinery that, when it acts for a person, lets only theirs in and out, and the one
        -- by which members of a workspace see one another; without any nobody sees anything
        select coalesce(bool_and(not polpermissive or (
                polname = 'one_person' and polroles = array[:system ::regrole::oid]
                and pg_get_expr(polqual, polrelid) = rule.words and pg_get_expr(polwithcheck, polrelid) = rule.words
            ) or (
                c.relname = 'users' and polname = 'members' and polcmd = 'r'
                and regexp_replace(pg_get_expr(polqual, polrelid), '[[:space:]]+', ' ', 'g')
                    = '(EXISTS ( SELECT FROM memberships WHERE (memberships.user_id = users.id)))'
            )), true) as sound
        from pg_policy where polrelid = c.oid
    ) p
    where c.relkind in ('r', 'p') and not exists (
        select from pg_attribute w where w.attrelid = c.oid and w.attname = 'workspace_id' and not w.attisdropped
    )
    order by c.relname
"""

_NOBODYS = """
    select c.relname
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace and n.nspname = current_schema()
    where c.relkind in ('r', 'p')
      and (has_any_column_privilege(c.oid, 'select, insert, update') or has_table_privilege(c.oid, 'delete, truncate'))
      and c.relname not in ('alembic_version', 'workers', 'users', 'workspaces')
      and not starts_with(c.relname, 'procrastinate_')
      and not exists (
          select from pg_attribute w where w.attrelid = c.oid and w.attname in ('workspace_id', 'user_id')
      )
    order by c.relname
"""
"""Tables that belong to nobody and that the app reaches all the same; all may know the versions and the workers."""

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
        if why := _open(enabled, forced, sound, "the current workspace"):
            found.append(f"The table {table} is open: {why}.")
    for table, enabled, forced, sound, reached in await connection.execute(text(_OPEN_PERSONS), {"system": SYSTEM}):
        if why := _open(enabled, forced, sound, "the person that is acted for"):
            found.append(f"The table {table} is open: {why}.")
        elif reached:
            found.append(f"The table {table} is people's own, and the app's role reaches it.")
    reached_by_all = await connection.scalars(text(_NOBODYS))
    found += [f"The table {table} belongs to no workspace, and the app's role reaches it." for table in reached_by_all]
    return found


def _open(enabled: bool, forced: bool, sound: bool | None, whose: str) -> str:  # noqa: FBT001 - columns of a row
    if not enabled:
        return "row-level security is off"
    if not forced:
        return "row-level security is not forced on the owner"
    return "" if sound else f"its policies let more in than {whose}"


async def require(db: Database) -> None:
    """Refuse to work on a database that doesn't keep workspaces apart. Raises Unavailable with what is wrong."""
    async with db.engine.connect() as connection:
        if found := await faults(connection):
            raise Unavailable("This database doesn't keep workspaces apart. " + " ".join(found))
