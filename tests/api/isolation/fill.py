"""Sets the stage: fills a workspace through the real services, puts another beside it, and seals both ledgers."""

from __future__ import annotations

import asyncio
import secrets

import psycopg
from tests.api.isolation.people import People
from tests.api.isolation.stage import MP4, Stage, access, join, sure
from tests.api.isolation.things import Thing
from tests.api.isolation.works import Works
from tests.api.serving import House

from stakazo.core.postgres import conninfo
from stakazo.ledger.keys import KeyFolder
from stakazo.ledger.outlets import CheckpointFile
from stakazo.ledger.sealer import Sealer


def fill(house: House, superuser: str) -> Stage:
    """One of everything, in a new workspace; a little in another one; everything sealed."""
    site, other = house.site(), house.site()
    stage = Stage(secrets.token_hex(8), site.workspace_id, other.workspace_id)
    with site.client() as http:
        http.headers["User-Agent"] = f"agent {stage.mark}"
        people, works = People(stage, site, http), Works(stage, site, http)
        people.members()
        people.api_keys()
        works.videos()
        works.clips()
        works.variants()
        works.jobs()
        works.arriving()
        works.rules()
        works.publishing()
        works.telling()
        works.hearing()
        works.connecting()
        works.links()
        works.advertising()
        works.answers()
        works.ledger()
        people.goodbyes()
    with other.client() as http:
        stage.owner = join(http, other, "OWNER", "ann@elsewhere.example", "another sentence altogether", "Ann")
        http.headers["Authorization"] = f"Bearer {access(http, stage.owner)}"
        stage.owner_key = http.post("/api-keys", json={"name": "robot"}).json()["token"]
        sent = sure(http.post("/upload", files={"file": ("theirs.mp4", MP4 + b"theirs")}))
        sure(http.post(f"/jobs/{sent['job']['id']}/cancel"))
    seal(house, superuser)
    stage.things["size"] = size_of_ledger(stage, superuser)
    return stage


def seal(house: House, superuser: str) -> None:
    """What a worker would do within seconds, until nothing waits."""
    settings = house.settings
    keys, file = KeyFolder(settings.ledger_key_dir), CheckpointFile(settings.checkpoint_dir)
    waiting = "select count(*) from ledger_events e where not exists (select from ledger_seals s where s.id = e.id)"

    async def rounds() -> None:
        async with (
            Sealer(house.urls.app, name="stakazo", keys=keys, file=file).open() as sealer,
            await psycopg.AsyncConnection.connect(conninfo(superuser), autocommit=True) as connection,
            asyncio.timeout(60),
        ):
            while await (await connection.execute(waiting)).fetchone() != (0,):
                await sealer.round()
                await asyncio.sleep(0.01)

    asyncio.run(rounds())


def size_of_ledger(stage: Stage, superuser: str) -> Thing:
    """How many events its newest checkpoint covers; and a number that no checkpoint has."""
    with psycopg.connect(conninfo(superuser)) as connection:
        size = "select max(size) from ledger_checkpoints where workspace_id = %s"
        row = connection.execute(size, [stage.workspace_id]).fetchone()
    assert row is not None
    return Thing(str(row[0]), str(row[0] + 100))
