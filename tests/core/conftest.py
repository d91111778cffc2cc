"""A workspace with a row in every table."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import make_url

from stakazo.accounts import service as accounts
from stakazo.accounts.models import Membership
from stakazo.accounts.roles import Role
from stakazo.ads.models import AdMetric, Campaign
from stakazo.clips.models import Clip
from stakazo.core.actor import Actor, new_id
from stakazo.core.db import Base, Database
from stakazo.core.postgres import Urls, conninfo
from stakazo.idempotency.models import IdempotencyKey
from stakazo.jobs.models import Job
from stakazo.ledger import service as ledger
from stakazo.ledger.models import LedgerCheckpoint, LedgerEvent, LedgerPerson, LedgerSeal
from stakazo.publishing.models import Publication
from stakazo.rules.models import PlatformRule
from stakazo.variants.models import ClipVariant
from stakazo.videos.models import VideoAsset, VideoImport


@pytest.fixture
def superuser_url(server: Any, urls: Urls) -> str:
    return server.superuser(make_url(urls.owner).database)


@pytest.fixture
def fill(database: Database, superuser_url: str):
    """Gives a workspace one row in every table, and says which, by table."""

    async def fill(actor: Actor) -> dict[str, UUID]:
        user = new_id()  # the app can't make people yet
        with psycopg.connect(conninfo(superuser_url), autocommit=True) as connection:
            connection.execute("insert into users (id, email) values (%s, %s)", [user, f"{user.hex}@example.org"])
        video = VideoAsset(
            id=new_id(),
            title="Blue",
            filename="blue.mp4",
            storage_key="k",
            size_bytes=1,
            sha256="0" * 64,
            content_type="video/mp4",
        )
        rule = PlatformRule(id=new_id(), platform="tiktok", version=1, rule={}, proposed_by="test")
        clip = Clip(
            id=new_id(),
            video_id=video.id,
            rank=1,
            start=0,
            end=9,
            starts_on="bar",
            ends_on="shot",
            score=50,
            score_parts=[],
            reasons=[],
            rule_id=rule.id,
        )
        parent = Job(id=new_id(), type="cut_analysis", queue="media", correlation_id=new_id())
        job = Job(id=new_id(), type="propose_clips", queue="media", correlation_id=new_id(), parent_id=parent.id)
        variant = ClipVariant(id=new_id(), clip_id=clip.id, recipe="tiktok", platform="tiktok", job_id=job.id)
        publication = Publication(id=new_id(), variant_id=variant.id, platform="tiktok")
        campaign = Campaign(
            id=new_id(),
            variant_id=variant.id,
            platform="meta",
            name="Blue",
            objective="views",
            total_budget=100,
            currency="EUR",
        )
        metric = AdMetric(
            id=new_id(),
            campaign_id=campaign.id,
            day=date(2026, 11, 22),
            sampled_at=datetime.now(UTC),
            impressions=1,
            clicks=0,
            views=1,
            spend=3,
            currency="EUR",
        )
        member = Membership(id=new_id(), user_id=user, role=Role.OWNER)
        kept = IdempotencyKey(
            id=new_id(),
            actor="user:ann",
            key="k",
            asked=bytes(32),
            status=200,
            headers=[],
            body=b"{}",
            expires_at=datetime.now(UTC),
        )
        rows: list[Base] = [video, rule, parent, clip, job, variant, publication, campaign, metric, member, kept]
        rows.append(
            VideoImport(id=new_id(), address="https://a.example/b", url=b"sealed", video_id=video.id, job_id=job.id)
        )
        async with database.transaction(actor) as session:
            for row in rows:
                session.add(row)
                await session.flush()
            await ledger.record(session, "video_uploaded", subject=("video", video.id))
            key = await accounts.create_key(session, "test")
            [event] = await ledger.recent(session)
            rows += [key.key, event]
        rows += await seal(event)
        return {"workspaces": actor.workspace_id, "users": user, **{row.__tablename__: row.id for row in rows}}

    async def seal(event: LedgerEvent) -> list[Base]:
        """Its place and a checkpoint, and somebody's key: only the machinery may add them."""
        whose = {"workspace_id": event.workspace_id}
        seal = LedgerSeal(**whose, id=event.id, position=0, hashes=bytes(32))
        signed = LedgerCheckpoint(**whose, id=new_id(), size=1, root=bytes(32), key="k", note="n")
        person = LedgerPerson(**whose, id=new_id(), kind="user", person_id=new_id(), key=bytes(32))
        async with database.system_transaction() as session:
            session.add_all([seal, signed, person])
        return [seal, signed, person]

    return fill
