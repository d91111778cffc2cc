"""An installation with a row in every table, in two workspaces, and empty places to restore it to."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import make_url

from stakazo.accounts import models as accounts
from stakazo.accounts.roles import Role
from stakazo.ads.models import AdAccount, AdMetric, AdPolicy, Campaign
from stakazo.ads.states import CampaignState
from stakazo.backup import archive, restoring, taking
from stakazo.backup.verifying import Finding
from stakazo.clips.models import Clip
from stakazo.core.actor import Actor, new_id
from stakazo.core.db import Database
from stakazo.core.postgres import Urls, conninfo
from stakazo.core.security import Keyring
from stakazo.core.settings import Settings
from stakazo.core.storage import DiskStorage
from stakazo.idempotency.models import IdempotencyKey
from stakazo.insights.hearing import ItemKind
from stakazo.insights.models import InboxItem, PlatformEvent, PostMetric
from stakazo.jobs.models import Job
from stakazo.jobs.states import JobState
from stakazo.ledger import service as ledger
from stakazo.ledger.checkpoint import Note
from stakazo.ledger.keys import KeyFolder
from stakazo.ledger.outlets import CheckpointFile
from stakazo.ledger.sealer import Sealer
from stakazo.platforms.base import Kind, Platform
from stakazo.publishing.models import Channel, ChannelConsent, Publication, PublishingPolicy, VideoRights
from stakazo.publishing.states import PublicationState
from stakazo.rules.models import PlatformRule
from stakazo.variants.models import ClipVariant, VariantState
from stakazo.videos import imports
from stakazo.videos.models import Upload, VideoAsset

SOON = timedelta(hours=1)


@dataclass
class Installation:
    """One Stakazo: its settings, its database, and everything a superuser sees in it."""

    settings: Settings
    urls: Urls
    superuser: str

    def rows(self, statement: str, *values: Any) -> list[Any]:
        with psycopg.connect(conninfo(self.superuser)) as connection:
            return connection.execute(statement, values).fetchall()

    def change(self, statement: str, *values: Any) -> None:
        """As somebody with every right, past every guard rail."""
        with psycopg.connect(conninfo(self.superuser)) as connection:
            connection.execute("set session_replication_role = replica")
            tables = ("ledger_events", "ledger_seals", "ledger_checkpoints")
            for table in tables:
                connection.execute(f"alter table {table} disable trigger append_only")
            connection.execute(statement, values)
            for table in tables:
                connection.execute(f"alter table {table} enable always trigger append_only")

    def everything(self, but: tuple[str, ...] = ()) -> dict[str, list[Any]]:
        """Every row of every table of ours."""
        names = self.rows(
            "select relname from pg_class where relkind = 'r' and relnamespace = current_schema()::regnamespace "
            "and not relname like any (%s) order by relname",
            ["alembic_version", "stakazo_restore", "workers", "request_windows", "held_room", "procrastinate%", *but],
        )
        return {name: self.rows(f"select t::text from {name} t order by 1") for (name,) in names}

    def files(self) -> dict[str, bytes]:
        root = self.settings.storage_dir
        return {str(path.relative_to(root)): path.read_bytes() for path in root.glob("*-*/*/*")}

    def take(self, target: Path, **options: Any) -> taking.Taken:
        return taking.take(self.settings, self.urls.owner, target, **options)

    def fill(self, backup: Path) -> None:
        """The first half of a restore: keys, files and rows, and nothing that is changed in them."""
        with archive.reading(backup, None) as reader:
            restoring.check(reader, lambda *_: None)
            restoring.require_place(self.settings, reader, without_keys=False)
            work = partial(restoring.fill, without_keys=False, told=lambda *_: None)
            with ThreadPoolExecutor(1) as aside:  # it has loops of its own
                aside.submit(work, self.settings, self.urls.owner, reader).result()

    async def restore(self, backup: Path, outside: tuple[Note, ...] = ()) -> list[Finding]:
        self.fill(backup)
        with archive.reading(backup, None) as reader:
            return await restoring.settle(self.urls, self.settings, reader, outside)

    async def seal(self) -> None:
        keys, file = KeyFolder(self.settings.ledger_key_dir), CheckpointFile(self.settings.checkpoint_dir)
        waiting = "select from ledger_events e where not exists (select from ledger_seals s where s.id = e.id)"
        async with Sealer(self.urls.app, name="stakazo", keys=keys, file=file).open() as sealer:
            while self.rows(waiting):
                await sealer.round()

    async def act(self, actor: Actor, count: int = 1) -> None:
        """So many events more, sealed."""
        with_db = Database(self.urls.app, pool_size=1)
        async with with_db.transaction(actor) as session:
            for _ in range(count):
                await ledger.record(session, "clip_accepted", subject=("clip", new_id()))
        await with_db.close()
        await self.seal()


@pytest.fixture
def empty(server: Any, app_settings: Settings, tmp_path: Path) -> Iterator[Callable[[], Installation]]:
    """Makes empty databases with empty data folders."""
    made = []

    def make() -> Installation:
        name = f"t_{uuid4().hex}"
        urls = server.create(name, "template0")
        made.append(name)
        changes = {"data_dir": tmp_path / name, "database_url": urls.owner, "app_database_url": urls.app}
        return Installation(app_settings.model_copy(update=changes), urls, server.superuser(name))

    yield make
    for name in made:
        server.drop(name)


@pytest.fixture
async def installation(
    server: Any, urls: Urls, app_settings: Settings, database: Database, actor: Actor, other_actor: Actor
) -> Installation:
    """Two workspaces, a row in every table, files, sealed ledgers."""
    superuser = server.superuser(make_url(urls.owner).database)
    everything = Database(superuser, pool_size=1)
    storage, keyring = DiskStorage(app_settings.storage_dir), Keyring(app_settings)
    app_settings.key_file.parent.mkdir(parents=True, exist_ok=True)
    app_settings.key_file.touch(0o600)
    app_settings.key_file.write_text("stk_of_this_machine\n")
    person = accounts.User(id=new_id(), email="ann@example.org", name="Ann")
    async with everything._sessions.begin() as session:
        session.add(person)
        await session.flush()
        await _person(session, person.id, actor.workspace_id, keyring)
    for one in (actor, other_actor):
        async with everything._sessions.begin() as session:
            made = _workspace(session, storage, keyring, one.workspace_id, person.id)
            for row in made:  # one after the other: their tables point at one another
                session.add(row)
                await session.flush()
        async with database.transaction(one) as session:
            video, _, clip, job, variant, *_ = made
            for kind, row in (("video", video), ("clip", clip), ("job", job), ("variant", variant)):
                event = {"video": "video_uploaded", "variant": "variant_ordered"}.get(kind, f"{kind}_created")
                personal = {"address": "Blue Note Street"}
                await ledger.record(session, event, subject=(kind, row.id), personal=personal)
            await imports.request(session, keyring, "https://a.example/b.mp4?key=secret")
    await everything.close()
    found = Installation(app_settings, urls, superuser)
    await found.seal()
    return found


async def _person(session: Any, user_id: UUID, workspace_id: UUID, keyring: Keyring) -> None:
    now, credential, signing, family = datetime.now(UTC), new_id(), new_id(), new_id()
    session.add(accounts.Session(id=family, user_id=user_id, acting_in=workspace_id, expires_at=now + SOON))
    await session.flush()
    token = {"token_hash": _hash(), "salt": b"salt", "expires_at": now + SOON}
    session.add(accounts.RefreshToken(user_id=user_id, session_id=family, **token))
    session.add(
        accounts.Link(user_id=user_id, kind="PASSWORD_RESET", email="a@b.c", token_hash=_hash(), expires_at=now)
    )
    secret = keyring.seal(b"totp", "credentials.totp_secret", owner=user_id, row=credential)
    session.add(accounts.Credential(id=credential, user_id=user_id, password_hash="argon\\2\tid\n", totp_secret=secret))
    session.add(accounts.RecoveryCode(user_id=user_id, code_hash=_hash()))
    session.add(accounts.Identity(user_id=user_id, issuer="https://id.example", subject="ann"))
    session.add(
        accounts.Registration(email="b@b.c", name="B", password_hash="x", token_hash=_hash(), expires_at=now + SOON)
    )
    private = keyring.seal(b"k" * 32, "signing_keys.private_key", owner=signing, row=signing)
    session.add(accounts.SigningKey(id=signing, private_key=private))


def _workspace(
    session: Any, storage: DiskStorage, keyring: Keyring, workspace_id: UUID, user_id: UUID
) -> tuple[Any, ...]:
    now, mine = datetime.now(UTC), {"workspace_id": workspace_id}

    def body(row: UUID) -> bytes:
        return keyring.seal(b"{}", "idempotency_keys.body", owner=workspace_id, row=row)

    video, clip, variant, answer, job = (new_id() for _ in range(5))
    film, sha256 = _stored(storage, f"{workspace_id}/videos/{video}.mp4", 3000)
    analysis, _ = _stored(storage, f"{workspace_id}/analyses/{video}.json", 100)
    picture, _ = _stored(storage, f"{workspace_id}/thumbnails/{clip}.jpg", 500)
    rendered, hashed = _stored(storage, f"{workspace_id}/variants/{variant}.mp4", 2000)
    return (
        VideoAsset(id=video, title="Ça\tva \\N", filename="a\nb.mp4", storage_key=film, size_bytes=3000, sha256=sha256,
                   content_type="video/mp4", analysis_key=analysis, info={"a": [1, None, "\\"]}, **mine),
        PlatformRule(platform="instagram", version=1, rule={}, proposed_by="ann", **mine),
        Clip(id=clip, video_id=video, rank=1, start=0.1, end=12.300000000000001, starts_on="bar", ends_on="bar",
             score=77.7, score_parts=[], reasons=["it has a hook"], thumbnail_key=picture, **mine),
        Job(id=job, type="cut_analysis", queue="media", state=JobState.PROCESSING, attempt=1, engine_job_id=3,
            correlation_id=new_id(), **mine),
        ClipVariant(id=variant, clip_id=clip, recipe="reel", platform="instagram", state=VariantState.READY,
                    storage_key=rendered, sha256=hashed, size_bytes=2000, job_id=job, **mine),
        Channel(id=(channel := new_id()), platform=Platform.INSTAGRAM, external_id="a", name="Blue", sandbox=True,
                token=keyring.seal(b"sandbox-t", "channels.token", owner=workspace_id, row=channel), **mine),
        ChannelConsent(id=(consent := new_id()), platform=Platform.TIKTOK, live=False, author="ann", scopes=["a b"],
                       state_hash=_hash(), expires_at=now + SOON, verifier=keyring.seal(
                           b"v", "channel_consents.verifier", owner=workspace_id, row=consent), **mine),
        VideoRights(video_id=video, isrc="DEA122600001", territories=["DE"], **mine),
        PublishingPolicy(**mine),
        Publication(variant_id=variant, channel_id=channel, platform=Platform.INSTAGRAM, kind=Kind.REEL,
                    state=PublicationState.SCHEDULED, intent_key="a", due_at=now, author="user/ann", **mine),
        Publication(variant_id=variant, platform=Platform.TIKTOK, kind=Kind.VIDEO, state=PublicationState.PUBLISHED,
                    id=(posted := new_id()), intent_key="b", due_at=now, author="user/ann", by_hand=True,
                    published_at=now, **mine),
        PlatformEvent(channel_id=channel, key="k", field="comments", value={"a": "ä"}, said_at=now, **mine),
        InboxItem(channel_id=channel, publication_id=posted, kind=ItemKind.COMMENT, external_id="c", author="bob",
                  author_id="7", text="Nice", said_at=now, **mine),
        PostMetric(publication_id=posted, sampled_at=now, views=1, retention=[1.0, 0.5], **mine),
        AdAccount(id=(advertiser := new_id()), external_id="1", name="Blue", sandbox=True, currency="EUR",
                  time_zone="Europe/Berlin", page_id="2",
                  token=keyring.seal(b"sandbox-a", "ad_accounts.token", owner=workspace_id, row=advertiser), **mine),
        AdPolicy(limits={"EUR": {"day": 100}}, **mine),
        Campaign(id=(campaign := new_id()), variant_id=variant, account_id=advertiser, platform="meta", name="A",
                 objective="views", state=CampaignState.LAUNCHING, total_budget=100, currency="EUR",
                 planned_by="user/ann", **mine),
        AdMetric(campaign_id=campaign, day=now.date(), sampled_at=now, impressions=1, clicks=1, views=1, spend=1,
                 currency="EUR", **mine),
        Upload(length=10, filename="a.mp4", expires_at=now + SOON, **mine),
        IdempotencyKey(id=answer, actor="user/ann", key="k", asked=_hash(), status=201, headers=[],
                       expires_at=now + SOON, body=body(answer), **mine),
        accounts.Membership(user_id=user_id, role=Role.OWNER, **mine),
        accounts.Invitation(role=Role.VIEWER, token_hash=_hash(), expires_at=now + SOON, **mine),
        accounts.ApiKey(name="robot", prefix=uuid4().hex[:12], secret_hash=_hash(), permissions=["a:b"], **mine),
    )  # fmt: skip


def _hash() -> bytes:
    return uuid4().bytes * 2


def _stored(storage: DiskStorage, key: str, size: int) -> tuple[str, str]:
    path, data = storage.path(key), (key.encode() * size)[:size]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return key, hashlib.sha256(data).hexdigest()


@pytest.fixture
def notes() -> Callable[[Installation], tuple[Note, ...]]:
    """What an installation has handed out of its ledgers."""

    def read(of: Installation) -> tuple[Note, ...]:
        file = CheckpointFile(of.settings.checkpoint_dir)
        workspaces = of.rows("select id from workspaces")
        return tuple(note for (workspace_id,) in workspaces for note in file.all(workspace_id))

    return read
