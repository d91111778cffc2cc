"""/uploads: a real tus client, and the protocol's rules one by one, over real connections."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psutil
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from tests.near import NEAR

from stakazo.cli.client import Api, Refused
from stakazo.core.storage import DiskStorage
from stakazo.jobs.models import Job
from stakazo.ledger import service as ledger
from stakazo.videos.models import VideoAsset

HEAD = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41"
TUS = {"Tus-Resumable": "1.0.0"}
PART = TUS | {"Content-Type": "application/offset+octet-stream"}


def film(size: int) -> bytes:
    """What an MP4 begins with, and noise: nothing that would play."""
    return HEAD + os.urandom(size - len(HEAD))


def meta(**words: str) -> str:
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in words.items())


def checksum(name: str, content: bytes) -> str:
    return f"{name} {base64.b64encode(hashlib.new(name, content).digest()).decode()}"


def begin(client: httpx.Client, length: int, **words: str) -> str:
    answer = client.post("/uploads", headers=TUS | {"Upload-Length": str(length), "Upload-Metadata": meta(**words)})
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


def send(client: httpx.Client, path: str, offset: int, content: Any, **headers: str) -> httpx.Response:
    return client.patch(path, content=content, headers=PART | {"Upload-Offset": str(offset)} | headers)


def offset(client: httpx.Client, path: str) -> int:
    answer = client.head(path, headers=TUS)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    return int(answer.headers["upload-offset"])


def pieces(site: Any, path: str = "") -> list[Path]:
    """What lies there of an upload, by its path."""
    name = path.rpartition("/")[2].replace("-", "")
    return sorted((site.settings.storage_dir / "incoming").glob(f"{name}*"))


def counts(site: Any) -> tuple[int, ...]:
    """Videos and jobs."""

    async def count(session: AsyncSession) -> list[int]:
        return [await session.scalar(select(func.count()).select_from(table)) or 0 for table in (VideoAsset, Job)]

    return tuple(site.within(count))


def until(true: Callable[[], Any], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# --- a client that is not ours ------------------------------------------------------------------------------


PROGRAM = """
import json, sys
from tusclient.client import TusClient
url, key, file, options = *sys.argv[1:4], json.loads(sys.argv[4])
stop_at = options.pop("stop_at", None)
sender = TusClient(url + "/uploads", headers={"X-API-Key": key}).uploader(file, chunk_size=700_000, **options)
began_at = sender.offset
sender.upload(stop_at=stop_at)
print(json.dumps([sender.url, began_at, sender.request.response_headers]))
"""


def tuspy(site: Any, file: Path, **options: Any) -> tuple[str, int, dict[str, str]]:
    """The upload's address, where it began and the last answer; in a process, since it leaves its files open."""
    argv = [sys.executable, "-c", PROGRAM, site.url, site.key, str(file), json.dumps(options)]
    url, began_at, said = json.loads(subprocess.run(argv, check=True, capture_output=True).stdout)
    return url, began_at, said


