"""What the API's tests share: a running API, people, videos with clips, and servers of their own."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from tests.api.serving import House, Site, running
from tests.near import NEAR

from stakazo.clips import service as clips
from stakazo.core import postgres
from stakazo.core.settings import Settings
from stakazo.core.storage import DiskStorage
from stakazo.media.choice import Part, Pick, Score, Window
from stakazo.videos import service as videos
from stakazo.videos.models import VideoAsset


@pytest.fixture(scope="module")
def house(server: Any, tmp_path_factory: pytest.TempPathFactory, uncounted: dict[str, Any]) -> Iterator[House]:
    """One API for all tests of a file: each has a workspace of its own in it."""
    name = f"t_{uuid4().hex}"
    urls = server.create(name)
    settings = Settings(
        _env_file=None,
        data_dir=tmp_path_factory.mktemp("data"),
        database_url=urls.owner,
        app_database_url=urls.app,
        database_pool_size=5,
        password_memory_kib=8,
        **uncounted,
        password_passes=1,
        DEBUG_ENDPOINTS_ENABLED=True,
        allowed_networks="127.0.0.1",
        min_free_bytes=1,
        media_workers=1,
    )
    with running(settings, urls) as house:
        yield house
    server.drop(name)


@pytest.fixture
def site(house: House) -> Site:
    """An API, and nobody who takes its jobs."""
    return house.site()


@pytest.fixture
def site_with(urls: postgres.Urls, app_settings: Settings) -> Iterator[Callable[..., Site]]:
    """Start an API of the test's own with these settings."""
    with ExitStack() as stack:
        yield lambda **changes: stack.enter_context(running(app_settings.model_copy(update=changes), urls)).site()


@pytest.fixture
def client(site: Site) -> Iterator[httpx.Client]:
    """Somebody with the key."""
    with site.client() as client:
        yield client


PASSWORD = "a quiet sentence of mine"


class Human:
    """Somebody with an account, signed in."""

    def __init__(self, site: Site, email: str, session: dict[str, Any]) -> None:
        self.site, self.email, self.password, self.session = site, email, PASSWORD, session
        self.id, self.session_id = session["user_id"], session["session_id"]
        self.http = httpx.Client(base_url=site.url, timeout=30, **NEAR)
        self.use(session["access_token"])

    def use(self, token: str) -> None:
        """Send this token from now on."""
        self.http.headers["Authorization"] = f"Bearer {token}"

    def sign_in(self, **more: Any) -> httpx.Response:
        """The answer to another sign-in, by whoever knows their password."""
        body = {"email": self.email, "password": self.password, **more}
        return httpx.post(f"{self.site.url}/auth/login", json=body, timeout=30, **NEAR)


class People:
    """Makes people, as members of a workspace or of none yet."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._made: list[Human] = []

    def join(self, role: str = "VIEWER", *, site: Site | None = None, email: str | None = None) -> Human:
        """Somebody new, who was invited by the workspace's key."""
        site = site or self.site
        email = email or f"{uuid4().hex}@example.org"
        with site.client() as client:
            link = client.post("/invitations", json={"role": role}).json()["link"]
            said = {"email": email, "name": "Ann", "password": PASSWORD, "invitation": link.partition("=")[2]}
            answer = client.post("/auth/register", json=said, headers={"Authorization": ""})
        assert answer.status_code == 201, answer.text
        self._made.append(Human(site, email, answer.json()))
        return self._made[-1]

    def close(self) -> None:
        for human in self._made:
            human.http.close()


def letters(settings: Settings, to: str) -> list[EmailMessage]:
    found = []
    for file in sorted(settings.outbox_dir.glob("[!.]*.eml")):
        message = message_from_bytes(file.read_bytes(), policy=default)
        if message["To"] == to:
            found.append(message)
    return found


@pytest.fixture
def people(site: Site) -> Iterator[People]:
    """Makes people in this workspace and others."""
    people = People(site)
    yield people
    people.close()


@pytest.fixture
def letter_from() -> Callable[[Settings, str, str], tuple[EmailMessage, str]]:
    """Waits for a letter to somebody whose subject has this word; the letter, and the token of its link."""

    def wait(settings: Settings, to: str, word: str) -> tuple[EmailMessage, str]:
        for _ in range(500):
            for letter in reversed(letters(settings, to)):
                if word in letter["Subject"]:
                    return letter, "".join(re.findall(r"/account#[a-z]+=(\S+)", letter.get_content()))
            time.sleep(0.02)
        raise AssertionError(f"no letter to {to} about {word!r}")

    return wait


MP4 = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41" + b"\x00" * 2000
"""What an MP4 begins with; nothing that would play."""


@pytest.fixture
def mp4() -> bytes:
    return MP4


class Alone:
    """A server process of its own."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process, self.pid, self.port = process, process.pid, port


@pytest.fixture
def alone(site: Site) -> Iterator[Callable[[], Alone]]:
    """Start another API on the same database and storage, as a process of its own."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(_serving(site))


@contextmanager
def _serving(site: Site) -> Iterator[Alone]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {
        "STAKAZO_DATA_DIR": str(site.settings.data_dir),
        "STAKAZO_DATABASE_URL": site.urls.owner,
        "STAKAZO_APP_DATABASE_URL": site.urls.app,
        "STAKAZO_MIN_FREE_BYTES": "0",
    }
    argv = [sys.executable, "-m", "uvicorn", "--factory", "stakazo.main:create_app", "--port", str(port)]
    process = subprocess.Popen([*argv, "--log-level", "warning"], env=environment)
    try:
        deadline = time.monotonic() + 60
        while not _answers(port):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield Alone(process, port)
    finally:
        process.terminate()
        process.wait(20)


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", timeout=2, **NEAR).is_success
    except httpx.HTTPError:
        return False


class Catalogue:
    """A video with three proposed clips, and their files."""

    def __init__(self, site: Site, video_id: UUID, clip_ids: list[UUID]) -> None:
        self.site, self.video_id, self.clip_ids = site, video_id, clip_ids
        self.clip = f"/clips/{clip_ids[0]}"


@pytest.fixture
def catalogue(site: Site, client: httpx.Client) -> Catalogue:
    video_id = UUID(client.post("/upload", files={"file": ("a.mp4", MP4 + uuid4().bytes)}).json()["video"]["id"])
    storage, pictures, picks = DiskStorage(site.settings.storage_dir), [], []
    for number in range(3):
        start = 10.0 * number
        picks.append(
            Pick(
                Window(start, start + 8, "bar", "shot"),
                Score((Part("hook", 0.9 - 0.2 * number, 2.0, "the hook"), Part("motion", 0.5, 1.0, "it moves"))),
                ("the hook", "it moves"),
                start + 1,
            )
        )
        key = f"{site.workspace_id}/thumbnails/{video_id}-{number}.jpg"
        temporary = storage.temporary()
        temporary.write_bytes(b"\xff\xd8\xff jpeg")
        asyncio.run(storage.adopt(temporary, key))
        pictures.append(clips.Pictures(key, None))

    async def propose(session: AsyncSession) -> list[UUID]:
        await session.execute(update(VideoAsset).where(VideoAsset.id == video_id).values(duration=60.0))
        proposal = await clips.propose(session, await videos.get(session, video_id), picks, None, pictures)
        return [clip.id for clip in proposal.clips]

    return Catalogue(site, video_id, site.within(propose))
