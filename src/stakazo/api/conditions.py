"""Conditional requests (RFC 9110, 13): who has a row as it is isn't sent it again, who edits an old one is refused.

A row's tag is the moment of its last change. It names the row's version, not the bytes sent: the same row compressed
has the same tag. What is shown of several rows, like a member, has the hash of what is shown.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import Depends, Header, Response
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.api.errors import Responses
from stakazo.core.db import Base
from stakazo.core.errors import StakazoError

R = TypeVar("R", bound="Base | BaseModel")

KNOWN: Responses = {304: {"description": "The asker has it already (If-None-Match)"}}


class Outdated(StakazoError):
    """Somebody else has changed it since."""

    status, code = 412, "precondition_failed"


def etag(shown: Base | BaseModel) -> str:
    """The tag of a row as it is now, or of what is shown of several."""
    if isinstance(shown, BaseModel):
        return f'"{hashlib.sha256(shown.model_dump_json().encode()).hexdigest()[:16]}"'
    return f'"{round(shown.updated_at.timestamp() * 1_000_000):x}"'


def names(header: str, tag: str) -> bool:
    """Whether an If-Match or If-None-Match header names this tag; weak ones count, since tags name versions."""
    given = {word.strip().removeprefix("W/") for word in header.split(",")}
    return tag in given or "*" in given


@dataclass(frozen=True, slots=True)
class _Reading:
    """For GET of one thing: `return reading.show(row)`."""

    response: Response
    known: str | None

    def show(self, row: R) -> R | Response:
        """The row with its tag, or 304."""
        headers = {"ETag": etag(row), "Cache-Control": "private, no-cache"}
        if self.known is not None and names(self.known, headers["ETag"]):
            return Response(status_code=304, headers=headers)
        self.response.headers.update(headers)
        return row


@dataclass(frozen=True, slots=True)
class _Editing:
    """For changes of one thing: `await editing.check(db, Clip, clip_id)` first, `return editing.show(clip)` last."""

    response: Response
    seen: str | None

    async def check(self, session: AsyncSession, model: type[Base], row_id: UUID, *, hold: bool = True) -> None:
        """Make sure that the row is as the asker has seen it, and stays so until the transaction ends.

        Args:
            session: The transaction of the change.
            model: The row's table.
            row_id: A row that isn't there is left to the verb that follows.
            hold: False where that verb locks other rows before this one.

        Raises:
            Outdated
        """
        if self.seen is None:
            return
        found = select(model).where(model.id == row_id).execution_options(populate_existing=True)
        row = (await session.scalars(found.with_for_update() if hold else found)).one_or_none()
        if row is not None:
            self.require(row)

    def require(self, shown: Base | BaseModel) -> None:
        """Make sure that this, which stays as it is until the transaction ends, is as the asker has seen it.

        Raises:
            Outdated
        """
        if self.seen is not None and not names(self.seen, etag(shown)):
            raise Outdated("This has been changed since you read it. Read it again, and decide anew.")

    def show(self, row: R) -> R:
        """The row with its new tag."""
        self.response.headers["ETag"] = etag(row)
        return row


async def _reading(
    response: Response,
    if_none_match: Annotated[str | None, Header(description="The `ETag` that the asker has.")] = None,
) -> _Reading:
    return _Reading(response, if_none_match)


async def _editing(
    response: Response,
    if_match: Annotated[str | None, Header(description="Only if it still has this `ETag`; else 412.")] = None,
) -> _Editing:
    return _Editing(response, if_match)


Reading = Annotated[_Reading, Depends(_reading)]
Editing = Annotated[_Editing, Depends(_editing)]
