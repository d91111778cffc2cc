"""ETag, If-None-Match and If-Match: nothing is sent twice, and no edit of an old row overwrites a newer one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest

from stakazo.api.conditions import names


def test_tags_are_compared_by_what_they_name() -> None:
    assert names('"a"', '"a"')
    assert names('"b", W/"a"', '"a"')
    assert names("*", '"a"')
    assert not names('"b"', '"a"')
    assert not names("a", '"a"')


def _rule(client: httpx.Client) -> str:
    wanted = {"platform": "tiktok", "rule": {}, "evidence": {"why": uuid4().hex}}
    return f"/rules/{client.post('/rules', json=wanted).json()['id']}"


@pytest.mark.parametrize("kind", ["clip", "video", "variant", "job", "rule"])
def test_what_one_has_is_not_sent_again(client: httpx.Client, catalogue: Any, kind: str) -> None:
    ordered = client.post(f"{catalogue.clip}/variants", json={"recipes": ["tiktok"]}).json()
    path = {
        "clip": catalogue.clip,
        "video": f"/videos/{catalogue.video_id}",
        "variant": f"/variants/{ordered['variants'][0]['id']}",
        "job": f"/jobs/{ordered['job']['id']}",
        "rule": _rule(client),
    }[kind]
    first = client.get(path)
    tag = first.headers["etag"]
    again = client.get(path, headers={"If-None-Match": f'"old", {tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert client.get(path, headers={"If-None-Match": '"old"'}).json() == first.json()
    if kind == "job":
        client.post(f"{path}/cancel")
        assert client.get(path, headers={"If-None-Match": tag}).json()["state"] == "CANCELLED"


def test_every_edit_takes_if_match(client: httpx.Client, catalogue: Any) -> None:
    """An edit of what has changed since is refused and does nothing; one of what is there is done."""
    clip, rule, spare = catalogue.clip, _rule(client), _rule(client)
    variant = f"/variants/{client.post(f'{clip}/variants', json={'recipes': ['tiktok']}).json()['variants'][0]['id']}"
    edits = [
        ("patch", clip, clip, {"end": 9.0}),
        ("post", f"{clip}/accept", clip, None),
        ("post", f"{clip}/reject", clip, None),
        ("post", f"{rule}/activate", rule, None),
        ("post", f"{spare}/retire", spare, None),
        ("delete", variant, variant, None),
        ("delete", clip, clip, None),
        ("delete", f"/videos/{catalogue.video_id}", f"/videos/{catalogue.video_id}", None),
    ]
    spoken_of = {
        (method, path)
        for path, operations in client.get("/openapi.json").json()["paths"].items()
        for method, operation in operations.items()
        if any(parameter["name"] == "if-match" for parameter in operation.get("parameters", ()))
    }
    assert len(spoken_of) == len(edits)
    for method, path, subject, body in edits:
        before = client.get(subject)
        stale = client.request(method, path, headers={"If-Match": '"old"'}, json=body)
        assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed"), path
        assert client.get(subject).json() == before.json()
        done = client.request(method, path, headers={"If-Match": before.headers["etag"]}, json=body)
        assert done.is_success, done.text
        if method != "delete":
            assert done.headers["etag"] == client.get(subject).headers["etag"] != before.headers["etag"]


def test_of_two_edits_of_the_same_row_at_once_one_is_done(client: httpx.Client, catalogue: Any) -> None:
    for step in range(5):
        seen = {"If-Match": client.get(catalogue.clip).headers["etag"]}
        with ThreadPoolExecutor(2) as pool:
            asked = [
                pool.submit(client.patch, catalogue.clip, json={"end": end}, headers=seen)
                for end in (9.0 + step, 9.5 + step)
            ]
            both = [one.result() for one in asked]
        assert sorted(answer.status_code for answer in both) == [200, 412]
        done = next(answer for answer in both if answer.is_success)
        assert client.get(catalogue.clip).json()["end"] == done.json()["end"]


def test_what_is_not_there_is_404_whatever_the_tag(client: httpx.Client) -> None:
    answer = client.patch(f"/clips/{uuid4()}", json={"end": 9.0}, headers={"If-Match": '"old"'})
    assert answer.status_code == 404
