"""The ledger over HTTP: read, traced, proven, taken away, and a person forgotten."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any
from uuid import UUID

import pytest

from stakazo.core.actor import new_id
from stakazo.ledger import checkpoint, merkle
from stakazo.ledger import service as ledger
from stakazo.ledger.checkpoint import VerifierKey
from stakazo.ledger.keys import KeyFolder
from stakazo.ledger.outlets import CheckpointFile
from stakazo.ledger.sealer import Sealer
from stakazo.ledger.verify import verify


def seal(site: Any) -> None:
    """What a worker would do within seconds, until nothing of this workspace waits."""

    async def rounds() -> None:
        settings = site.settings
        keys, file = KeyFolder(settings.ledger_key_dir), CheckpointFile(settings.checkpoint_dir)
        async with Sealer(site.urls.app, name="stakazo", keys=keys, file=file).open() as sealer, asyncio.timeout(60):
            with site.client() as http:
                while True:
                    await sealer.round()
                    items = http.get("/ledger/events", params={"limit": 200}).json()["items"]
                    if all(item["position"] is not None for item in items):
                        return
                    await asyncio.sleep(0.01)

    asyncio.run(rounds())


def write(site: Any, event: str = "clip_accepted", **data: Any) -> UUID:
    subject = new_id()

    async def work(session: Any) -> None:
        await ledger.record(session, event, subject=("clip", subject), **data)

    site.within(work)
    return subject


def test_events_have_their_places_once_they_are_sealed(site: Any):
    subject = write(site, number=1)
    with site.client() as http:
        [event] = http.get("/ledger/events", params={"subject": f"clip/{subject}"}).json()["items"]
        assert (event["position"], event["event"], event["data"]) == (None, "clip_accepted", {"number": 1})
        assert http.get(f"/ledger/proof/{event['id']}").status_code == 409
        seal(site)
        [event] = http.get("/ledger/events", params={"subject": str(subject)}).json()["items"]
        assert isinstance(event["position"], int)
        assert http.get("/ledger/events", params={"subject": "clip"}).status_code == 422
        page = http.get("/ledger/events", params={"limit": 1}).json()
        assert len(page["items"]) == 1


def test_a_proof_holds(site: Any):
    for number in range(5):
        write(site, number=number)
    seal(site)
    with site.client() as http:
        for event in http.get("/ledger/events").json()["items"]:
            shown = http.get(f"/ledger/proof/{event['id']}").json()
            leaf = merkle.leaf_hash(base64.b64decode(shown["canonical"]))
            signed = shown["checkpoint"]
            path = [base64.b64decode(one) for one in shown["proof"]]
            root = base64.b64decode(signed["root"])
            assert merkle.verify_inclusion(leaf, shown["position"], signed["size"], path, root)
            assert checkpoint.read(signed["note"]).checkpoint.root == root
        assert http.get(f"/ledger/proof/{new_id()}").status_code == 404


def test_checkpoints_lead_from_one_to_the_next(site: Any):
    with site.client() as http:
        assert http.get("/ledger/checkpoints/latest").status_code == 404
        for _ in range(3):
            write(site)
            seal(site)
        sizes = [row["size"] for row in http.get("/ledger/checkpoints").json()["items"]]
        assert len(sizes) == 3
        latest = http.get("/ledger/checkpoints/latest")
        assert latest.headers["content-type"] == "text/plain; charset=utf-8"
        assert checkpoint.read(latest.text).checkpoint.size == sizes[0]
        shown = http.get("/ledger/consistency", params={"from": sizes[-1]}).json()
        assert merkle.verify_consistency(
            sizes[-1],
            sizes[0],
            [base64.b64decode(one) for one in shown["proof"]],
            base64.b64decode(shown["old"]["root"]),
            base64.b64decode(shown["new"]["root"]),
        )
        assert http.get("/ledger/consistency", params={"from": sizes[0], "to": sizes[-1]}).status_code == 422
        assert http.get("/ledger/consistency", params={"from": 999}).status_code == 404


def test_an_export_can_be_checked_by_anyone(site: Any):
    subjects = [write(site, place="Ünïcode 音楽") for _ in range(4)]
    seal(site)
    with site.client() as http:
        keys = [VerifierKey.parse(line) for line in http.get("/ledger/keys").text.splitlines()]
        kept = checkpoint.read(http.get("/ledger/checkpoints/latest").text)
        whole = http.get("/ledger/export")
        assert whole.headers["content-type"] == "application/jsonl"
        report = verify(whole.text.splitlines(), keys, [kept])
        assert (report.fault, report.events, report.outside) == (None, kept.checkpoint.size, [kept.checkpoint.size])
        part = http.get("/ledger/export", params={"subject": f"clip/{subjects[1]}"})
        found = verify(part.text.splitlines(), keys, [kept])
        assert (found.fault, found.events, found.complete) == (None, 1, False)
        assert json.loads(part.text.splitlines()[2])["data"] == {"place": "Ünïcode 音楽"}


def test_an_export_of_nothing_is_refused(site: Any):
    with site.client() as http:
        assert http.get("/ledger/export").status_code == 404
        assert http.get("/ledger/keys").status_code == 404


def test_a_life_is_told(site: Any):
    subject = write(site, start=1.0, end=3.5)
    with site.client() as http:
        story = http.get(f"/ledger/trace/{subject}").json()
        assert [step["says"] for step in story["steps"]] == ["The clip was accepted (0:01.00 to 0:03.50, 2.50 s)"]
        assert http.get(f"/ledger/trace/{new_id()}").status_code == 404


def test_a_person_is_forgotten(site: Any):
    person = new_id()
    write(site, personal={"email": "ann@example.org"}, person=("user", person))
    with site.client() as http:
        assert http.get("/ledger/events").json()["items"][0]["personal"]["values"] == {"email": "ann@example.org"}
        assert http.post("/ledger/erasures", json={"person": f"user/{person}"}).status_code == 204
        newest, event = http.get("/ledger/events", params={"limit": 2}).json()["items"]
        assert (newest["event"], event["personal"]["values"]) == ("person_erased", "[erased]")
        assert http.post("/ledger/erasures", json={"person": f"user/{person}"}).status_code == 404
        assert http.post("/ledger/erasures", json={"person": str(person)}).status_code == 422


@pytest.mark.parametrize("path", ["events", "checkpoints", "checkpoints/latest", "keys", "export"])
def test_a_key_is_needed(site: Any, path: str):
    with site.client() as http:
        http.headers.pop("Authorization")
        assert http.get(f"/ledger/{path}").status_code == 401


def test_a_statement_can_be_sent_to_an_artist(site: Any):
    video = new_id()

    async def upload(session: Any) -> None:
        said: dict[str, Any] = {"filename": "blå.mp4", "title": "Blå", "size_bytes": 12, "sha256": "ab" * 32}
        await ledger.record(session, "video_uploaded", subject=("video", video), **said)

    site.within(upload)
    with site.client() as http:
        assert http.get("/ledger/statement").status_code == 404
        seal(site)
        page = http.get("/ledger/statement", params={"video_id": str(video)})
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "Statement for Blå" in page.text
        pdf = http.get("/ledger/statement", params={"format": "pdf"})
        assert pdf.headers["content-type"] == "application/pdf"
        assert pdf.content.startswith(b"%PDF-")
        assert http.get("/ledger/statement", params={"video_id": str(new_id())}).status_code == 404
