"""What is broken on purpose, to see that the walk notices: each policy of the database, each permission of the API."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import psycopg
from fastapi import FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from stakazo.accounts.person import Person
from stakazo.api.deps import CurrentCaller, access_of
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


@contextmanager
def without_permission(app: FastAPI, operation: str) -> Iterator[None]:
    """Nobody who asks for this operation is asked what they may."""
    asked = {access_of(route).allow for route in app.routes if isinstance(route, APIRoute)}
    with replaced(app, {allow: _unasked(allow, operation) for allow in asked}):
        yield


def _unasked(ask: Callable[..., Any], operation: str) -> Callable[..., Any]:
    async def allow(request: Request, actor: Actor) -> Any:
        return actor if f"{request.method} {request.scope['route'].path}" == operation else await ask(request, actor)

    return allow


@contextmanager
def taken_for(app: FastAPI, person: Person) -> Iterator[None]:
    """Whoever asks counts as this one."""

    async def known(request: Request) -> Person:
        return person

    with replaced(app, {get_args(CurrentCaller)[1].dependency: known}):
        yield


@contextmanager
def replaced(app: FastAPI, calls: Mapping[Callable[..., Any], Callable[..., Any]]) -> Iterator[None]:
    """Whatever endpoints depend on, asked of another function with the same arguments."""
    found = [
        dependant
        for route in app.routes
        if isinstance(route, APIRoute)
        for dependant in _below(route.dependant)
        if dependant.call in calls
    ]
    before = [dependant.call for dependant in found]
    for dependant in found:
        assert dependant.call
        dependant.call = calls[dependant.call]
    yield
    for dependant, call in zip(found, before, strict=True):
        dependant.call = call


def _below(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for dependency in dependant.dependencies:
        yield from _below(dependency)
