"""The whole story as `make demo` tells it, with films of seconds: over HTTP, with a server of its own.

upload -> clips -> variants -> approve -> publish on four platforms -> campaign -> metrics -> webhook -> ledger trace
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.cli.conftest import PATIENCE, Program, a_film, environment, interrupt, until
from tests.publishing.press import a_sandbox

from stakazo.cli.aftermath import COMMENT, missing
from stakazo.cli.outward import PUBLISHED, unpublished
from stakazo.cli.report import write
from stakazo.cli.screen import Silent
from stakazo.cli.story import Order, process
from stakazo.cli.verification import LEDGER, verified
from stakazo.core.settings import Settings
from stakazo.platforms.sandbox.world import World


@pytest.fixture(scope="module")
def world() -> World:
    made = World()
    made.processing = 0.2
    return made


def _client(settings: Settings) -> httpx.Client:
    url = json.loads((settings.data_dir / "serve.json").read_text())["url"]
    return httpx.Client(base_url=url, headers={"X-API-Key": settings.key_file.read_text().strip()}, trust_env=False)


@pytest.fixture(scope="module")
def there(server: Any, world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """How to reach a server whose platforms are the sandbox, and where whoever asks may approve."""
    name, tmp_path = f"t_{uuid4().hex}", tmp_path_factory.mktemp("there")
    with a_sandbox(world) as sandbox:
        program = Program(tmp_path, environment(tmp_path, server.create(name)) | {"STAKAZO_SANDBOX_URL": sandbox})
        child = program.start("serve", "--port", "0")
        until(lambda: (tmp_path / "var" / "serve.json").exists() or child.poll() is not None)
        assert child.poll() is None, child.communicate()
        settings = Settings(_env_file=None, data_dir=tmp_path / "var", sandbox_url=sandbox)
        with _client(settings) as http:
            http.put("/publishing/policy", json={"approval": "anyone"}).raise_for_status()
        yield settings
        interrupt(child)
        child.communicate(timeout=PATIENCE)
        program.end()
    server.drop(name)


def test_a_film_goes_out_and_what_came_back_is_known(there: Settings, world: World, tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    order = Order(tiny, out, recipes=tuple(PUBLISHED), clips=1, ledger=True, publish=True)
    done = asyncio.run(process(there, order, Silent()))
    [clip] = done.clips
    assert {variant["recipe"] for variant in clip["variants"]} == set(PUBLISHED)
    assert unpublished(done.posts, done.refused) == []
    assert done.after is not None
    assert missing(done.after, done.posts) == []
    assert done.after.heard is not None
    assert (done.after.heard["text"], done.after.heard["kind"]) == (COMMENT, "comment")

    told = Counter(step["event"] for step in done.life)
    for station, times in {
        "video_uploaded": 1, "video_analysed": 1, "clip_created": 1, "clip_accepted": 1, "variant_rendered": 4,
        "publication_approved": 4, "publication_published": 4, "campaign_launched": 1, "campaign_activated": 1,
        "publication_measured": 4, "comment_received": 1,
    }.items():  # fmt: skip
        assert told[station] == times, (station, told)
    assert done.after.spent is not None
    costs = [step["says"] for step in done.life if step["event"] == "campaign_measured"]
    assert f"had cost {done.after.spent['spend']} EUR in minor units" in costs[-1]
    report = verified(out / LEDGER, str(out / f"{Path(LEDGER).stem}.pub"), [(out / LEDGER).with_suffix(".checkpoint")])
    assert (report.fault, report.gaps) == (None, [])
    assert world.violations == []
    assert httpx.get(f"{there.sandbox_url}/sandbox/violations", trust_env=False).json() == []


def test_what_a_platform_does_not_take_is_said_and_nothing_is_lost(there: Settings, tmp_path: Path) -> None:
    film, out = a_film(tmp_path / "blink.mp4", 1, "320x180"), tmp_path / "out"
    order = Order(film, out, recipes=("instagram_reel",), publish=True)
    done = asyncio.run(process(there, order, Silent()))
    [refused] = done.refused
    assert "An Instagram Reel lasts 3 to 900 s; this file lasts 1" in refused.because
    assert (done.posts, done.after, missing(done.after, done.posts)) == ([], None, [])
    others = [f"Nothing was published on {platform}." for platform in PUBLISHED.values() if platform != "instagram"]
    assert unpublished(done.posts, done.refused) == others
    write(out / "report.html", done, film)
    assert refused.because in (out / "report.html").read_text()
