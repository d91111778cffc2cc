"""A workspace with a row in every table."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import make_url

from stakazo.accounts.keys import new_key
from stakazo.accounts.models import (
    Credential,
    Identity,
    Invitation,
    Link,
    LinkKind,
    Membership,
    RecoveryCode,
    RefreshToken,
    Session,
    User,
)
from stakazo.accounts.roles import Role
from stakazo.ads.gathered import AudienceState
from stakazo.ads.models import AdAccount, AdAudience, AdAudienceBatch, AdCommitment, AdMetric, AdPolicy, Campaign
from stakazo.ads.states import CampaignState
from stakazo.clips.models import Clip
from stakazo.core.actor import Actor, new_id
from stakazo.core.db import Base, Database
from stakazo.core.postgres import Urls
from stakazo.idempotency.models import IdempotencyKey, PersonalIdempotencyKey
from stakazo.insights.hearing import ItemKind
from stakazo.insights.models import InboxItem, PlatformDelivery, PlatformEvent, PostMetric
from stakazo.jobs.models import Job
from stakazo.ledger import service as ledger
from stakazo.ledger.models import LedgerCheckpoint, LedgerEvent, LedgerPerson, LedgerSeal
from stakazo.links.models import LinkClick, LinkConversion, LinkSalt, SmartLink
from stakazo.notifications.models import (
    Lookout,
    Notification,
    NotificationRead,
    NotificationSettings,
    PushSubscription,
    WebhookDelivery,
    WebhookEndpoint,
)
from stakazo.notifications.notices import Urgency
from stakazo.platforms.base import Kind, Platform
from stakazo.platforms.crowds import Crowd
from stakazo.publishing.models import Channel, ChannelConsent, Publication, PublishingPolicy, VideoRights
from stakazo.publishing.states import PublicationState
from stakazo.rules.models import PlatformRule
from stakazo.variants.models import ClipVariant
from stakazo.videos.models import HeldRoom, Upload, VideoAsset, VideoImport


@pytest.fixture
def superuser_url(server: Any, urls: Urls) -> str:
    return server.superuser(make_url(urls.owner).database)


@pytest.fixture
def fill(database: Database):
    """Gives a workspace one row in every table, and says which, by table."""

    async def fill(actor: Actor) -> dict[str, UUID]:
        user = new_id()
        personal = await fill_person(user)
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
        channel = Channel(
            id=new_id(),
            platform=Platform.TIKTOK,
            external_id="a",
            name="Blue",
            sandbox=True,
            token=b"sealed",
            look_at=datetime.now(UTC),
        )
        consent = ChannelConsent(
            id=new_id(), platform=Platform.TIKTOK, live=False, author="user/ann", scopes=[], state_hash=b"",
            verifier=b"sealed", expires_at=datetime.now(UTC),
        )  # fmt: skip
        publication = Publication(
            id=new_id(),
            variant_id=variant.id,
            channel_id=channel.id,
            platform=Platform.TIKTOK,
            kind=Kind.VIDEO,
            state=PublicationState.SCHEDULED,
            intent_key="k",
            due_at=datetime.now(UTC),
            author="user/ann",
            job_id=job.id,
        )
        advertiser = AdAccount(
            id=new_id(),
            external_id="1",
            name="Blue",
            sandbox=True,
            token=b"sealed",
            currency="EUR",
            time_zone="Europe/Berlin",
            page_id="2",
        )
        campaign = Campaign(
            id=new_id(),
            variant_id=variant.id,
            account_id=advertiser.id,
            platform="meta",
            name="Blue",
            objective="views",
            state=CampaignState.PAUSED,
            total_budget=100,
            currency="EUR",
            planned_by="user/ann",
        )
        audience = AdAudience(
            id=new_id(), account_id=advertiser.id, name="Fans", crowd=Crowd.CUSTOMERS, state=AudienceState.MAKING,
            wanted={}, planned_by="user/ann", begun_at=datetime.now(UTC),
        )  # fmt: skip
        batch = AdAudienceBatch(id=new_id(), audience_id=audience.id, size=1, people=b"sealed")
        policy = AdPolicy(id=new_id(), limits={})
        commitment = AdCommitment(
            id=new_id(),
            campaign_id=campaign.id,
            currency="EUR",
            per_day=100,
            total=100,
            first_day=date(2026, 11, 22),
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
        seen = PostMetric(id=new_id(), publication_id=publication.id, sampled_at=datetime.now(UTC), views=1)
        news = PlatformEvent(
            id=new_id(), channel_id=channel.id, key="k", field="comments", value={}, said_at=datetime.now(UTC)
        )
        came = PlatformDelivery(id=new_id(), source="meta", sandbox=False, body=b"{}")
        item = InboxItem(
            id=new_id(),
            channel_id=channel.id,
            publication_id=publication.id,
            kind=ItemKind.COMMENT,
            external_id="c",
            author="bob",
            author_id="7",
            text="Nice",
            said_at=datetime.now(UTC),
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
        invitation = Invitation(
            id=new_id(), role=Role.VIEWER, token_hash=user.bytes * 2, invited_by=user, expires_at=datetime.now(UTC)
        )
        key = new_key(actor.workspace_id, "test", made_by=user).key
        rows: list[Base] = [
            video,
            rule,
            parent,
            clip,
            job,
            variant,
            channel,
            consent,
            publication,
            advertiser,
            campaign,
            audience,
            batch,
            policy,
            commitment,
            metric,
            seen,
            came,
            news,
            item,
            member,
            kept,
        ]
        rows.append(
            Upload(id=new_id(), length=1, filename="a", expires_at=datetime.now(UTC), video_id=video.id, created=True)
        )
        rows.append(HeldRoom(id=new_id(), size_bytes=1, expires_at=datetime.now(UTC)))
        rows.append(
            VideoImport(id=new_id(), address="https://a.example/b", url=b"sealed", video_id=video.id, job_id=job.id)
        )
        link = SmartLink(
            id=new_id(),
            slug=f"s{user.hex}",
            clip_id=clip.id,
            targets=[{"name": "spotify", "url": "https://open.spotify.com/"}],
            secret=b"sealed",
        )
        click = LinkClick(
            id=new_id(), link_id=link.id, target="spotify", source="tiktok", device="ios", bot=False, visitor=bytes(16)
        )
        rows += [link, click, LinkConversion(id=new_id(), link_id=link.id, click_id=click.id, kind="presave")]
        rows.append(LinkSalt(id=new_id(), day=date(2026, 11, 22), salt=bytes(32), expires_at=datetime.now(UTC)))
        rows += [PublishingPolicy(id=new_id()), VideoRights(id=new_id(), video_id=video.id)]
        rows += [invitation, key]
        async with database.transaction(actor) as session:
            for row in rows:
                session.add(row)
                await session.flush()
            await ledger.record(session, "video_uploaded", subject=("video", video.id))
            [event] = await ledger.recent(session)
            rows.append(event)
            for row in told_of(event, user):
                session.add(row)
                await session.flush()
                rows.append(row)
        rows += await seal(event) + personal
        return {"workspaces": actor.workspace_id, "users": user, **{row.__tablename__: row.id for row in rows}}

    def told_of(event: LedgerEvent, user: UUID) -> list[Base]:
        """Somebody's server that is told of it, and a person who is."""
        endpoint = WebhookEndpoint(
            id=new_id(), url="https://hooks.example.com/", events=["*"], secret=b"sealed", position=0
        )
        said = {"type": "video.uploaded", "due_at": datetime.now(UTC)}
        notification = Notification(
            id=new_id(),
            event_id=event.id,
            kind="job.processing_failed",
            urgency=Urgency.WARNING,
            title="A job failed",
            needs="jobs:read",
            subject_type="job",
            subject_id=new_id(),
            happened_at=datetime.now(UTC),
        )
        return [
            endpoint,
            WebhookDelivery(id=new_id(), endpoint_id=endpoint.id, event_id=event.id, **said),
            Lookout(id=new_id(), position=0),
            notification,
            NotificationRead(id=new_id(), notification_id=notification.id, user_id=user),
            NotificationSettings(id=new_id(), user_id=user, told_until=datetime.now(UTC)),
            PushSubscription(
                id=new_id(), user_id=user, receiver=b"sealed", fingerprint=bytes(32), service="push.example.com"
            ),
        ]

    async def fill_person(user: UUID) -> list[Base]:
        """Somebody, and a row in every table whose rows are people's: only the machinery may add them."""
        whose: dict[str, Any] = {"user_id": user}
        soon, proof = datetime.now(UTC) + timedelta(days=1), user.bytes * 2
        session_id = new_id()
        rows: list[Base] = [
            User(id=user, email=f"{user.hex}@example.org"),
            Credential(**whose, id=new_id()),
            RecoveryCode(**whose, id=new_id(), code_hash=proof),
            Session(**whose, id=session_id, expires_at=soon),
            RefreshToken(
                **whose, id=new_id(), session_id=session_id, token_hash=proof, salt=bytes(32), expires_at=soon
            ),
            Identity(**whose, id=new_id(), issuer="https://id.example.org", subject=user.hex),
            PersonalIdempotencyKey(
                **whose, id=new_id(), key="k", asked=bytes(32), status=200, headers=[], body=b"{}", expires_at=soon
            ),
            Link(
                **whose,
                id=new_id(),
                kind=LinkKind.EMAIL_CONFIRM,
                email="a@example.org",
                token_hash=proof,
                expires_at=soon,
            ),
        ]
        async with database.system_transaction() as session:
            for row in rows:
                session.add(row)
                await session.flush()
        return rows[1:]

    async def seal(event: LedgerEvent) -> list[Base]:
        """Its place and a checkpoint, and somebody's key: only the machinery may add them."""
        whose = {"workspace_id": event.workspace_id}
        seal = LedgerSeal(**whose, id=event.id, position=0, hashes=bytes(32))
        signed = LedgerCheckpoint(**whose, id=new_id(), size=1, root=bytes(32), key="k", note="n")
        person = LedgerPerson(**whose, id=new_id(), kind="user", person_id=new_id(), key=bytes(69))
        async with database.system_transaction() as session:
            session.add_all([seal, signed, person])
        return [seal, signed, person]

    return fill
