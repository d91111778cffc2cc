"""What is on the stage: one of everything that people of a workspace make, and that is made for them."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from tests.api.isolation.stage import MP4, Filling
from tests.api.isolation.things import Thing, named, written

from stakazo.accounts.roles import Permission, Role
from stakazo.ads.gathered import AudienceState
from stakazo.ads.models import AdAccount, AdAudience, AdAudienceBatch, AdCommitment, AdMetric, AdPolicy, Campaign
from stakazo.ads.states import CampaignState
from stakazo.clips import service as clips
from stakazo.core.actor import new_id
from stakazo.core.db import Base
from stakazo.core.security import Keyring
from stakazo.idempotency.models import IdempotencyKey, PersonalIdempotencyKey
from stakazo.insights.hearing import ItemKind, ItemState
from stakazo.insights.models import InboxItem, PlatformDelivery, PlatformEvent, PostMetric
from stakazo.jobs.models import Job
from stakazo.jobs.states import JobState
from stakazo.ledger import service as ledger
from stakazo.links import following
from stakazo.links import service as smart_links
from stakazo.links.models import LinkClick, LinkConversion, LinkSalt, SmartLink
from stakazo.media.choice import Part, Pick, Score, Window
from stakazo.notifications import endpoints
from stakazo.notifications.models import (
    DeliveryState,
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
from stakazo.publishing import consents
from stakazo.publishing.channels import Given
from stakazo.publishing.models import Channel, ChannelConsent, Publication, PublishingPolicy, VideoRights
from stakazo.publishing.states import Approval, PublicationState
from stakazo.variants.models import ClipVariant, VariantState
from stakazo.videos import imports
from stakazo.videos import service as videos
from stakazo.videos.models import HeldRoom, Upload, VideoState

TUS = {"Tus-Resumable": "1.0.0"}


class Works(Filling):
    """Fills the workspace with what is made in it."""

    def videos(self) -> None:
        file = (f"{self.mark}.mp4", MP4 + self.mark.encode())
        said = {"title": f"Live {self.mark}", "dedup_key": f"first {self.mark}"}
        sent = self.ask("POST", "/upload", files={"file": file}, data=said)
        broken = self.ask("POST", "/upload", files={"file": ("b.mp4", MP4 + b"broken" + self.mark.encode())})
        for one in (sent, broken):
            self.ask("POST", f"/jobs/{one['job']['id']}/cancel")
        self.things |= {
            "video": named(sent["video"]["id"]),
            "dedup_key": written(said["dedup_key"]),
            "mark": written(self.mark),
            "old_job": named(sent["job"]["id"]),
            "correlation": named(sent["job"]["correlation_id"]),
        }
        key = self.keep("analyses", ".json", f'{{"notes": ["{self.mark}"]}}'.encode())

        async def look(session: AsyncSession) -> None:
            video = await videos.get(session, UUID(sent["video"]["id"]))
            video.state, video.duration, video.width, video.height = VideoState.READY, 60.0, 1280, 720
            video.info, video.analysis_key = {"notes": [self.mark]}, key
            why = {"code": "unreadable", "detail": f"It is broken {self.mark}.", "retryable": False}
            await videos.failed(session, UUID(broken["video"]["id"]), why)

        self.within(look)
        self.things["video_tag"] = written(self.http.get(f"/videos/{self.stage.real('video')}").headers["etag"])

    def clips(self) -> None:
        mark = self.mark
        pictures = [
            clips.Pictures(
                self.keep("thumbnails", ".jpg", b"\xff\xd8\xff" + mark.encode()),
                self.keep("filmstrips", ".jpg", b"\xff\xd8\xff" + mark.encode()),
            )
            for _ in range(2)
        ]
        picks = [
            Pick(
                Window(start, start + 8, f"bar {mark}", f"shot {mark}"),
                Score((Part("hook", 0.9, 2.0, f"the hook {mark}"),)),
                (f"the hook {mark}",),
                start + 1,
            )
            for start in (0.0, 20.0)
        ]

        async def propose(session: AsyncSession) -> list[UUID]:
            video = await videos.get(session, UUID(self.stage.real("video")))
            return [clip.id for clip in (await clips.propose(session, video, picks, None, pictures)).clips]

        self.things["clip"], self.things["other_clip"] = map(named, self.within(propose))
        self.things["clip_tag"] = written(self.http.get(f"/clips/{self.stage.real('clip')}").headers["etag"])

    def variants(self) -> None:
        wanted = {"recipes": ["tiktok", "instagram_reel"]}
        ordered = self.ask("POST", f"/clips/{self.stage.real('clip')}/variants", json=wanted)
        self.ask("POST", f"/jobs/{ordered['job']['id']}/cancel")
        ready, failed = (UUID(one["id"]) for one in ordered["variants"])
        key = self.keep("variants", ".mp4", MP4 + self.mark.encode())
        self.things["variant"] = named(ready)

        async def render(session: AsyncSession) -> None:
            one = await session.get_one(ClipVariant, ready)
            one.state, one.storage_key, one.sha256, one.size_bytes = VariantState.READY, key, "0" * 64, len(MP4)
            one.video_codec, one.audio_codec = f"h264 {self.mark}", f"aac {self.mark}"
            one.render = {"ffmpeg": {"arguments": [self.mark]}}
            other = await session.get_one(ClipVariant, failed)
            other.state, other.error = VariantState.FAILED, {"code": "render_failed", "detail": self.mark}

        self.within(render)

    def jobs(self) -> None:
        """One that failed and says why, begun by another."""
        mark, now = self.mark, datetime.now(UTC)

        async def fail(session: AsyncSession) -> UUID:
            job = Job(
                id=new_id(),
                type="propose_clips",
                queue="media",
                state=JobState.FAILED,
                parent_id=UUID(self.stage.real("old_job")),
                dedup_key=f"propose_clips:{mark}",
                correlation_id=UUID(self.stage.real("correlation")),
                payload={"video_id": self.stage.real("video"), "note": mark},
                stage=f"look {mark}",
                message=f"It looks {mark}",
                worker=f"{mark}:7",
                error={"code": "internal", "detail": f"It broke {mark}."},
                started_at=now,
                finished_at=now,
                attempt=1,
            )
            session.add(job)
            await session.flush()
            return job.id

        self.things["failed_job"] = named(self.within(fail))

    def arriving(self) -> None:
        """An import that waits, and uploads that have not come whole; of one the time is up."""
        mark = self.mark
        wanted = {"url": f"http://127.0.0.1:9/{mark}.mp4?secret", "title": mark, "dedup_key": f"import {mark}"}
        imported = self.ask("POST", "/imports", json=wanted)
        self.things |= {"import": named(imported["id"]), "job": named(imported["job"]["id"])}
        done = self.ask("POST", "/imports", json={"url": f"http://127.0.0.1:9/{mark}.mov"})
        self.ask("POST", f"/jobs/{done['job']['id']}/cancel")

        async def finish(session: AsyncSession) -> None:
            video = await videos.get(session, UUID(self.stage.real("video")))
            await imports.done(session, UUID(done["id"]), video, created=False)
            now = datetime.now(UTC)
            for until in (now + timedelta(hours=1), now):
                session.add(HeldRoom(id=new_id(), size_bytes=len(MP4), expires_at=until))

        self.within(finish)
        said = {"filename": f"{mark}.mp4", "title": f"Parts {mark}", "dedup_key": f"parts {mark}"}
        metadata = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in said.items())
        begun = {**TUS, "Upload-Length": "5000", "Upload-Metadata": metadata}
        places = [self.http.post("/uploads", headers=begun).headers["location"] for _ in range(3)]
        part = {**TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
        for place in places:
            self.ask("PATCH", place, headers=part, content=MP4 + mark.encode())
        first, second, late = (place.rpartition("/")[2] for place in places)
        arrived = len(MP4) + len(mark)
        self.things |= {"upload": named(first), "second_upload": named(second)}
        self.things["arrived"] = Thing(str(arrived), str(arrived + 1))
        self.expire(Upload.__tablename__, late)

    def rules(self) -> None:
        said = {"platform": "tiktok", "evidence": {"why": self.mark}}
        self.things["rule"] = named(
            self.ask("POST", "/rules", json={**said, "rule": {"render": {"loudness": -15}}})["id"]
        )

    def publishing(self) -> None:
        """Channels and publications, as workers would have left them."""
        variant = UUID(self.stage.real("variant"))

        async def publish(session: AsyncSession) -> None:
            for made in self._publications(variant):
                session.add(made)
                await session.flush()

        self.within(publish)

    def advertising(self) -> None:
        """Two ad accounts, what may be spent, a campaign in each of two states, and what one has brought."""

        async def advertise(session: AsyncSession) -> None:
            for made in self._campaigns():
                session.add(made)
                await session.flush()

        self.within(advertise)

    def _campaigns(self) -> Iterator[Base]:
        mark, keyring = self.mark, Keyring(self.site.settings)
        owner, variant = UUID(self.stage.real("workspace")), UUID(self.stage.real("variant"))
        page = f"{mark}{self.stage.real('channel')}"
        accounts, error = (new_id(), new_id()), {"code": "expired", "detail": mark}
        self.things["ad_account"], self.things["broken_ad_account"] = map(named, accounts)
        for row, trouble in zip(accounts, (None, error), strict=True):
            token = keyring.seal(f"sandbox-{mark}".encode(), "ad_accounts.token", owner=owner, row=row)
            yield AdAccount(
                id=row, external_id=f"{mark}{row}", name=f"Ads {mark}", sandbox=True, token=token, scopes=[mark],
                currency="EUR", time_zone="Europe/Berlin", page_id=page, instagram_id=mark, pixel_id=mark,
                error=trouble,
            )  # fmt: skip
        rule = {"name": mark, "action": "pause", "metric": "spend", "above": 100}
        yield AdPolicy(limits={"EUR": {"campaign": 10_000}}, rules=[rule], stopped_by=f"user/{mark}")
        decision = {"action": "revive", "rule": mark, "day": "2026-11-22", "undone": False, "refused": None}
        plan = {"objective": "OUTCOME_ENGAGEMENT", "goal": "THRUPLAY", "countries": ["US"], "text": mark}
        made = dict.fromkeys(
            ("video_id", "ad_set_id", "creative_id", "ad_id", "activated_by", "planned_by", "held_by"), mark
        )
        words = {"external_id": f"x{mark}", "changing": [mark], "review": {"issues": [mark]}, "decision": decision}
        for name, state, more in (
            ("campaign", CampaignState.PAUSED, words | made),
            ("failed_campaign", CampaignState.FAILED, {"error": error, "planned_by": mark}),
        ):
            row = new_id()
            self.things[name] = named(row)
            yield Campaign(
                id=row, variant_id=variant, publication_id=UUID(self.stage.real("posted")), account_id=accounts[0],
                platform="meta", name=f"{name} {mark}", objective=mark, state=state, total_budget=100, currency="EUR",
                ends_at=datetime(2030, 1, 1, tzinfo=UTC), plan=plan, before={"plan": plan}, **more,
            )  # fmt: skip
        yield from self._audiences(accounts[0])
        campaign, day = UUID(self.stage.real("campaign")), date(2026, 11, 22)
        yield AdCommitment(campaign_id=campaign, currency="EUR", per_day=1, total=1, first_day=day, last_day=day)
        counted = dict.fromkeys(("impressions", "clicks", "views", "spend"), 1)
        yield AdMetric(
            campaign_id=campaign, day=day, sampled_at=datetime.now(UTC), currency="EUR", raw={"said": mark}, **counted
        )

    def _audiences(self, account: UUID) -> Iterator[Base]:
        """One that is made and one that isn't, with a customer on the way."""
        mark, keyring = self.mark, Keyring(self.site.settings)
        seen = {"fitness": "ready", "says": mark, "lowest": 1000, "highest": 1200, "at": "2026-11-22T00:00:00+00:00"}
        error = {"code": "invalid", "detail": mark}
        for name, state, more in (
            ("audience", AudienceState.MADE, {"external_id": f"a{mark}", "seen": seen, "given": 1}),
            ("failed_audience", AudienceState.FAILED, {"error": error}),
        ):
            row = new_id()
            self.things[name] = named(row)
            yield AdAudience(
                id=row, account_id=account, name=f"{name} {mark}", crowd=Crowd.CUSTOMERS, state=state,
                wanted={"crowd": "customers", "origin": mark}, planned_by=mark, begun_at=datetime.now(UTC), **more,
            )  # fmt: skip
        batch, owner = new_id(), UUID(self.stage.real("workspace"))
        people = keyring.seal(mark.encode(), "ad_audience_batches.people", owner=owner, row=batch)
        yield AdAudienceBatch(id=batch, audience_id=UUID(self.stage.real("failed_audience")), size=1, people=people)

    def _publications(self, variant: UUID) -> Iterator[Base]:
        """Two channels, one of which must be connected again; what may be done, and who says so; a post in each way."""
        mark, keyring = self.mark, Keyring(self.site.settings)
        owner = UUID(self.stage.real("workspace"))
        yield PublishingPolicy(approval=Approval.ANYONE)
        yield VideoRights(video_id=UUID(self.stage.real("video")), artist=mark)
        channels = new_id(), new_id()
        self.things["channel"], self.things["broken_channel"] = map(named, channels)
        for row, error in zip(channels, (None, {"code": "expired", "detail": mark}), strict=True):
            told: dict[str, Any] = {"subscribed_at": datetime.now(UTC), "subscription_error": error}
            token = keyring.seal(f"sandbox-{mark}".encode(), "channels.token", owner=owner, row=row)
            yield Channel(
                id=row, platform=Platform.FACEBOOK, external_id=f"{mark}{row}", name=f"Page {mark}", sandbox=True,
                token=token, scopes=[mark, "pages_manage_posts"], error=error, allowance={"said": mark}, **told,
            )  # fmt: skip
        for look_at in (None, datetime.now(UTC)):  # the machinery sees the second one only
            row, gone = new_id(), {"disconnected_at": datetime.now(UTC), "look_at": look_at}
            yield Channel(
                id=row, platform=Platform.FACEBOOK, external_id=f"{mark}{row}", name=f"Page {mark}", sandbox=True,
                token=None, scopes=[mark], **gone,
            )  # fmt: skip
        why = {"code": "internal", "detail": f"It broke {mark}."}
        posted = {
            "external_id": f"x{mark}",
            "aliases": [f"1_x{mark}"],
            "url": f"https://facebook.example/{mark}",
            "handle_id": mark,
            "comment_error": why,
        }
        for name, state, more in (
            ("publication", PublicationState.AWAITING_APPROVAL, {}),
            ("draft", PublicationState.DRAFT, {}),
            ("failed_publication", PublicationState.FAILED, {"error": why, "comment_id": f"x{mark}"}),
            ("posted", PublicationState.PUBLISHED, {"published_at": datetime.now(UTC), "handle": b"sealed", **posted}),
        ):
            row = new_id()
            self.things[name] = named(row)
            yield Publication(
                id=row, variant_id=variant, channel_id=channels[0], platform=Platform.FACEBOOK, kind=Kind.VIDEO,
                state=state, intent_key=f"{row} {mark}", due_at=datetime(2030, 1, 1, tzinfo=UTC), caption=mark,
                first_comment=mark, details={"title": mark}, author=f"user/{mark}", approved_by=f"user/{mark}", **more,
            )  # fmt: skip
        yield from self._inbox(channels[0], row)
        yield PostMetric(publication_id=row, sampled_at=datetime.now(UTC), views=1, raw={"said": mark})

    def telling(self) -> None:
        """A webhook that was told something, and one that is told nothing any more."""
        mark, keyring, owner = self.mark, Keyring(self.site.settings), UUID(self.stage.real("workspace"))
        webhook, off, delivery = new_id(), new_id(), new_id()

        async def tell(session: AsyncSession) -> UUID:
            for row, why in ((webhook, None), (off, f"It took nothing. {mark}")):
                endpoint = WebhookEndpoint(
                    id=row,
                    url=f"https://hooks.example.com/{mark}",
                    description=mark,
                    events=[f"clip.x{mark}"],
                    secret=keyring.seal(mark.encode(), endpoints.SECRET, owner=owner, row=row),
                    position=0,
                    disabled_at=why and datetime.now(UTC),
                    disabled_why=why,
                )
                session.add(endpoint)
            await session.flush()
            event_id = (await ledger.recent(session, 1))[0].id
            now = datetime.now(UTC)
            said = {"type": f"clip.x{mark}", "answer": mark, "state": DeliveryState.DEAD, "due_at": now}
            session.add(WebhookDelivery(id=delivery, endpoint_id=webhook, event_id=event_id, **said))
            return event_id

        told = self.within(tell)
        self.things |= {"webhook": named(webhook), "delivery": named(delivery), "event_told": named(told)}

    def connecting(self) -> None:
        """A sign-in from which the browser is back, one that the platform refused, and one that nobody ended."""
        mark, owner = self.mark, self.stage.people[Role.OWNER].user_id
        keys, secret, ids = Keyring(self.site.settings), f"{mark}{'x' * 43}"[:43], [new_id(), new_id()]
        account = Given(Platform.TIKTOK, f"offered{mark}", f"Blue {mark}", f"sandbox-{mark}")

        async def connect(session: AsyncSession) -> str:
            for row, author in zip(ids, (f"user/{owner}", f"user/{mark}"), strict=True):
                session.add(
                    ChannelConsent(
                        id=row, platform=Platform.TIKTOK, live=False, author=author, scopes=[mark],
                        state_hash=consents._hash(secret), returned_at=datetime.now(UTC), verifier=mark.encode(),
                        error={"code": "permission", "detail": mark} if row is ids[1] else None,
                        expires_at=datetime(2030, 1, 1, tzinfo=UTC),
                    )
                )  # fmt: skip
            session.add(
                ChannelConsent(
                    id=new_id(), platform=Platform.TIKTOK, live=False, author=f"user/{mark}", scopes=[mark],
                    state_hash=consents._hash(secret), verifier=mark.encode(),
                    expires_at=datetime(2020, 1, 1, tzinfo=UTC),
                )
            )  # fmt: skip
            await session.flush()
            return await consents._keep(session, keys, ids[0], (mark,), [account])

        receipt = self.within(connect)
        workspace = UUID(self.stage.real("workspace"))
        self.things |= {
            "consent": named(ids[0]),
            "receipt": written(receipt),
            "offered": written(account.external_id),
            "state": written(f"{workspace.hex}{ids[0].hex}{secret}"),
        }

    def hearing(self) -> None:
        """What people hear of, one of them has read, and how they hear of it."""
        mark, owner, viewer = self.mark, self.stage.people[Role.OWNER], self.stage.people[Role.VIEWER]
        ids, now = [new_id(), new_id()], datetime.now(UTC)
        browser = new_id()

        async def hear(session: AsyncSession) -> None:
            events = await ledger.recent(session, 2)
            session.add(Lookout(position=0))
            for row, event, needs in zip(ids, events, (Permission.JOBS_READ, f"x{mark}"), strict=True):
                words = {
                    "title": mark,
                    "detail": mark,
                    "todo": mark,
                    "kind": f"job.x{mark}",
                    "subject_type": f"x{mark}",
                }
                session.add(
                    Notification(
                        id=row,
                        event_id=event.id,
                        urgency=Urgency.URGENT,
                        needs=needs,
                        subject_id=event.subject_id,
                        happened_at=now,
                        **words,
                    )
                )
            await session.flush()
            session.add(NotificationRead(notification_id=ids[1], user_id=viewer.user_id))
            for who, zone in ((owner, "UTC"), (viewer, f"Europe/{mark}")):
                said = {"time_zone": zone, "muted": [f"job.x{mark}"], "told_until": now}
                session.add(NotificationSettings(user_id=who.user_id, **said))
            session.add(
                PushSubscription(
                    id=browser,
                    user_id=owner.user_id,
                    receiver=b"sealed",
                    fingerprint=bytes(32),
                    service=mark,
                    name=mark,
                )
            )

        self.within(hear)
        self.things |= {"notification": named(ids[0]), "subscription": named(browser)}

    def links(self) -> None:
        """A link that was followed, and something that came of it."""
        mark, (link, click) = self.mark, (new_id(), new_id())
        target = {"name": f"t{mark}", "url": f"https://music.example/{mark}", "devices": []}
        keyring, owner = Keyring(self.site.settings), UUID(self.stage.real("workspace"))
        row = SmartLink(
            id=link,
            slug=f"s{mark}",
            title=mark,
            clip_id=UUID(self.stage.real("clip")),
            targets=[target],
            utm={"campaign": mark},
            conversions=True,
            secret=keyring.seal(mark.encode(), smart_links.SECRET, owner=owner, row=link),
        )
        came = {"target": f"t{mark}", "source": mark, "device": mark, "bot": False, "visitor": bytes(16)}

        async def follow(session: AsyncSession) -> str:
            for made in (
                row,
                LinkClick(id=click, link_id=link, **came),
                LinkConversion(link_id=link, click_id=click, kind=f"k{mark}", value=1, currency="EUR"),
                LinkSalt(day=date(2026, 11, 1), salt=bytes(32), expires_at=datetime(2026, 11, 3, tzinfo=UTC)),
                LinkSalt(day=date(2026, 11, 2), salt=bytes(32), expires_at=datetime(2036, 11, 4, tzinfo=UTC)),
            ):
                session.add(made)
                await session.flush()
            return following.signed(mark.encode(), click)

        proof = self.within(follow)
        self.things |= {"link": named(link), "slug": written(row.slug), "click": written(proof)}

    def _inbox(self, channel: UUID, publication: UUID) -> Iterator[Base]:
        """What a platform told, and three comments: two that wait, and one that was answered."""
        mark, now = self.mark, datetime.now(UTC)
        said = {"channel_id": channel, "said_at": now}
        yield PlatformDelivery(source="meta", sandbox=False, body=f'{{"object": "x{mark}", "entry": []}}'.encode())
        yield PlatformEvent(key=mark, field=mark, value={"text": mark}, read_at=now, came_to=mark, **said)
        waiting = new_id(), new_id()
        self.things["item"], self.things["done_item"] = map(named, waiting)
        answered = {"state": ItemState.DONE, "done_at": now, "done_by": f"user/{mark}", "replied_by": f"user/{mark}",
                    "reply": mark, "reply_id": mark, "error": {"code": mark, "detail": mark, "todo": mark}}  # fmt: skip
        for item, more in ((waiting[0], {}), (waiting[1], {}), (new_id(), answered)):
            yield InboxItem(
                id=item, publication_id=publication, kind=ItemKind.COMMENT, external_id=f"{item} {mark}", post_id=mark,
                parent_id=mark, author=f"bob {mark}", author_id=mark, text=mark,
                permalink=mark, **said, **more,
            )  # fmt: skip

    def answers(self) -> None:
        """A request that was answered under a key of its sender's, and one whose time is up."""
        for number in range(2):
            key, job = f"{number} {self.mark}", self.stage.real("old_job")
            self.ask("POST", f"/jobs/{job}/cancel", headers={"Idempotency-Key": key})
        self.things["idempotency_key"] = written(f"0 {self.mark}")
        found = text(f"select id::text from {IdempotencyKey.__tablename__} where key like '1 %'")

        async def second(session: AsyncSession) -> str:
            return str(await session.scalar(found))

        self.expire(IdempotencyKey.__tablename__, self.within(second))
        marked = "update {} set headers = headers || jsonb_build_array(array['x-note', :mark])"

        async def mark(session: AsyncSession) -> None:
            await session.execute(text(marked.format(IdempotencyKey.__tablename__)), {"mark": self.mark})
            await session.execute(text("set local role stakazo_system"))
            await session.execute(text(marked.format(PersonalIdempotencyKey.__tablename__)), {"mark": self.mark})

        self.within(mark)

    def ledger(self) -> None:
        owner = self.stage.people[Role.OWNER]
        self.things["person"] = Thing(f"user/{owner.user_id}", f"user/{new_id()}")

        said: dict[str, Any] = {"personal": {"email": owner.email}}

        async def tell(session: AsyncSession) -> None:
            await ledger.record(session, "user_noted", subject=("user", owner.user_id), note=self.mark, **said)

        self.within(tell)
        found = self.ask("GET", "/ledger/events", params={"subject": self.stage.real("video")})["items"]
        self.things |= {"event": named(found[-1]["id"]), "maker": named(found[-1]["actor_id"])}
