"""Two machines that share a database and a bucket, and no disk: from the upload to the post."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest
from tests.api.serving import House
from tests.publishing.press import Desk, a_house, public
from tests.s3 import Bucket, serving

from stakazo.platforms.sandbox.world import World

COPIES = 400_000
"""Bytes of copies that a machine keeps."""


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    with serving(Bucket()) as bucket:
        yield bucket


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The disks of the API and of the worker."""
    return tmp_path_factory.mktemp("api"), tmp_path_factory.mktemp("worker")


@pytest.fixture(scope="module")
def house(
    server: Any, world: World, bucket: Bucket, machines: tuple[Path, Path], uncounted: dict[str, Any]
) -> Iterator[House]:
    shared = {
        "storage_url": "s3://media/main",
        "storage_endpoint": bucket.url,
        "storage_copies_bytes": COPIES,
        "master_keys": base64.b64encode(os.urandom(32)).decode(),
    }
    api, worker = machines
    with a_house(server, world, queues=(), worker={"data_dir": worker}, data_dir=api, **shared, **uncounted) as house:
        yield house


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real video of four seconds with sound."""
    path, program = (
        tmp_path_factory.mktemp("tiny") / "tiny.mp4",
        [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error"],
    )
    sources = ["-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=4", "-f", "lavfi", "-i", "sine=f=330:d=4"]
    subprocess.run([*program, *sources, "-preset", "ultrafast", "-c:a", "aac", str(path)], check=True, timeout=120)
    return path


def left(machine: Path) -> list[Path]:
    """What lies on a machine's disk, but for its copies and what tells that a process lives."""
    storage = machine / "storage"
    found = [path.relative_to(storage) for path in storage.rglob("*") if path.is_file() and path.name != "alive"]
    return [path for path in found if path.parts[0] != "copies"]


def test_a_film_goes_from_one_machine_to_the_other_and_out(
    desk: Desk, bucket: Bucket, machines: tuple[Path, Path], tiny: Path
) -> None:
    http, content = desk.http, tiny.read_bytes()
    sent = http.post("/upload", files={"file": ("blue.mp4", content)}).json()
    video_id = sent["video"]["id"]
    source = http.get(f"/videos/{video_id}/source", headers={"Range": "bytes=100-299"})
    assert (source.status_code, source.content) == (206, content[100:300])
    assert source.headers["content-range"] == f"bytes 100-299/{len(content)}"
    desk.eventually(lambda: http.get("/clips", params={"video_id": video_id}).json()["items"])
    clip = http.get("/clips", params={"video_id": video_id}).json()["items"][0]
    assert http.get(f"/clips/{clip['id']}/thumbnail").content[:3] == b"\xff\xd8\xff"
    assert http.get(f"/videos/{video_id}/analysis").json()

    bucket.away = True  # for a while
    ordered = http.post(f"/clips/{clip['id']}/variants", json={"recipes": ["facebook_feed"]}).json()
    refused = http.post("/upload", files={"file": ("other.mp4", content[:-1])})
    assert (refused.status_code, refused.json()["code"], refused.json()["retryable"]) == (503, "storage_away", True)
    assert "Nothing was lost" in refused.json()["detail"]
    assert not any(word in refused.text for word in (bucket.name, bucket.url))  # that is nobody's business
    assert http.get(f"/videos/{video_id}/source").status_code == 503
    desk.eventually(lambda: http.get(f"/jobs/{ordered['job']['id']}").json()["state"] == "RETRY")
    waiting = http.get(f"/jobs/{ordered['job']['id']}").json()
    assert waiting["error"]["code"] == "storage_away"
    bucket.away = False
    desk.hurry(ordered["job"]["id"])

    variant = f"/variants/{ordered['variants'][0]['id']}"
    desk.eventually(lambda: http.get(variant).json()["state"] == "READY")
    whole = http.get(f"{variant}/file")
    assert len(whole.content) == http.get(variant).json()["size_bytes"]
    parts = http.get(f"{variant}/file", headers={"Range": "bytes=0-3,10-13"})
    assert parts.headers["content-type"].startswith("multipart/byteranges")
    assert http.get(f"{variant}/file", headers={"If-None-Match": whole.headers["etag"]}).status_code == 304

    bucket.asked.clear()
    bucket.away = True
    (wanted,) = desk.want([ordered["variants"][0]["id"]], [desk.channel("facebook")], caption="From the bucket")
    desk.eventually(lambda: http.get(f"/jobs/{desk.show(wanted)['job_id']}").json()["state"] == "RETRY")
    bucket.away = False
    assert desk.until(wanted, hurry=True)["state"] == "PUBLISHED"
    assert public(desk.world)["From the bucket"] == 1
    [read] = {asked.partition("?")[0] for method, asked, size in bucket.asked if method == "GET" and size > 10_000}
    assert "/variants/" in read

    kinds = {key.split("/")[2] for key in bucket.things}
    assert kinds == {"videos", "analyses", "thumbnails", "variants"}
    for machine in machines:
        assert left(machine) == []
        assert sum(path.stat().st_size for path in (machine / "storage/copies").glob("*")) <= COPIES

    with http.stream("GET", f"/workspaces/{desk.site.workspace_id}/export") as answer:
        exported = b"".join(answer.iter_bytes())
    assert content in exported
    assert whole.content in exported
    assert http.get("/debug/health").json() is not None
    assert http.delete(f"/videos/{video_id}").status_code == 409  # it is out
