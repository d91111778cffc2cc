"""A workspace that has advertised, or published, can be deleted too."""

from __future__ import annotations

from alembic import op

from stakazo.core.db import CURRENT_WORKSPACE

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """As in 0011, but what was measured goes too, though it is otherwise only added to; nothing but the ledger stays.

    Since PostgreSQL 18 a row that is pointed at with RESTRICT is refused under another name.
    """
    op.execute(
        f"""
        create or replace function purge_workspace() returns void language plpgsql security definer
        set search_path = pg_catalog, public, pg_temp as $$
        declare
            here uuid := {CURRENT_WORKSPACE};
            waiting regclass[];
            measured regclass[];
            left_over regclass[];
            doomed regclass;
        begin
            if not exists (select from public.workspaces where id = here and deleted_at is not null) then
                raise exception 'this workspace is not deleted' using errcode = 'insufficient_privilege';
            end if;
            select coalesce(array_agg(c.oid::regclass) filter (where t.sealed and not t.ledger), '{{}}'),
                array_agg(c.oid::regclass) filter (where not (t.sealed and t.ledger))
            into measured, waiting
            from pg_class c
            join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'public'
            join pg_attribute a on a.attrelid = c.oid and a.attname = 'workspace_id' and not a.attisdropped
            cross join lateral (
                select starts_with(c.relname, 'ledger_') as ledger,
                    exists (select from pg_trigger where tgrelid = c.oid and tgname = 'append_only') as sealed
            ) t
            where c.relkind = 'r';
            foreach doomed in array measured loop
                execute format('alter table %s disable trigger append_only', doomed);
            end loop;
            loop
                left_over := '{{}}';
                foreach doomed in array waiting loop
                    begin
                        execute format('delete from %s where workspace_id = $1', doomed) using here;
                    exception when foreign_key_violation or restrict_violation then
                        left_over := left_over || doomed;  -- its rows are pointed at: after those that do
                    end;
                end loop;
                exit when left_over = '{{}}';
                if left_over = waiting then
                    raise exception 'rows of % point at one another', left_over;
                end if;
                waiting := left_over;
            end loop;
            foreach doomed in array measured loop
                execute format('alter table %s enable always trigger append_only', doomed);
            end loop;
        end $$
        """
    )