@pytest.mark.parametrize("options", [{}, {"upload_checksum": True}])
def test_a_real_client_sends_a_video(site: Any, client: httpx.Client, tmp_path: Path, options: dict[str, Any]) -> None:
    content = film(3_000_001)
    (tmp_path / "song.mp4").write_bytes(content)
    metadata = {"filename": "../song.mp4", "title": "Ännchen", "dedup_key": "k1"}
    url, _, said = tuspy(site, tmp_path / "song.mp4", metadata=metadata, **options)
    video = client.get(f"/videos/{said['x-video-id']}").json()
    assert (video["title"], video["filename"], video["dedup_key"]) == ("Ännchen", "song.mp4", "k1")
    assert (video["size_bytes"], video["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert client.get(f"/videos/{video['id']}/source").content == content
    job = client.get(f"/jobs/{said['x-job-id']}").json()
    assert (job["type"], job["state"], job["payload"]) == ("cut_analysis", "PENDING", {"video_id": video["id"]})
    assert pieces(site, url) == []
    assert len(site.files) == 1


def test_a_real_client_goes_on_where_it_was(site: Any, client: httpx.Client, tmp_path: Path) -> None:
    content = film(2_000_000)
    (tmp_path / "song.mp4").write_bytes(content)
    url, _, _ = tuspy(site, tmp_path / "song.mp4", stop_at=1_000_000)
    _, began_at, said = tuspy(site, tmp_path / "song.mp4", url=url)
    assert began_at == 1_000_000
    assert client.get(f"/videos/{said['x-video-id']}/source").content == content


# --- core ---------------------------------------------------------------------------------------------------


def test_it_says_what_it_can_do(site: Any, client: httpx.Client) -> None:
    for path in ("/uploads", f"/uploads/{uuid4()}"):
        answer = client.options(path)
        assert (answer.status_code, answer.headers["tus-version"], answer.headers["tus-resumable"]) == (
            204,
            "1.0.0",
            "1.0.0",
        )
        assert set(answer.headers["tus-extension"].split(",")) == {
            "creation",
            "creation-with-upload",
            "checksum",
            "termination",
            "expiration",
        }
        assert {"sha1", "sha256"} <= set(answer.headers["tus-checksum-algorithm"].split(","))
        assert int(answer.headers["tus-max-size"]) == site.settings.max_upload_bytes


def test_another_version_is_refused_and_every_answer_names_ours(client: httpx.Client) -> None:
    path = begin(client, 100)
    for answer in (
        client.post("/uploads", headers={"Upload-Length": "5"}),
        client.head(path, headers={"Tus-Resumable": "0.2.2"}),
        client.patch(path),
        client.delete(path),
    ):
        assert (answer.status_code, answer.headers["tus-version"]) == (412, "1.0.0")
        assert answer.headers["tus-resumable"] == "1.0.0"
    for answer in (client.get(path), client.put("/uploads"), client.head(f"/uploads/{uuid4()}", headers=TUS)):
        assert answer.status_code in {404, 405}
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_video_comes_in_parts(site: Any, client: httpx.Client) -> None:
    content = film(2_500_000)
    path = begin(client, len(content), filename="a.mp4")
    at = 0
    answer = client.head(path, headers=TUS)
    for end in (1, 900, 1_700_000, 1_700_001, len(content)):
        assert offset(client, path) == at
        answer = send(client, path, at, content[at:end])
        assert (answer.status_code, int(answer.headers["upload-offset"])) == (204, end)
        assert parsedate_to_datetime(answer.headers["upload-expires"]).timestamp() > time.time() + 3600
        assert ("x-video-id" in answer.headers) == (end == len(content))
        at = end
    events = [event.event for event in site.within(lambda session: ledger.recent(session, 10))]
    assert events[::-1] == ["upload_begun", "video_uploaded", "job_created", "upload_completed"]
    head = client.head(path, headers=TUS)
    assert (head.headers["upload-offset"], head.headers["upload-length"]) == (str(at), str(at))
    assert head.headers["upload-metadata"] == meta(filename="a.mp4")
    assert head.headers["x-video-id"] == answer.headers["x-video-id"]
    assert head.headers["x-job-id"] == answer.headers["x-job-id"]
    assert send(client, path, at, b"").status_code == 409
    assert counts(site) == (1, 1)


def test_a_part_goes_where_the_last_one_ended_or_nowhere(client: httpx.Client) -> None:
    content = film(5000)
    path = begin(client, len(content))
    send(client, path, 0, content[:2000])
    for wrong in (0, 1999, 2001, 5000):
        answer = send(client, path, wrong, content[:10])
        assert (answer.status_code, answer.json()["code"]) == (409, "offset_mismatch")
        assert answer.headers["upload-offset"] == "2000"
    assert send(client, path, 2000, content[2000:] + b"more").status_code == 413
    assert offset(client, path) == 2000
    wrong_type = client.patch(path, content=b"x", headers=PART | {"Upload-Offset": "2000", "Content-Type": "video/mp4"})
    assert wrong_type.status_code == 415
    for bad in ("-1", "x", "1.5", "9" * 30):
        assert send(client, path, bad, b"x").status_code == 400  # type: ignore[arg-type]
    assert client.patch(path, content=b"x", headers=PART).status_code == 400
    assert send(client, path, 2000, content[2000:]).status_code == 204


def test_the_same_bytes_or_key_are_the_same_video(site: Any, client: httpx.Client) -> None:
    content = film(3000)
    plain = client.post("/upload", files={"file": ("a.mp4", content)}, data={"dedup_key": "k1"}).json()
    for sent, words in ((content, {}), (film(2000), {"dedup_key": "k1"})):
        path = begin(client, len(sent), **words)
        answer = send(client, path, 0, sent)
        assert answer.headers["x-video-id"] == plain["video"]["id"]
        assert answer.headers["x-job-id"] == plain["job"]["id"]
        assert answer.headers["x-video-created"] == "false"
        assert pieces(site, path) == []
    assert counts(site) == (1, 1)
    assert len(site.files) == 1


# --- creation -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 400),
        ({"Upload-Length": "-1"}, 400),
        ({"Upload-Defer-Length": "1"}, 400),
        ({"Upload-Length": "0"}, 415),
        ({"Upload-Length": str(10**17)}, 413),
        ({"Upload-Length": "10", "Upload-Metadata": "title"}, 201),
        ({"Upload-Length": "10", "Upload-Metadata": ""}, 201),
        ({"Upload-Length": "10", "Upload-Metadata": "title !!!"}, 400),
        ({"Upload-Length": "10", "Upload-Metadata": "a eA==,a eA=="}, 400),
        ({"Upload-Length": "10", "Upload-Metadata": "filename /w=="}, 400),
        ({"Upload-Length": "10", "Upload-Metadata": "a " + "eA==" * 2000}, 400),
        ({"Upload-Length": "10", "Upload-Metadata": "dedup_key " + "eHh4" * 100}, 400),
        ({"Upload-Length": "10", "Upload-Metadata": "title AA=="}, 422),
    ],
)
def test_what_is_announced_is_read_strictly(client: httpx.Client, headers: dict[str, str], status: int) -> None:
    answer = client.post("/uploads", headers=TUS | headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["tus-resumable"] == "1.0.0"


def test_the_first_part_may_come_with_the_announcement(site: Any, client: httpx.Client) -> None:
    content = film(4000)
    some = client.post("/uploads", content=content[:1500], headers=PART | {"Upload-Length": "4000"})
    assert (some.status_code, some.headers["upload-offset"]) == (201, "1500")
    assert send(client, some.headers["location"], 1500, content[1500:]).headers["x-video-created"] == "true"
    whole = film(2000)
    answer = client.post("/uploads", content=whole, headers=PART | {"Upload-Length": "2000"})
    assert (answer.status_code, answer.headers["upload-offset"]) == (201, "2000")
    assert client.get(f"/videos/{answer.headers['x-video-id']}/source").content == whole


def test_what_is_too_large_for_here_is_refused_before_it_is_sent(site_with: Callable[..., Any]) -> None:
    with site_with(max_upload_bytes=1000).client() as client:
        assert client.post("/uploads", headers=TUS | {"Upload-Length": "1001"}).status_code == 413
        assert client.post("/uploads", headers=TUS | {"Upload-Length": "1000"}).status_code == 201


def test_a_disk_without_room_is_507(site_with: Callable[..., Any]) -> None:
    with site_with(min_free_bytes=1 << 60).client() as client:
        answer = client.post("/uploads", headers=TUS | {"Upload-Length": "1000"})
        assert (answer.status_code, answer.json()["code"]) == (507, "no_space")


def test_what_is_no_video_is_thrown_away_at_once(site: Any, client: httpx.Client) -> None:
    path = begin(client, 10_000_000, filename="film.mp4")
    answer = send(client, path, 0, b"\x89PNG\r\n\x1a\n" + b"\0" * 5000)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media")
    assert "PNG" in answer.json()["detail"]
    assert client.head(path, headers=TUS).status_code == 404
    small = begin(client, 5)
    assert send(client, small, 0, b"hello").status_code == 415
    assert pieces(site, path) == pieces(site, small) == site.files == []


# --- checksum -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sha1", "sha256", "md5"])
def test_a_part_with_a_checksum_counts_only_when_it_is_right(client: httpx.Client, name: str) -> None:
    content = film(5_000_000)
    path = begin(client, len(content))
    send(client, path, 0, content[:1000])
    wrong = send(client, path, 1000, content[1000:], **{"Upload-Checksum": checksum(name, b"else")})
    assert (wrong.status_code, wrong.json()["code"]) == (460, "checksum_mismatch")
    assert offset(client, path) == 1000
    right = send(client, path, 1000, content[1000:], **{"Upload-Checksum": checksum(name, content[1000:])})
    assert right.status_code == 204
    assert client.get(f"/videos/{right.headers['x-video-id']}/source").content == content


@pytest.mark.parametrize("header", ["crc32 AAAA", "sha1", "sha256 !!!", ""])
def test_a_checksum_that_is_none_is_refused(client: httpx.Client, header: str) -> None:
    path = begin(client, 5000)
    answer = send(client, path, 0, film(500), **{"Upload-Checksum": header})
    assert answer.status_code in {400, 460}
    assert offset(client, path) == 0


# --- termination, expiration --------------------------------------------------------------------------------


def test_an_upload_can_be_thrown_away(site: Any, client: httpx.Client) -> None:
    path = begin(client, 5000)
    send(client, path, 0, film(2000))
    assert len(pieces(site, path)) == 1
    assert client.delete(path, headers=TUS).status_code == 204
    assert pieces(site, path) == []
    for answer in (client.head(path, headers=TUS), send(client, path, 2000, b"x"), client.delete(path, headers=TUS)):
        assert answer.status_code == 404
    assert pieces(site, path) == []
    done = send(client, begin(client, 1500), 0, film(1500)).headers["x-video-id"]
    assert client.get(f"/videos/{done}").status_code == 200


def test_senders_that_know_only_post_are_understood(site: Any, client: httpx.Client) -> None:
    content = film(2000)
    path = begin(client, len(content))
    override = {"X-HTTP-Method-Override": "PATCH", "Upload-Offset": "0"}
    assert client.post(path, content=content, headers=PART | override).headers["upload-offset"] == "2000"
    assert client.post(path, headers=TUS | {"X-HTTP-Method-Override": "DELETE"}).status_code == 204
    assert client.head(path, headers=TUS).status_code == 404
    assert client.post(path, headers=TUS).status_code == 400


async def _age(session: AsyncSession) -> None:
    await session.execute(text("update uploads set expires_at = now()"))


def test_an_upload_that_is_not_continued_expires(site: Any, client: httpx.Client) -> None:
    path = begin(client, 5000)
    first = send(client, path, 0, film(2000))
    site.within(_age)
    for answer in (client.head(path, headers=TUS), send(client, path, 2000, b"x"), client.delete(path, headers=TUS)):
        assert answer.status_code == 410
    assert first.status_code == 204
    storage = DiskStorage(site.settings.storage_dir)
    [file] = pieces(site, path)
    storage.sweep_incoming(3600)
    assert file.exists()
    os.utime(file, (0, 0))
    assert storage.sweep_incoming(3600) == 1
    assert pieces(site, path) == []


# --- broken off, at once, killed ----------------------------------------------------------------------------


def test_what_came_before_a_connection_broke_is_there(site: Any, client: httpx.Client) -> None:
    content = film(6_000_000)
    path = begin(client, len(content))
    broken = socket.create_connection(("127.0.0.1", site.port), timeout=20)
    said = (
        f"PATCH {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {site.key}\r\nContent-Length: 6000000\r\n"
    )
    broken.sendall((said + "".join(f"{k}: {v}\r\n" for k, v in (PART | {"Upload-Offset": "0"}).items())).encode())
    broken.sendall(b"\r\n" + content[:3_500_000])
    until(lambda: offset(client, path) >= 3_000_000)
    locked = send(client, path, offset(client, path), b"x")
    assert (locked.status_code, locked.json()["code"], locked.headers["retry-after"]) == (423, "upload_locked", "1")
    assert client.delete(path, headers=TUS).status_code == 423
    broken.close()
    until(lambda: offset(client, path) == 3_500_000)  # also what was only in memory yet
    until(lambda: send(client, path, 0, b"").status_code == 409)
    answer = send(client, path, 3_500_000, content[3_500_000:])
    assert client.get(f"/videos/{answer.headers['x-video-id']}/source").content == content


def test_of_many_who_send_the_same_part_one_is_taken(site: Any, client: httpx.Client) -> None:
    content = film(400_000)
    path = begin(client, len(content))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: send(client, path, 0, content), range(8)))
    assert sorted({answer.status_code for answer in answers} - {423, 409}) == [204]
    [done] = [answer for answer in answers if answer.status_code == 204]
    assert client.get(f"/videos/{done.headers['x-video-id']}/source").content == content
    assert counts(site) == (1, 1)
    assert pieces(site, path) == []


