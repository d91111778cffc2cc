"""Every endpoint names its permission, and keeps to it."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import isasyncgenfunction, iscoroutinefunction, isroutine
from typing import Annotated

import pytest
from fastapi import APIRouter
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from tests.api.committed import CONTRACT

from stakazo.accounts.roles import ROLES, Permission, Role
from stakazo.api.deps import DB, Access, access_of, declare_access, may, open_to_all
from stakazo.core.actor import Actor, new_id
from stakazo.core.errors import Forbidden
from stakazo.core.settings import Settings
from stakazo.main import create_app

OPEN = {
    "/health",
    "/docs",
    "/account",
    "/auth/register",
    "/auth/register/confirm",
    "/auth/login",
    "/auth/refresh",
    "/auth/logout",
    "/auth/password/forgot",
    "/auth/password/reset",
    "/auth/email/confirm",
    "/auth/oidc",
    "/auth/oidc/start",
    "/auth/oidc/callback",
    "/auth/oidc/second-factor",
    "/channels/callback",
    "/invitations/look",
    "/l/{slug}",
    "/l/{slug}/conversion",
    "/webhook/instagram",
    "/webhook/tiktok",
    "/webhook/youtube",
}
"""What anybody may ask for."""


def routes() -> list[APIRoute]:
    """Every endpoint of the application, as it is served."""
    return [route for route in create_app(Settings()).routes if isinstance(route, APIRoute)]


def test_every_endpoint_names_its_permission():
    assert len(routes()) >= 30
    public = {route.path for route in routes() if access_of(route).needs == "public"}
    assert {path for path in public if path.rpartition("/")[0] not in {"/docs", "/account"}} == OPEN


def called(dependant: Dependant) -> Iterator[object]:
    """What is called for a request, and for what that asks for."""
    yield dependant.call
    for dependency in dependant.dependencies:
        yield from called(dependency)


def test_no_request_waits_for_a_thread():
    """What isn't awaited is handed to a thread by the framework, which costs more than any of these do."""
    calls = {call for route in routes() for call in called(route.dependant)}
    plain = {call if isroutine(call) else type(call).__call__ for call in calls}
    assert [call for call in plain if not (iscoroutinefunction(call) or isasyncgenfunction(call))] == []


def test_no_connection_of_the_database_waits_for_a_store():
    """One that doesn't answer would soon have them all: who sends a file has no transaction open meanwhile."""
    sending = [route for route in routes() if 206 in route.responses]
    assert len(sending) >= 6
    transaction = DB.__metadata__[0].dependency  # type: ignore[attr-defined]
    assert [route.path for route in sending if transaction in called(route.dependant)] == []


def test_the_contract_says_what_each_endpoint_needs():
    for path, operations in CONTRACT["paths"].items():
        for operation in operations.values():
            expected = {"public"} if path in OPEN else {"person", *Permission}
            assert operation["x-permission"] in expected, path
            assert "403" in operation["responses"] or path in OPEN


def test_an_endpoint_without_a_permission_stops_the_application():
    router = APIRouter()

    @router.get("/forgotten")
    async def forgotten() -> None: ...

    with pytest.raises(LookupError, match="/forgotten must name one permission"):
        declare_access(router)


def test_an_endpoint_with_two_permissions_stops_the_application():
    router = APIRouter()

    @router.get("/torn")
    async def torn(_: Annotated[Actor, may(Permission.CLIPS_READ)], __: Annotated[None, open_to_all()]) -> None: ...

    with pytest.raises(LookupError, match="/torn must name one permission"):
        declare_access(router)


def test_who_lacks_the_permission_is_refused():
    access = Access(Permission.CLIPS_WRITE)
    viewer = Actor(new_id(), "user", "ann", permissions=ROLES[Role.VIEWER])
    with pytest.raises(Forbidden, match="clips:write"):
        access.check(viewer)
    editor = Actor(new_id(), "user", "bob", permissions=ROLES[Role.EDITOR])
    access.check(editor)
