"""The debug endpoints: what happened, how much there is, and whether work gets done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import psycopg
from sqlalchemy import make_url

from stakazo.core import postgres
from stakazo.core.actor import new_id

FILE = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41" + b"\0" * 500


def _worker(site: Any, *, queues: str = "{media,default}", age: int = 0) -> None:
    """The row of a worker that gave its last sign of life so many seconds ago."""
    with psycopg.connect(postgres.conninfo(site.urls.owner), autocommit=True) as connection:
        connection.execute(
            "insert into workers (id, name, queues, version, heartbeat_at)"
            " values (%s, 'here:1', %s, '0', clock_timestamp() - make_interval(secs => %s))",
            (new_id(), queues, age),
        )


def _checks(client: httpx.Client) -> tuple[int, dict[str, bool]]:
    answer = client.get("/debug/health")
    return answer.status_code, {check["name"]: check["ok"] for check in answer.json()["checks"]}


def test_health_fails_without_a_living_worker(site_with: Callable[..., Any]) -> None:
    site = site_with()
    with site.client() as client:
        good = {"database": True, "migrations": True, "workers": True, "disk": True}
        assert _checks(client) == (503, good | {"workers": False})
        _worker(site, age=3600)
        assert _checks(client) == (503, good | {"workers": False})
        _worker(site, queues="{media}")
        assert _checks(client) == (503, good | {"workers": False})
        _worker(site)
        assert _checks(client) == (200, good)


def test_health_fails_when_the_tables_are_behind(site_with: Callable[..., Any]) -> None:
    site = site_with()
    _worker(site)
    with psycopg.connect(postgres.conninfo(site.urls.owner), autocommit=True) as connection:
        connection.execute("update alembic_version set version_num = '0000'")
    with site.client() as client:
        status, checks = _checks(client)
    assert (status, checks["migrations"]) == (503, False)


def test_health_fails_when_the_disk_is_full(site_with: Callable[..., Any]) -> None:
    site = site_with(min_free_bytes=1 << 60, stalled_after=600.0)
    _worker(site)
    with site.client() as client:
        status, checks = _checks(client)
    assert (status, checks["disk"], checks["workers"]) == (503, False, True)


def test_health_says_that_the_database_is_gone(server: Any, site_with: Callable[..., Any]) -> None:
    """Although then nobody knows whose key it is; whoever has none hears nothing."""
    site = site_with()
    name = make_url(site.urls.app).database
    with psycopg.connect(postgres.conninfo(server.superuser("postgres")), autocommit=True) as superuser:
        superuser.execute(f"alter database {name} with allow_connections false")
        superuser.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name])
        with site.client() as client:
            assert _checks(client) == (503, {"database": False})
            assert client.get("/debug/jobs/summary").json()["code"] == "unavailable"
            assert client.get("/debug/health", headers={"Authorization": ""}).status_code == 401
            superuser.execute(f"alter database {name} with allow_connections true")
            assert _checks(client)[1]["database"] is True


def test_the_ledger_shows_the_newest_first_and_follows_one_request(client: httpx.Client) -> None:
    request_id = str(uuid4())
    client.post("/upload", files={"file": ("a.mp4", FILE)}, headers={"X-Request-Id": request_id})
    client.post("/upload", files={"file": ("b.mp4", FILE + b"2")})
    recent = client.get("/debug/ledger/recent", params={"limit": 3}).json()["items"]
    assert len(recent) == 3
    assert recent[0]["id"] > recent[-1]["id"]
    thread = client.get(f"/debug/ledger/trace/{request_id}").json()["items"]
    assert [event["event"] for event in thread] == ["video_uploaded", "job_created"]


def test_the_summaries_count(client: httpx.Client) -> None:
    client.post("/upload", files={"file": ("a.mp4", FILE)})
    jobs = client.get("/debug/jobs/summary").json()
    assert jobs["states"]["PENDING"] == 1
    assert jobs["types"] == {"cut_analysis": {"PENDING": 1}}
    clips = client.get("/debug/clips/summary").json()
    assert (sum(clips["clips"].values()), sum(clips["variants"].values()), clips["seconds"]) == (0, 0, 0.0)