@pytest.mark.parametrize("hashed", ["", "sha1"])
def test_a_killed_server_has_lost_nothing_that_came(
    site: Any, client: httpx.Client, alone: Callable[[], Any], hashed: str
) -> None:
    """kill -9 in the middle of a part, then another process: the offset is what is on the disk."""
    content = film(8_000_000)
    path = begin(client, len(content))
    send(client, path, 0, content[:1000])
    server = alone()
    wanted = PART | {"Upload-Offset": "1000", "Content-Length": str(len(content) - 1000)}
    if hashed:
        wanted["Upload-Checksum"] = checksum(hashed, content[1000:])
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as raw:
        said = f"PATCH {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {site.key}\r\n"
        raw.sendall((said + "".join(f"{name}: {value}\r\n" for name, value in wanted.items()) + "\r\n").encode())
        raw.sendall(content[1000:5_000_000])
        file = site.settings.storage_dir / "incoming" / path.rpartition("/")[2].replace("-", "")
        until(lambda: file.stat().st_size > 4_000_000)
        os.kill(server.pid, signal.SIGKILL)
        server.process.wait(20)
    there = offset(client, path)
    if hashed:  # nothing counts that was not checked
        assert there == 1000
    else:
        assert 4_000_000 < there <= 5_000_000
    answer = send(client, path, there, content[there:])
    assert answer.status_code == 204
    video = client.get(f"/videos/{answer.headers['x-video-id']}").json()
    assert video["sha256"] == hashlib.sha256(content).hexdigest()
    assert pieces(site, path) == []


