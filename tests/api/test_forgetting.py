"""What a video is called, and what its failures say: in no event, to be read with its key, and gone with it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import psycopg
from sqlalchemy import make_url
from tests.api.conftest import People
from tests.api.test_canaries import Canaries
from tests.api.test_ledger import seal
from tests.api.test_tus import begin, film, send

from stakazo.core.actor import new_id
from stakazo.core.postgres import conninfo
from stakazo.ledger import service as ledger
from stakazo.ledger.checkpoint import VerifierKey
from stakazo.ledger.verify import verify
from stakazo.notifications import noticing
from stakazo.notifications.jobs import send_digest


def ledger_of(superuser: str, site: Any) -> str:
    """The workspace's events as they lie in the database."""
    wanted = f"copy (select * from ledger_events where workspace_id = '{site.workspace_id}' order by id) to stdout"
    with psycopg.connect(conninfo(superuser)) as connection, connection.cursor().copy(wanted) as rows:
        return "".join(bytes(row).decode() for row in rows)


def export(client: httpx.Client) -> str:
    """The whole ledger, which verifies."""
    found = client.get("/ledger/export").text
    report = verify(found.splitlines(), [VerifierKey.parse(client.get("/ledger/keys").text.strip())])
    assert (report.fault, report.gaps) == (None, [])
    return found


def test_a_video_is_forgotten_with_all_that_was_said_of_it(site: Any, client: httpx.Client, server: Any) -> None:
    canaries, superuser = Canaries(), server.superuser(make_url(site.urls.owner).database)
    content = film(4000)
    name, title = canaries.plant("a file name"), canaries.plant("a title")
    path = begin(client, len(content), filename=f"{name}.mp4", title=title)
    sent = send(client, path, 0, content)
    video, job = sent.headers["x-video-id"], sent.headers["x-job-id"]
    client.post(f"/jobs/{job}/process").raise_for_status()
    failed = client.get(f"/videos/{video}").json()["error"]
    canaries.plant("a reason", failed["detail"])
    address = canaries.plant("an address")
    wanted = client.post("/imports", json={"url": f"http://127.0.0.1:9/{address}.mp4"}).json()
    seal(site)
    site.within(noticing.take_in)

    def elsewhere() -> list[str]:
        """What the jobs about it say, and what people were told of those."""
        found = client.get("/jobs", params={"video_id": video}).json()["items"][0]
        assert (found["id"], found["error"]["code"]) == (job, failed["code"])
        told = client.get("/notifications", params={"kind": "job.processing_failed"}).json()["items"]
        return [json.dumps(found["error"]), *(one["detail"] for one in told if one["subject_id"] == job)]

    def shown() -> list[str]:
        """What can be read of it, by whoever may read the ledger."""
        statement, trace = client.get("/ledger/statement").text, client.get(f"/ledger/trace/{video}").text
        return [client.get("/ledger/events", params={"limit": 200}).text, export(client), statement, trace]

    lies = ledger_of(superuser, site)
    assert canaries.found_in(lies) == []
    assert failed["code"] in lies  # codes are no secret
    events, exported, statement, trace = (set(canaries.found_in(text)) for text in shown())
    assert events == exported == {"a file name", "a title", "a reason", "an address"}
    assert statement == {"a file name", "a title"}
    assert trace == {"a file name", "a reason"}
    assert [canaries.found_in(text) for text in elsewhere()] == [["a reason"], ["a reason"]]

    for subject in (f"video/{video}", f"import/{wanted['id']}"):
        assert client.post("/ledger/erasures", json={"person": subject}).status_code == 204
    seal(site)
    after = [*shown(), *elsewhere()]
    assert [canaries.found_in(text) for text in after] == [[]] * 6
    assert all("[erased]" in text for text in after)
    assert ledger_of(superuser, site).startswith(lies)  # nothing was written anew


def test_who_leaves_is_not_named_by_what_went_wrong_with_their_letters(
    site: Any, client: httpx.Client, people: People
) -> None:
    ann, bob = people.join("EDITOR"), people.join("EDITOR")

    async def fail(session: Any) -> list[str]:
        made = []
        for person in (ann, bob):
            row = await send_digest.start(session, UUID(person.id), datetime.now(UTC), datetime.now(UTC))
            row.error = {"code": "refused", "detail": f"{person.email}?", "traceback": "x"}
            made.append(str(row.id))
        return made

    theirs, others = (f"/jobs/{row}" for row in site.within(fail))
    ann.http.post("/auth/me/delete", json={"password": ann.password}).raise_for_status()
    assert client.get(theirs).json()["error"] == {"code": "refused", "detail": "[erased]", "retryable": False}
    assert bob.email in client.get(others).text


def test_events_from_before_stay_as_they_are(site: Any, client: httpx.Client) -> None:
    """Nothing that is hashed can be mended: what once was written in the open is shown, and erased nowhere."""
    video = new_id()

    async def upload(session: Any) -> None:
        said: dict[str, Any] = {"size_bytes": 12, "sha256": "ab" * 32}
        await ledger.record(session, "video_uploaded", subject=("video", video), filename="blue.mp4", **said)

    site.within(upload)
    seal(site)
    assert "blue.mp4" in client.get("/ledger/statement").text
