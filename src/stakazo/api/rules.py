"""Rules: what drives the choice of clips and the rendering, version by version."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Response
from pydantic import BaseModel, ConfigDict, Field

from stakazo.accounts.roles import Permission
from stakazo.api.conditions import KNOWN, Editing, Reading
from stakazo.api.deps import DB, Cursor, DryRun, Limit, PageOut, may
from stakazo.api.errors import responses
from stakazo.api.routes import Router
from stakazo.core.actor import Actor
from stakazo.rules import service as rules
from stakazo.rules.models import PlatformRule
from stakazo.rules.states import RuleState

router = Router(prefix="/rules", tags=["rules"], responses=responses(401))


class RuleOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: UUID
    platform: str
    version: int
    state: RuleState
    rule: dict[str, Any] = Field(description="What it says: clips, crop, sound.")
    evidence: dict[str, Any] = Field(description="What it rests on.")
    proposed_by: str
    created_at: datetime
    activated_at: datetime | None
    retired_at: datetime | None


class RuleIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    platform: str = Field(max_length=40, pattern=r"^[a-z][a-z0-9_]*$", examples=["instagram"])
    rule: dict[str, Any] = Field(description="What should differ from the rule that holds now.")
    evidence: dict[str, Any] = Field(default={}, description="Why: whatever the proposal rests on.")


@router.get("", response_model=PageOut[RuleOut], responses=responses(422))
async def find(
    _: Annotated[Actor, may(Permission.RULES_READ)],
    db: DB,
    platform: str | None = None,
    state: RuleState | None = RuleState.ACTIVE,
    sort: Annotated[Literal["newest", "oldest"], Query()] = "newest",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Any:
    """The active rules; other states by `state`."""
    return await rules.find(db, platform=platform, state=state, sort=sort, cursor=cursor, limit=limit)


@router.post(
    "",
    status_code=201,
    response_model=RuleOut,
    responses=responses(409, 422, also={200: {"model": RuleOut, "description": "The same proposal, made before."}}),
)
async def propose(
    _: Annotated[Actor, may(Permission.RULES_PROPOSE)],
    db: DB,
    wanted: RuleIn,
    response: Response,
    _dry_run: DryRun,
) -> PlatformRule:
    """Propose a version: what it doesn't say stays as it is now. It drives nothing until it is activated.

    The same rule on the same evidence is one proposal. A dry run answers with the whole rule as it would be, under an
    id that is not kept.
    """
    rule, created = await rules.propose(db, wanted.platform, wanted.rule, evidence=wanted.evidence)
    response.status_code = 201 if created else 200
    response.headers["Location"] = f"/rules/{rule.id}"
    return rule


@router.get("/{rule_id}", response_model=RuleOut, responses=responses(404, also=KNOWN))
async def get(
    _: Annotated[Actor, may(Permission.RULES_READ)], db: DB, rule_id: UUID, reading: Reading
) -> PlatformRule | Response:
    return reading.show(await rules.get(db, rule_id))


@router.post("/{rule_id}/activate", response_model=RuleOut, responses=responses(404, 409, 412, 422))
async def activate(
    _: Annotated[Actor, may(Permission.RULES_ACTIVATE)], db: DB, rule_id: UUID, editing: Editing
) -> PlatformRule:
    """Let this version hold from now on, also an earlier one; the one before is retired."""
    await rules.one_at_a_time(db)
    await editing.check(db, PlatformRule, rule_id)
    return editing.show(await rules.activate(db, rule_id))


@router.post("/{rule_id}/retire", response_model=RuleOut, responses=responses(404, 409, 412))
async def retire(
    _: Annotated[Actor, may(Permission.RULES_ACTIVATE)], db: DB, rule_id: UUID, editing: Editing
) -> PlatformRule:
    """Take a version out of use, or turn a proposal down."""
    await rules.one_at_a_time(db)
    await editing.check(db, PlatformRule, rule_id)
    return editing.show(await rules.retire(db, rule_id))