def test_an_upload_that_was_whole_when_the_server_died_becomes_a_video(site: Any, client: httpx.Client) -> None:
    content = film(3000)
    path = begin(client, len(content))
    send(client, path, 0, content[:2999])
    file = site.settings.storage_dir / "incoming" / path.rpartition("/")[2].replace("-", "")
    with file.open("ab") as out:  # the last byte reached the disk, and nothing else happened
        out.write(content[2999:])
    answer = client.head(path, headers=TUS)
    assert (answer.status_code, answer.headers["upload-offset"]) == (200, "3000")
    assert client.get(f"/videos/{answer.headers['x-video-id']}/source").content == content
    assert pieces(site, path) == []


def test_a_video_that_was_stored_but_not_committed_is_made_again(site: Any, client: httpx.Client) -> None:
    """Killed between the file's new name and the commit: the file still has its old name too."""
    content = film(3000)
    path = begin(client, len(content))
    send(client, path, 0, content[:2999])
    upload_id = path.rpartition("/")[2]
    file = site.settings.storage_dir / "incoming" / upload_id.replace("-", "")
    with file.open("ab") as out:
        out.write(content[2999:])
    storage, key = DiskStorage(site.settings.storage_dir), f"{site.workspace_id}/videos/{upload_id}.mp4"
    asyncio.run(storage.adopt(file, key, keep=True))
    video = client.head(path, headers=TUS).headers["x-video-id"]
    assert client.get(f"/videos/{video}/source").content == content
    assert len(site.files) == 1


