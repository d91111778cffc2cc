"""Rights: what may be published of a recording, and who must agree."""

from __future__ import annotations

from datetime import UTC
from typing import Annotated
from uuid import UUID

from fastapi import Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from stakazo.accounts.roles import Permission
from stakazo.api.conditions import KNOWN, Editing, Reading
from stakazo.api.deps import DB, may
from stakazo.api.errors import responses
from stakazo.api.routes import Router
from stakazo.core.actor import Actor
from stakazo.publishing import rights
from stakazo.publishing.preflight import ContentId, Rights
from stakazo.publishing.states import Approval
from stakazo.videos import service as videos

router = Router(tags=["rights"], responses=responses(401))


class RightsBody(BaseModel):
    """What may be done with a video's recording; what isn't said is allowed."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)
    isrc: str = Field(default="", max_length=15, examples=["DEA122600001"])
    artist: str = Field(default="", max_length=300)
    embargo_until: AwareDatetime | None = Field(default=None, description="Nothing of it is public before.")
    territories: list[str] | None = Field(
        default=None, max_length=300, description="Countries (ISO 3166-1) it may be published in; null: everywhere."
    )
    content_id: ContentId = Field(
        default=ContentId.NONE, description="What the rights holder's YouTube reference does with a copy."
    )


class PolicyBody(BaseModel):
    """What the workspace demands before something is published."""

    model_config = ConfigDict(extra="forbid")
    approval: Approval = Field(
        description="none: who writes may schedule. anyone: somebody who may approve. another: not its author."
    )


@router.get("/videos/{video_id}/rights", response_model=RightsBody, responses=responses(404, also=KNOWN))
async def get(
    _: Annotated[Actor, may(Permission.VIDEOS_READ)], db: DB, video_id: UUID, reading: Reading
) -> RightsBody | Response:
    await videos.get(db, video_id)
    return reading.show(_out(await rights.of_video(db, video_id)))


@router.put("/videos/{video_id}/rights", response_model=RightsBody, responses=responses(404, 412, 422))
async def say(
    _: Annotated[Actor, may(Permission.RIGHTS_WRITE)], db: DB, video_id: UUID, wanted: RightsBody, editing: Editing
) -> RightsBody:
    """Write down what may be published of a video. What is scheduled is checked against it when its time comes."""
    territories = None if wanted.territories is None else frozenset(wanted.territories)
    said = Rights(wanted.isrc, wanted.artist, wanted.embargo_until, territories, wanted.content_id)
    editing.require(_out(await rights.hold(db, video_id)))
    return editing.show(_out(await rights.say(db, video_id, said)))


@router.get("/publishing/policy", response_model=PolicyBody, responses=KNOWN)
async def policy(
    _: Annotated[Actor, may(Permission.PUBLICATIONS_READ)], db: DB, reading: Reading
) -> PolicyBody | Response:
    return reading.show(PolicyBody(approval=await rights.approval(db)))


@router.put("/publishing/policy", response_model=PolicyBody, responses=responses(412, 422))
async def demand(
    _: Annotated[Actor, may(Permission.RIGHTS_WRITE)], db: DB, wanted: PolicyBody, editing: Editing
) -> PolicyBody:
    """Who must agree before something is published; what is scheduled already stays so."""
    editing.require(PolicyBody(approval=(await rights.hold_policy(db)).approval))
    return editing.show(PolicyBody(approval=await rights.demand(db, wanted.approval)))


def _out(found: Rights) -> RightsBody:
    territories = None if found.territories is None else sorted(found.territories)
    return RightsBody(
        isrc=found.isrc,
        artist=found.artist,
        embargo_until=found.embargo_until.astimezone(UTC) if found.embargo_until else None,
        territories=territories,
        content_id=found.content_id,
    )
