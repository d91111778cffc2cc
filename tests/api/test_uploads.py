"""POST /upload, over real connections: what is kept, what is refused, and what must not be left behind."""

from __future__ import annotations

import hashlib
import os
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import httpx
import psutil
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from tests.near import NEAR

from stakazo.api.deps import Services
from stakazo.api.incoming import Arrived
from stakazo.api.uploads import SUFFIX, keep
from stakazo.core.actor import new_id
from stakazo.core.errors import NotFound, OverQuota
from stakazo.jobs.models import Job
from stakazo.ledger import service as ledger
from stakazo.media.containers import MP4
from stakazo.pipeline import take_in
from stakazo.videos.models import VideoAsset
from stakazo.videos.service import Received

BOUNDARY = "----a-boundary"


def _send(client: httpx.Client, content: bytes, *, name: str = "song.mp4", **fields: str) -> httpx.Response:
    return client.post("/upload", files={"file": (name, content, "video/mp4")}, data=fields)


def _head(name: str = "song.mp4") -> bytes:
    return (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        "Content-Type: video/mp4\r\n\r\n"
    ).encode()


FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
MP4_HEAD = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41"
TAIL = f"\r\n--{BOUNDARY}--\r\n".encode()


class Raw:
    """A connection on which one sends what one likes."""

    def __init__(self, port: int, key: str, *, length: int | None, extra: str = "") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        size = f"Content-Length: {length}" if length is not None else "Transfer-Encoding: chunked"
        self.send(
            f"POST /upload HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n{size}\r\n{extra}"
            f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n".encode()
        )

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def status(self) -> int:
        return int(self.socket.recv(4096).split()[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def reset(self) -> None:
        """Hang up as a machine does that loses its network: no end, a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def _until(true: Callable[[], Any], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _counts(site: Any) -> tuple[int, ...]:
    """Videos, jobs and files."""

    async def count(session: AsyncSession) -> list[int]:
        return [await session.scalar(select(func.count()).select_from(table)) or 0 for table in (VideoAsset, Job)]

    return (*site.within(count), len(site.files))


def test_a_video_is_kept_whole_under_a_name_of_our_own(site: Any, client: httpx.Client, mp4: bytes) -> None:
    content = mp4 + os.urandom(3_000_000)
    answer = _send(client, content, name="../../etc/passwd\x01.mp4", title="Ännchen")
    assert answer.status_code == 202, answer.text
    video, job = answer.json()["video"], answer.json()["job"]
    assert answer.headers["location"] == f"/videos/{video['id']}"
    assert video["sha256"] == hashlib.sha256(content).hexdigest()
    assert (video["size_bytes"], video["content_type"], video["title"]) == (len(content), "video/mp4", "Ännchen")
    assert "/" not in video["filename"]
    assert "\x01" not in video["filename"]
    assert (job["type"], job["state"], job["payload"]) == ("cut_analysis", "PENDING", {"video_id": video["id"]})
    [stored] = site.files
    assert stored.name == f"{video['id']}.mp4"
    assert stored.read_bytes() == content
    assert client.get(f"/videos/{video['id']}/source").content == content


def test_the_video_its_job_and_the_ledger_are_written_together(site: Any, client: httpx.Client, mp4: bytes) -> None:
    answer = _send(client, mp4)
    job = answer.json()["job"]
    events = site.within(lambda session: ledger.recent(session, 10))
    assert {"video_uploaded", "job_created"} <= {event.event for event in events}
    assert {str(event.correlation_id) for event in events} == {job["correlation_id"]}


def test_the_same_bytes_are_the_same_video_and_start_nothing(site: Any, client: httpx.Client, mp4: bytes) -> None:
    first = _send(client, mp4, name="one.mp4")
    again = _send(client, mp4, name="two.mp4")
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json()["created"]
    assert not again.json()["created"]
    assert again.json()["video"]["id"] == first.json()["video"]["id"]
    assert again.json()["job"]["id"] == first.json()["job"]["id"]
    assert _counts(site) == (1, 1, 1)


@pytest.mark.parametrize("where", ["field", "header", "both"])
def test_the_same_key_is_the_same_video_whatever_the_bytes(
    site: Any, client: httpx.Client, mp4: bytes, where: str
) -> None:
    key = {"field": ({"dedup_key": "k1"}, {}), "header": ({}, {"Idempotency-Key": "k1"})}
    for_first = key["field" if where == "both" else where]
    for_second = key["header" if where == "both" else where]
    answers = [
        client.post("/upload", files={"file": ("a.mp4", mp4 + more)}, data=fields, headers=headers)
        for more, (fields, headers) in ((b"1", for_first), (b"2", for_second))
    ]
    assert [answer.status_code for answer in answers] == [202, 200]
    assert answers[0].json()["video"]["id"] == answers[1].json()["video"]["id"]
    assert len(site.files) == 1


def test_ten_identical_uploads_at_once_are_one_video_and_one_job(site: Any, client: httpx.Client, mp4: bytes) -> None:
    content = mp4 + os.urandom(500_000)
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: _send(client, content), range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] * 9 + [202]
    assert len({answer.json()["video"]["id"] for answer in answers}) == 1
    assert _counts(site) == (1, 1, 1)


def test_another_workspace_with_the_same_bytes_has_a_video_of_its_own(
    site: Any, client: httpx.Client, mp4: bytes
) -> None:
    first = _send(client, mp4).json()["video"]["id"]
    with site.house.site().client() as theirs:
        second = _send(theirs, mp4)
        assert second.status_code == 202
        assert second.json()["video"]["id"] != first
        assert theirs.get(f"/videos/{first}").status_code == 404


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"hello, world\n" * 100, "a text"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "a picture (PNG)"),
        (b"RIFF\0\0\0\0WAVEfmt " + b"\0" * 100, "a sound file (WAV)"),
        (b"", "empty"),
        (os.urandom(4) + b"\0" * 3000, "not known"),
    ],
)
def test_what_is_no_video_is_refused_by_its_bytes_whatever_its_name(
    site: Any, client: httpx.Client, content: bytes, sentence: str
) -> None:
    answer = _send(client, content, name="film.mp4")
    assert answer.status_code == 415
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "unsupported_media"
    assert sentence in answer.json()["detail"]
    assert site.files == []


def test_a_request_that_is_no_form_is_refused(site: Any, client: httpx.Client, mp4: bytes) -> None:
    plain = client.post("/upload", content=mp4, headers={"Content-Type": "video/mp4"})
    without = client.post("/upload", files={"video": ("a.mp4", mp4)})
    twice = client.post("/upload", files=[("file", ("a.mp4", mp4)), ("file", ("b.mp4", mp4))])
    large_field = client.post("/upload", data={"title": "x" * 10_000}, files={"file": ("a.mp4", mp4)})
    garbage = client.post(
        "/upload",
        content=b"no boundary here" * 9,
        headers={"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"},
    )
    for answer in (plain, without, twice, large_field, garbage):
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed"), answer.text
    assert site.files == []


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("größer als früher.mp4".encode(), "größer als früher.mp4"),
        ("日本の歌.mp4".encode(), "日本の歌.mp4"),
        ("\U0001f3b6.mp4".encode(), "\U0001f3b6.mp4"),
        (b"s\xffng.mp4", "s\ufffdng.mp4"),
    ],
)
def test_a_name_in_any_script_is_kept(client: httpx.Client, mp4: bytes, sent: bytes, kept: str) -> None:
    body = _head().replace(b"song.mp4", sent) + mp4 + TAIL
    answer = client.post("/upload", content=body, headers=FORM)
    assert (answer.status_code, answer.json()["video"]["filename"]) == (202, kept)


def test_endless_parts_around_the_file_are_refused(site: Any) -> None:
    nothing = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name=""\r\n\r\n\r\n'.encode() * 800
    with Raw(site.port, site.key, length=None) as raw:
        for _ in range(4):
            raw.send(f"{len(nothing):x}\r\n".encode() + nothing + b"\r\n")
        assert raw.status() == 400
        assert site.files == []


def test_a_form_without_its_end_is_refused_and_leaves_nothing(site: Any, mp4: bytes) -> None:
    body = _head() + mp4  # the last boundary is missing
    with Raw(site.port, site.key, length=len(body)) as raw:
        raw.send(body)
        assert raw.status() == 400
        assert site.files == []


def test_a_name_split_over_packets_is_read_whole(site: Any, client: httpx.Client, mp4: bytes) -> None:
    body = _head("Live at the Pink Elephant.mp4") + mp4 + TAIL
    with Raw(site.port, site.key, length=len(body)) as raw:
        for at in range(0, 200, 7):
            raw.send(body[at : at + 7])
            time.sleep(0.001)
        raw.send(body[203:])
        assert raw.status() == 202
        assert client.get("/videos").json()["items"][0]["filename"] == "Live at the Pink Elephant.mp4"


@pytest.mark.parametrize("how", ["reset", "close"])
def test_a_broken_connection_leaves_nothing(site: Any, client: httpx.Client, mp4: bytes, how: str) -> None:
    with Raw(site.port, site.key, length=100_000_000) as raw:
        raw.send(_head() + mp4 + os.urandom(3_000_000))
        _until(lambda: any(path.suffix == SUFFIX and path.stat().st_size > 1_000_000 for path in site.files))
        raw.reset() if how == "reset" else raw.socket.close()
        _until(lambda: site.files == [])
        assert client.get("/videos").json()["items"] == []


def test_a_sender_who_falls_silent_is_given_up(site_with: Callable[..., Any], mp4: bytes) -> None:
    site = site_with(upload_timeout=0.3)
    with Raw(site.port, site.key, length=100_000_000) as raw:
        raw.send(_head() + mp4 + os.urandom(2_000_000))
        assert raw.status() == 408
        assert site.files == []


def test_too_large_by_its_length_is_refused_before_it_is_sent(site_with: Callable[..., Any]) -> None:
    site = site_with(max_upload_bytes=1_000_000)
    with Raw(site.port, site.key, length=2_000_000) as raw:
        assert raw.status() == 413  # not one byte of the body was sent
        assert site.files == []


def test_an_early_refusal_reaches_a_sender_who_sends_on(site_with: Callable[..., Any]) -> None:
    site = site_with(max_upload_bytes=1_000_000)
    with site.client() as client:
        answer = client.post("/upload", files={"file": ("a.mp4", MP4_HEAD + b"\0" * 20_000_000)})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_too_large_without_a_length_is_refused_on_the_way(site_with: Callable[..., Any], mp4: bytes) -> None:
    site = site_with(max_upload_bytes=1_000_000)
    with Raw(site.port, site.key, length=None) as raw:
        block = _head() + mp4 + b"\0" * 2_000_000
        raw.send(f"{len(block):x}\r\n".encode() + block + b"\r\n")
        assert raw.status() == 413
        _until(lambda: site.files == [])


def test_what_is_refused_once_the_file_has_its_key_leaves_no_file(site: Any, mp4: bytes) -> None:
    here: Services = site.house.app.state.services
    poor = replace(here, settings=here.settings.model_copy(update={"storage_quota_bytes": 1}))
    file, video_id = here.storage.temporary(SUFFIX), new_id()
    file.write_bytes(mp4)
    arrived = Arrived("a.mp4", {}, len(mp4), hashlib.sha256(mp4).hexdigest(), MP4)
    with pytest.raises(OverQuota):
        site.house.do(keep(poor, site.actor, video_id, arrived, file, None))
    assert file not in site.files  # it was given its key, and lost it again
    assert not [path for path in site.files if video_id.hex in path.name.replace("-", "")]
    received = Received("A", "a.mp4", f"{site.workspace_id}/videos/gone.mp4", 1, "0" * 64, "video/mp4")
    with pytest.raises(NotFound, match="deleted while it was uploaded"):  # it was known, so it brought no file
        site.within(lambda session: take_in(session, video_id, received, placed=False, quota=None))


def test_no_room_by_the_setting_is_507(site_with: Callable[..., Any], mp4: bytes) -> None:
    site = site_with(min_free_bytes=1 << 60)
    with site.client() as client:
        answer = _send(client, mp4)
    assert (answer.status_code, answer.json()["code"], answer.json()["retryable"]) == (507, "no_space", True)


@pytest.fixture
def small_disk(app_settings: Any) -> Iterator[Path]:
    """A disk of 8 MB under the storage, where we may mount one."""
    folder = app_settings.storage_dir
    folder.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root can mount a small disk; NoSpace is tested by its setting too")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)  # a workshop of this process is locked there


def test_a_full_disk_is_507_and_recovers(small_disk: Path, site_with: Callable[..., Any], mp4: bytes) -> None:
    site = site_with(min_free_bytes=0)
    with site.client() as client:
        for _ in range(2):
            answer = client.post("/upload", content=_chunked(12_000_000), headers=FORM)
            assert (answer.status_code, answer.json()["code"]) == (507, "no_space"), answer.text
            assert site.files == []
        assert _send(client, mp4 + os.urandom(1_000_000)).status_code == 202
    assert small_disk.is_mount()


def _chunked(size: int) -> Iterator[bytes]:
    """A body whose length nobody knows beforehand."""
    yield _head() + MP4_HEAD
    for _ in range(size // 100_000):
        yield os.urandom(100_000)
    yield TAIL


def test_memory_stays_flat_whatever_the_size(client: httpx.Client, mp4: bytes, alone: Callable[[], Any]) -> None:
    """300 MB through a server process of its own; its memory must not grow by a tenth of that."""
    size, block = 300_000_000, b"\0" * 1_000_000

    def body() -> Iterator[bytes]:
        yield _head() + mp4
        for _ in range(size // len(block)):
            yield block
        yield TAIL

    child = alone()
    url = f"http://127.0.0.1:{child.port}"
    with httpx.Client(base_url=url, headers=dict(client.headers), timeout=120, **NEAR) as sender:
        assert sender.get("/videos").status_code == 200  # everything is loaded
        process = psutil.Process(child.pid)
        before, peak = process.memory_info().rss, 0

        def watched() -> Iterator[bytes]:
            nonlocal peak
            for number, part in enumerate(body()):
                if number % 10 == 0:
                    peak = max(peak, process.memory_info().rss)
                yield part

        answer = sender.post(
            "/upload",
            content=watched(),
            headers={"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"},
        )
        assert answer.status_code == 202, answer.text
        assert answer.json()["video"]["size_bytes"] == size + len(mp4)
        assert peak - before < 30_000_000