def test_memory_stays_flat_whatever_the_size(site: Any, client: httpx.Client, alone: Callable[[], Any]) -> None:
    size, block = 120_000_000, bytes(1_000_000)
    server = alone()
    process = psutil.Process(server.pid)
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", headers=dict(client.headers), **NEAR) as sender:
        path = begin(sender, size + len(HEAD))
        before, peak = process.memory_info().rss, 0

        def body() -> Iterator[bytes]:
            nonlocal peak
            yield HEAD
            for number in range(size // len(block)):
                if number % 10 == 0:
                    peak = max(peak, process.memory_info().rss)
                yield block

        answer = sender.patch(path, content=body(), headers=PART | {"Upload-Offset": "0"}, timeout=120)
    assert answer.status_code == 204, answer.text
    assert peak - before < 25_000_000


def test_an_upload_belongs_to_its_workspace(site: Any, client: httpx.Client) -> None:
    path = begin(client, 5000)
    send(client, path, 0, film(2000))
    with site.house.site().client() as stranger:
        for answer in (
            stranger.head(path, headers=TUS),
            send(stranger, path, 2000, b"x"),
            stranger.delete(path, headers=TUS),
        ):
            assert answer.status_code == 404
    assert offset(client, path) == 2000


# --- our own program ----------------------------------------------------------------------------------------


class BadLine(threading.Thread):
    """Passes bytes on to a port; each connection that has sent so many breaks, until there were so many of them."""

    def __init__(self, port: int, after: int, breaks: int) -> None:
        super().__init__(daemon=True)
        self.port, self.after, self.breaks = port, after, breaks
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def run(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                threading.Thread(target=self._pass_on, args=(self.listener.accept()[0],), daemon=True).start()

    def _pass_on(self, near: socket.socket) -> None:
        with near, socket.create_connection(("127.0.0.1", self.port)) as far:
            threading.Thread(target=self._answer, args=(far, near), daemon=True).start()
            seen = 0
            with contextlib.suppress(OSError):
                while block := near.recv(65536):
                    far.sendall(block)
                    seen += len(block)
                    if seen > self.after and self.breaks:
                        self.breaks -= 1
                        far.shutdown(socket.SHUT_RDWR)
                        return

    def _answer(self, far: socket.socket, near: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while block := far.recv(65536):
                near.sendall(block)


@pytest.mark.parametrize("large", [1, 10**9])
async def test_our_program_sends_over_a_bad_line(site: Any, tmp_path: Path, large: int) -> None:
    """Large files in parts from the start, others once the line has broken."""
    content = film(5_000_000)
    (tmp_path / "song.mp4").write_bytes(content)
    line = BadLine(site.port, 1_500_000, 3)
    line.start()
    api, heard = Api(line.url, site.key), [0]
    try:
        done = await api.upload(tmp_path / "song.mp4", title="Blue", sent=heard.append, large=large)
    finally:
        await api.close()
        line.listener.close()
    assert line.breaks == 0
    assert (done["video"]["title"], done["created"]) == ("Blue", True)
    assert done["video"]["sha256"] == hashlib.sha256(content).hexdigest()
    assert done["job"]["payload"] == {"video_id": done["video"]["id"]}
    assert max(heard) == len(content)


async def test_our_program_says_why_a_file_was_refused(site: Any, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"hello, world\n" * 1000)
    api = Api(site.url, site.key)
    try:
        with pytest.raises(Refused, match="a text"):
            await api.upload(tmp_path / "a.mp4", title=None, sent=lambda _: None, large=1)
    finally:
        await api.close()
