"""What is broken on purpose, to see that the walk notices: each policy of the database, each permission of the API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

import psycopg
from fastapi import FastAPI, Request
from fastapi.routing import APIRoute, iter_route_contexts

from stakazo.accounts.person import Person
from stakazo.api.deps import Access, CurrentActor, CurrentCaller, access_of
from stakazo.core.actor import Actor
from stakazo.core.postgres import SYSTEM, Urls
from stakazo.core.settings import Settings

_POLICIES = """
    select tablename, policyname, cmd, roles::text[], qual, with_check from pg_policies
    where schemaname = 'public' order by tablename, policyname
"""


def settings(urls: Urls, data_dir: Path) -> Settings:
    """Of an installation that lets the walk ask as often as it likes, and keeps nothing from it."""
    often = "1000000/minute"
    limits: dict[str, Any] = {
        f"limit_{kind}": often for kind in ("stranger", "login", "failed_login", "upload", "read", "write", "spend")
    }
    return Settings(
        _env_file=None,
        data_dir=data_dir,
        database_url=urls.owner,
        app_database_url=urls.app,
        database_pool_size=4,
        password_memory_kib=8,
        password_passes=1,
        DEBUG_ENDPOINTS_ENABLED=True,
        allowed_networks="127.0.0.1",
        min_free_bytes=1,
        media_workers=1,
        **limits,
    )


@dataclass(frozen=True)
class PolicyMutant:
    """One policy, broken in one way."""

    table: str
    policy: str
    how: str
    """`dropped`, `opened` to all rows, or `shared`: opened to all rows and given to everybody."""
    statement: str
    undone: str


def policies(connection: psycopg.Connection[Any]) -> list[PolicyMutant]:
    """Every policy there is, broken in every way that makes it another one."""
    found = []
    for table, policy, verb, roles, using, check in connection.execute(_POLICIES).fetchall():
        said = (f" using ({using})" if using else "") + (f" with check ({check})" if check else "")
        whom = ", ".join(roles)
        again = f"alter policy {policy} on {table} to {whom}{said}"
        free = said.replace(f"({using})", "(true)") if using else said
        free = free.replace(f"with check ({check})", "with check (true)") if check else free
        make = f"create policy {policy} on {table} for {verb} to {whom}{said}"
        found.append(PolicyMutant(table, policy, "dropped", f"drop policy {policy} on {table}", make))
        if free != said:
            found.append(PolicyMutant(table, policy, "opened", f"alter policy {policy} on {table}{free}", again))
        if roles == [SYSTEM]:
            shared = f"alter policy {policy} on {table} to public{free}"
            found.append(PolicyMutant(table, policy, "shared", shared, again))
    return found


def accesses(app: FastAPI) -> Iterator[Access]:
    """What each endpoint asks for, as the application holds it: an included router's are its own."""
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, APIRoute):
            yield access_of(cast(APIRoute, context))


@contextmanager
def without_permission(app: FastAPI, operation: str) -> Iterator[None]:
    """Nobody who asks for this operation is asked what they may."""
    for access in accesses(app):
        app.dependency_overrides[access.allow] = _unasked(access, operation)
    yield
    app.dependency_overrides.clear()


def _unasked(access: Access, operation: str) -> Callable[..., Any]:
    async def allow(request: Request, actor: CurrentActor) -> Actor:
        asked = f"{request.method} {request.scope['route'].path}"
        return actor if asked == operation else await access.allow(request, actor)

    return allow


@contextmanager
def taken_for(app: FastAPI, person: Person) -> Iterator[None]:
    """Whoever asks counts as this one."""
    app.dependency_overrides[get_args(CurrentCaller)[1].dependency] = lambda: person
    yield
    app.dependency_overrides.clear()
