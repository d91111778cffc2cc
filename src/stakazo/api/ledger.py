"""The ledger: what happened, told and proven, to be read here and checked anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Response
from fastapi.responses import HTMLResponse, PlainTextResponse, StreamingResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_serializer
from sqlalchemy import select

from stakazo import erasure
from stakazo.accounts.models import ApiKey, User
from stakazo.accounts.roles import Permission
from stakazo.api.deps import DB, Cursor, Here, Limit, PageOut, may
from stakazo.api.errors import responses
from stakazo.api.routes import Router
from stakazo.core.actor import Actor
from stakazo.core.errors import Invalid
from stakazo.core.workspaces import Workspace
from stakazo.ledger import proofs, reading
from stakazo.ledger.envelope import encode
from stakazo.ledger.keys import KeyFolder
from stakazo.ledger.reading import Shown
from stakazo.report.statement_page import render_statement

router = Router(prefix="/ledger", tags=["ledger"], responses=responses(401))

Base64 = Annotated[str, Field(examples=["CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="])]


class EventOut(BaseModel):
    id: UUID
    position: int | None = Field(description="Its place in the ledger, from 0; null until it is sealed.")
    time: datetime
    event: str = Field(examples=["clip_accepted"])
    subject_type: str
    subject_id: UUID
    actor_kind: str
    actor_id: str
    correlation_id: UUID = Field(description="The same for everything that one request set in motion.")
    causation_id: UUID | None = Field(description="The job that acted, if one did.")
    data: dict[str, Any]
    personal: dict[str, Any] | None = Field(description="What it says of a person, or that this was erased.")

    @classmethod
    def of(cls, shown: Shown) -> EventOut:
        event = shown.event
        return cls(
            id=event.id,
            position=shown.position,
            time=event.time,
            event=event.event,
            subject_type=event.subject_type,
            subject_id=event.subject_id,
            actor_kind=event.actor_kind,
            actor_id=event.actor_id,
            correlation_id=event.correlation_id,
            causation_id=event.causation_id,
            data=dict(event.data),
            personal=shown.personal,
        )


class StepOut(BaseModel):
    id: UUID
    position: int | None
    time: datetime
    event: str
    subject_type: str
    subject_id: UUID
    says: str = Field(description="What happened, in words.")
    because: str = Field(description="Who or what made it happen.")
    cause: UUID | None = Field(description="The event that it follows from, where that is part of the story.")


class StoryOut(BaseModel):
    subject: str
    steps: list[StepOut] = Field(description="In order.")


class CheckpointOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    size: int = Field(description="How many events it covers.")
    root: bytes = Field(description="The Merkle tree's root, base64.", json_schema_extra={"format": "byte"})
    note: str = Field(description="As it is signed (C2SP tlog-checkpoint): keep it somewhere else.")
    created_at: datetime

    @field_serializer("root")
    def _text(self, root: bytes) -> str:
        return encode(root)


class ProofOut(BaseModel):
    event: UUID
    position: int
    canonical: Base64 = Field(description="The event's bytes: SHA-256 of a zero byte and these is the leaf.")
    proof: list[Base64] = Field(description="Inclusion proof of RFC 6962, leaf to root.")
    checkpoint: CheckpointOut


class ConsistencyOut(BaseModel):
    old: CheckpointOut
    new: CheckpointOut
    proof: list[Base64] = Field(description="Consistency proof of RFC 6962.")


class ErasureIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    person: str = Field(
        description="Whose data: a kind and an id.", examples=["user/01990000-0000-7000-8000-000000000000"]
    )


Reader = Annotated[Actor, may(Permission.LEDGER_READ)]
Exporter = Annotated[Actor, may(Permission.LEDGER_EXPORT)]


class Wanted(BaseModel):
    """Which events."""

    event: list[str] = Field(default=[], description="Names of events, any of them.")
    subject: str | None = Field(default=None, description="`clip/<id>`, or the id alone.")
    actor: str | None = Field(default=None, description="`user/<id>`, or the id alone.")
    correlation_id: UUID | None = Field(default=None, description="One thread.")
    since: AwareDatetime | None = Field(default=None, description="The earliest moment.")
    until: AwareDatetime | None = Field(default=None, description="The moment before which it was.")


class WantedPage(Wanted):
    sort: Literal["newest", "oldest"] = "newest"
    cursor: str | None = Field(default=None, description="`next_cursor` of the page before.")
    limit: int = Field(default=50, ge=1, le=200, description="How many at most.")


@router.get("/events", response_model=PageOut[EventOut], responses=responses(422))
async def events(_: Reader, db: DB, here: Here, wanted: Annotated[WantedPage, Query()]) -> Any:
    """What happened."""
    conditions = reading.asked(**wanted.model_dump(exclude={"sort", "cursor", "limit"}))
    found = await reading.find(db, conditions, wanted.cursor, wanted.limit, wanted.sort, keyring=here.keys)
    return {"items": [EventOut.of(shown) for shown in found.items], "next_cursor": found.next_cursor}


@router.get("/trace/{subject}", responses=responses(404, 422))
async def trace(_: Reader, db: DB, subject: UUID) -> StoryOut:
    """The life of a video, clip, variant ..., from the source and the rule to what became of it, as a story."""
    steps = await reading.life(db, str(subject), await _names(db))
    places = await reading.places_of(db, [step.event.id for step in steps])
    return StoryOut(
        subject=str(subject),
        steps=[
            StepOut(
                id=step.event.id,
                position=places.get(step.event.id),
                time=step.event.time,
                event=step.event.event,
                subject_type=step.event.subject_type,
                subject_id=step.event.subject_id,
                says=step.says,
                because=step.because,
                cause=step.cause,
            )
            for step in steps
        ],
    )


@router.get("/checkpoints", response_model=PageOut[CheckpointOut], responses=responses(422))
async def checkpoints(
    _: Reader,
    db: DB,
    key: Annotated[str | None, Query(description="Fingerprint of the key that signed.")] = None,
    sort: Annotated[Literal["newest", "oldest"], Query()] = "newest",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Any:
    """What has been signed. Keep the newest `note` where nobody of us can reach it."""
    return await proofs.checkpoints(db, key=key, sort=sort, cursor=cursor, limit=limit)


@router.get("/checkpoints/latest", response_class=PlainTextResponse, responses=responses(404))
async def latest(_: Reader, db: DB) -> str:
    """The newest checkpoint as a signed note, to be kept elsewhere."""
    return (await proofs.latest(db)).note


@router.get("/keys", response_class=PlainTextResponse, responses=responses(404))
async def keys(_: Reader, db: DB, here: Here) -> str:
    """The public keys that have signed this ledger, oldest first, one a line: what `stakazo ledger verify` needs."""
    return "".join(f"{key}\n" for key in await proofs.keys(db, KeyFolder(here.settings.ledger_key_dir)))


@router.get("/proof/{event_id}", responses=responses(404, 409, 422))
async def proof(_: Reader, db: DB, event_id: UUID) -> ProofOut:
    """That an event is in the ledger: its bytes, its place, and the way from there to a signed root."""
    found = await proofs.inclusion(db, event_id)
    return ProofOut(
        event=found.event.id,
        position=found.position,
        canonical=encode(found.event.canonical),
        proof=[encode(one) for one in found.proof],
        checkpoint=CheckpointOut.model_validate(found.checkpoint),
    )


@router.get("/consistency", responses=responses(404, 422))
async def consistency(
    _: Reader,
    db: DB,
    old: Annotated[int, Query(alias="from", ge=1, description="The smaller checkpoint's size.")],
    new: Annotated[int | None, Query(alias="to", ge=1, description="The greater one's; the newest without it.")] = None,
) -> ConsistencyOut:
    """That the ledger of a checkpoint begins with that of an earlier one: nothing in it was changed since."""
    found = await proofs.consistency(db, old, new)
    return ConsistencyOut(
        old=CheckpointOut.model_validate(found.old),
        new=CheckpointOut.model_validate(found.new),
        proof=[encode(one) for one in found.proof],
    )


@router.get(
    "/export",
    response_class=StreamingResponse,
    responses=responses(404, 422, also={200: {"content": {"application/jsonl": {"schema": {"type": "string"}}}}}),
)
async def export(actor: Exporter, db: DB, here: Here, wanted: Annotated[Wanted, Query()]) -> Response:
    """Everything that is sealed, as JSON Lines: CloudEvents with their bytes, seals and checkpoints.

    `stakazo ledger verify` checks it anywhere. With filters, only those events, each with its own proof.
    """
    conditions = reading.asked(**wanted.model_dump())
    await proofs.latest(db)  # what can be refused is refused before the answer begins

    async def lines() -> AsyncIterator[str]:
        async with here.db.transaction(actor) as session:
            async for line in proofs.export(session, conditions, keyring=here.keys):
                yield line

    headers = {"Content-Disposition": 'attachment; filename="ledger.jsonl"'}
    return StreamingResponse(lines(), media_type="application/jsonl", headers=headers)


@router.get(
    "/statement",
    response_class=Response,
    responses=responses(404, 422, also={200: {"content": {"text/html": {}, "application/pdf": {}}}}),
)
async def statement(
    actor: Reader,
    db: DB,
    video_id: Annotated[UUID | None, Query(description="Of this video; of all without it.")] = None,
    format: Annotated[Literal["html", "pdf"], Query()] = "html",  # noqa: A002 (its name in the contract)
) -> Response:
    """What was made of which video, who decided, and how it can be checked: to be sent to an artist."""
    workspace = await db.get_one(Workspace, actor.workspace_id)
    found = await reading.statement(db, workspace.name, await _names(db), video_id)
    if format == "html":
        return HTMLResponse(render_statement(found))
    from stakazo.report.pdf import statement_pdf  # noqa: PLC0415 - reportlab, for which no start of an API shall wait

    headers = {"Content-Disposition": 'inline; filename="statement.pdf"'}
    return Response(await asyncio.to_thread(statement_pdf, found), media_type="application/pdf", headers=headers)


async def _names(db: DB) -> dict[str, str]:
    """What the people and programs of the workspace are called."""
    people = await db.execute(select(User.id, User.name, User.email))
    names = {f"user/{user_id}": name or email for user_id, name, email in people}
    programs = await db.execute(select(ApiKey.id, ApiKey.name))
    return names | {f"api_key/{key_id}": f"the program with the key {name!r}" for key_id, name in programs}


@router.post("/erasures", status_code=204, responses=responses(404, 422))
async def erase(_: Annotated[Actor, may(Permission.LEDGER_ERASE)], db: DB, wanted: ErasureIn) -> None:
    """Make what the ledger says of a person, or of a thing, unreadable, for good. The events, and all proofs, stay.

    So do the errors of jobs about them, and what was notified of those, without their sentences. With a video goes
    what is said of its upload, its clips, their variants and the jobs about them.
    """
    kind, person_id = reading.parse_subject(wanted.person)
    if kind is None:
        raise Invalid("A person is a kind and an id, like user/01990000-....")
    await erasure.erase(db, kind, person_id)
