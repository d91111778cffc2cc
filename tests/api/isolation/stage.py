"""The stage of the walk: a workspace that is looked after, and another beside it; and how the first one is filled.

Every text that its people could write carries one word, the mark, which is nowhere else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from tests.api.isolation.things import Thing
from tests.api.serving import Site

from stakazo.core.actor import new_id
from stakazo.core.storage import DiskStorage

MP4 = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41" + b"\x00" * 500
FORMER = "a former member"


@dataclass(frozen=True, slots=True)
class Signed:
    """Somebody who is signed in."""

    user_id: UUID
    session_id: UUID
    workspace_id: UUID
    email: str
    password: str
    recovery: tuple[str, ...] = ()


@dataclass
class Stage:
    """Who and what there is."""

    mark: str
    workspace_id: UUID
    """The workspace that is looked after."""
    other_id: UUID
    """The other one."""
    things: dict[str, Thing] = field(default_factory=dict)
    people: dict[str, Signed] = field(default_factory=dict)
    """Of the workspace, by role; and one who was a member."""
    ended: Signed | None = None
    """The owner, in a session that has ended."""
    keys: dict[str, str] = field(default_factory=dict)
    """Of the workspace: what they are, and their tokens; `without <permission>` for each of them."""
    owner: Signed | None = None
    """Of the other workspace."""
    owner_key: str = ""

    def real(self, name: str) -> str:
        return self.things[name].real


def sure(answer: httpx.Response) -> Any:
    assert answer.is_success, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
    return answer.json() if answer.content else None


def join(http: httpx.Client, site: Site, role: str, email: str, password: str, name: str) -> Signed:
    link = sure(http.post("/invitations", json={"role": role}))["link"].partition("=")[2]
    said = {"email": email, "name": name, "password": password, "invitation": link}
    made = sure(http.post("/auth/register", json=said, headers={"Authorization": ""}))
    return Signed(UUID(made["user_id"]), UUID(made["session_id"]), site.workspace_id, email, password)


def access(http: httpx.Client, who: Signed) -> str:
    said = {"email": who.email, "password": who.password}
    return str(sure(http.post("/auth/login", json=said, headers={"Authorization": ""}))["access_token"])


class Filling:
    """Fills the workspace, resource by resource; each leaves the names of its things on the stage."""

    def __init__(self, stage: Stage, site: Site, http: httpx.Client) -> None:
        self.stage, self.site, self.http = stage, site, http
        self.things, self.mark = stage.things, stage.mark
        self.storage = DiskStorage(site.settings.storage_dir)

    def within(self, work: Callable[[AsyncSession], Awaitable[Any]]) -> Any:
        return self.site.within(work)

    def ask(self, method: str, path: str, **options: Any) -> Any:
        return sure(self.http.request(method, path, **options))

    def keep(self, kind: str, suffix: str, content: bytes) -> str:
        """A file of the workspace's own."""
        key = f"{self.site.workspace_id}/{kind}/{new_id()}{suffix}"
        temporary = self.storage.temporary()
        temporary.write_bytes(content)
        asyncio.run(self.storage.adopt(temporary, key))
        return key

    def expire(self, table: str, row_id: str) -> None:
        past = text(f"update {table} set expires_at = now() - interval '1 hour' where id = :id")

        async def expire(session: AsyncSession) -> None:
            await session.execute(past, {"id": row_id})

        self.within(expire)
