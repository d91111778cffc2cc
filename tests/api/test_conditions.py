"""ETag, If-None-Match and If-Match: nothing is sent twice, and no edit of an old row overwrites a newer one."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncSession
from tests.ads.stand import Stand
from tests.near import NEAR
from tests.publishing.press import Desk

from stakazo.api.conditions import names
from stakazo.cli.client import Api
from stakazo.core.actor import new_id
from stakazo.ledger import service as ledger
from stakazo.notifications.models import Notification
from stakazo.notifications.notices import Urgency


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


EDITS = {
    ("patch", "/auth/me"),
    ("patch", "/clips/{clip_id}"),
    ("patch", "/members/{user_id}"),
    ("patch", "/workspaces/{workspace_id}"),
    ("post", "/clips/{clip_id}/accept"),
    ("post", "/clips/{clip_id}/reject"),
    ("post", "/jobs/{job_id}/cancel"),
    ("post", "/jobs/{job_id}/retry"),
    ("post", "/rules/{rule_id}/activate"),
    ("post", "/rules/{rule_id}/retire"),
    ("patch", "/channels/{channel_id}"),
    ("patch", "/notifications/{notification_id}"),
    ("put", "/notifications/settings"),
    ("patch", "/publications/{publication_id}"),
    ("patch", "/webhooks/{webhook_id}"),
    ("patch", "/links/{link_id}"),
    ("post", "/publications/{publication_id}/approve"),
    ("post", "/inbox/{item_id}/done"),
    ("post", "/inbox/{item_id}/reopen"),
    ("post", "/inbox/{item_id}/reply"),
    ("post", "/publications/{publication_id}/cancel"),
    ("patch", "/ad-accounts/{ad_account_id}"),
    ("put", "/ads/policy"),
    ("put", "/ads/rules"),
    ("put", "/publishing/policy"),
    ("put", "/videos/{video_id}/rights"),
    ("patch", "/campaigns/{campaign_id}"),
    ("post", "/campaigns/{campaign_id}/activate"),
    ("post", "/campaigns/{campaign_id}/archive"),
    ("post", "/campaigns/{campaign_id}/pause"),
    ("delete", "/ad-accounts/{ad_account_id}"),
    ("delete", "/audiences/{audience_id}"),
    ("delete", "/api-keys/{key_id}"),
    ("delete", "/channels/{channel_id}"),
    ("delete", "/publications/{publication_id}"),
    ("delete", "/clips/{clip_id}"),
    ("delete", "/invitations/{invitation_id}"),
    ("delete", "/members/{user_id}"),
    ("delete", "/variants/{variant_id}"),
    ("delete", "/videos/{video_id}"),
    ("delete", "/webhooks/{webhook_id}"),
    ("delete", "/links/{link_id}"),
    ("delete", "/workspaces/{workspace_id}"),
}
"""Every edit that takes If-Match; all of them are tried below."""
OTHERWISE = {
    ("delete", "/notifications/subscriptions/{subscription_id}"): "a subscription is not edited: it ends",
    ("patch", "/uploads/{upload_id}"): "Upload-Offset says on what it builds",
    ("delete", "/uploads/{upload_id}"): "nobody edits an upload: what came of it is thrown away",
    ("delete", "/auth/sessions"): "whatever sessions there are, they end",
    ("delete", "/auth/sessions/{session_id}"): "a session is not edited: it ends",
}
"""Those that take none, and why."""


def test_every_edit_takes_if_match_or_is_known_not_to(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    operations = {(verb, path): said for path, verbs in paths.items() for verb, said in verbs.items()}
    takes = {
        edit
        for edit, said in operations.items()
        if any(parameter["name"] == "if-match" for parameter in said.get("parameters", ()))
    }
    assert takes == EDITS
    edits = {(verb, path) for verb, path in operations if verb in {"patch", "put", "delete"}}
    assert edits - takes == set(OTHERWISE)


def test_an_edit_of_what_has_changed_since_is_refused(
    client: httpx.Client, site: Any, people: Any, catalogue: Any
) -> None:
    """It does nothing; one of what is there is done."""
    clip, rule, spare = catalogue.clip, _rule(client), _rule(client)
    ordered = client.post(f"{clip}/variants", json={"recipes": ["tiktok"]}).json()
    variant, job = f"/variants/{ordered['variants'][0]['id']}", f"/jobs/{ordered['job']['id']}"
    owner, member, other = people.join("OWNER"), people.join("VIEWER"), people.join("VIEWER")
    invitation = client.post("/invitations", json={"role": "VIEWER"}).json()["invitation"]["id"]
    key = client.post("/api-keys", json={"name": "robot"}).json()["key"]["id"]
    workspace = f"/workspaces/{site.workspace_id}"
    desk = Desk(site, None, client)
    told = client.post("/webhooks", json={"url": "https://hooks.example.com/in"}).json()["webhook"]["id"]
    webhook = f"/webhooks/{told}"
    target = {"name": "spotify", "url": "https://open.spotify.com/track/1"}
    link = f"/links/{client.post('/links', json={'targets': [target]}).json()['id']}"
    channel, idle = (f"/channels/{desk.channel('facebook', unseen=page)}" for page in ("a", "b"))
    planned, posted = (f"/publications/{found}" for found in _publications(client, desk, channel))
    stand = Stand(site, None, client)
    advertiser, campaign = f"/ad-accounts/{stand.account('78')}", f"/campaigns/{stand.launched()}"
    audience = f"/audiences/{stand.audience()}"
    rights = f"/videos/{catalogue.video_id}/rights"
    item = desk.said(channel.rpartition("/")[2])
    notice, settings = _notification(site), "/notifications/settings"
    edits = [
        ("patch", "/auth/me", "/auth/me", {"name": "Anna"}),
        ("patch", workspace, workspace, {"name": "Verve"}),
        ("patch", f"/members/{member.id}", f"/members/{member.id}", {"role": "EDITOR"}),
        ("delete", f"/members/{other.id}", f"/members/{other.id}", None),
        ("delete", f"/invitations/{invitation}", f"/invitations/{invitation}", None),
        ("delete", f"/api-keys/{key}", f"/api-keys/{key}", None),
        ("post", f"{job}/cancel", job, None),
        ("post", f"{job}/retry", job, None),
        ("patch", clip, clip, {"end": 9.0}),
        ("post", f"{clip}/accept", clip, None),
        ("post", f"{clip}/reject", clip, None),
        ("post", f"{rule}/activate", rule, None),
        ("post", f"{spare}/retire", spare, None),
        ("patch", idle, idle, {"name": "Blue Note"}),
        ("delete", idle, idle, None),
        ("post", f"{item}/done", item, None),
        ("post", f"{item}/reopen", item, None),
        ("post", f"{item}/reply", item, {"text": "Thanks"}),
        ("patch", notice, notice, {"read": True}),
        ("put", settings, settings, {"muted": ["job.*"]}),
        ("patch", planned, planned, {"caption": "Out now"}),
        ("post", f"{planned}/approve", planned, None),
        ("post", f"{planned}/cancel", planned, None),
        ("delete", posted, posted, None),
        ("patch", webhook, webhook, {"description": "Another"}),
        ("delete", webhook, webhook, None),
        ("patch", link, link, {"title": "Blue"}),
        ("delete", link, link, None),
        ("put", "/publishing/policy", "/publishing/policy", {"approval": "another"}),
        ("put", rights, rights, {"artist": "Ann", "embargo_until": "2030-01-01T00:00:00+01:00"}),
        ("put", "/ads/policy", "/ads/policy", {"limits": {"USD": {"day": 5}, "EUR": {"campaign": 100_000}}}),
        (
            "put",
            "/ads/rules",
            "/ads/rules",
            {"rules": [{"name": "r", "action": "pause", "metric": "cost_per_click", "above": 9}]},
        ),
        ("patch", advertiser, advertiser, {"name": "Blue Note"}),
        ("delete", advertiser, advertiser, None),
        ("delete", audience, audience, None),
        ("patch", campaign, campaign, {"name": "Green"}),
        ("post", f"{campaign}/activate", campaign, None),
        ("post", f"{campaign}/pause", campaign, None),
        ("post", f"{campaign}/archive", campaign, None),
        ("delete", variant, variant, None),
        ("delete", clip, clip, None),
        ("delete", f"/videos/{catalogue.video_id}", f"/videos/{catalogue.video_id}", None),
        ("delete", f"{workspace}?name=Verve", workspace, None),
    ]
    assert len(edits) == len(EDITS)
    for method, path, subject, body in edits:
        http = owner.http if subject in {"/auth/me", workspace, notice, settings} else client
        before = http.get(subject)
        stale = http.request(method, path, headers={"If-Match": '"old"'}, json=body)
        assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed"), path
        assert http.get(subject).json() == before.json()
        assert http.get(subject, headers={"If-None-Match": before.headers["etag"]}).status_code == 304
        done = http.request(method, path, headers={"If-Match": before.headers["etag"]}, json=body)
        assert done.is_success, done.text
        if method != "delete":
            assert done.headers["etag"] == http.get(subject).headers["etag"] != before.headers["etag"]


def _notification(site: Any) -> str:
    made = new_id()

    async def hear(session: AsyncSession) -> None:
        post = new_id()
        event = await ledger.record(session, "publication_failed", subject=("publication", post))
        said = {"kind": "publication.failed", "urgency": Urgency.WARNING, "title": "A post", "needs": "clips:read"}
        about = {"subject_type": "publication", "subject_id": post, "happened_at": datetime.now(UTC)}
        session.add(Notification(id=made, event_id=event, **said, **about))

    site.within(hear)
    return f"/notifications/{made}"


def _publications(client: httpx.Client, desk: Desk, channel: str) -> list[str]:
    """One that awaits approval, and one that a person has posted."""
    client.put("/publishing/policy", json={"approval": "anyone"}).raise_for_status()
    first, second = desk.variants("facebook_feed", count=2)
    (planned,) = desk.want([first], [channel.rpartition("/")[2]], at="2030-01-01T18:00:00Z")
    said = {"variant_id": second, "platform": "facebook", "channel_id": planned["channel_id"], "external_id": "7"}
    return [planned["id"], client.post("/confirm_publish", json=said).json()["id"]]


def test_a_key_that_is_used_is_not_edited_by_that(site: Any, client: httpx.Client) -> None:
    made = client.post("/api-keys", json={"name": "robot"}).json()
    path = f"/api-keys/{made['key']['id']}"
    tag = client.get(path).headers["etag"]
    assert httpx.get(f"{site.url}/clips", headers={"X-API-Key": made["token"]}, **NEAR).status_code == 200
    assert client.get(path).json()["last_used_at"] is not None
    assert client.delete(path, headers={"If-Match": tag}).status_code == 204


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


def test_what_the_program_edits_it_edits_as_it_is_by_then(site: Any, client: httpx.Client) -> None:
    """Somebody else says something between its reading and its writing: it reads anew, and nothing is lost."""
    seen: list[Any] = []

    def change(found: dict[str, Any]) -> dict[str, Any]:
        if not seen:
            client.put("/ads/policy", json={"limits": {"USD": {"day": 5}}}).raise_for_status()
        seen.append(found["limits"])
        return {"limits": found["limits"] | {"EUR": {"day": 7}}}

    async def work() -> dict[str, Any]:
        api = Api(site.url, site.key)
        try:
            return await api.edit("/ads/policy", change)
        finally:
            await api.close()

    assert set(asyncio.run(work())["limits"]) == {"EUR", "USD"}
    assert [set(limits) for limits in seen] == [set(), {"USD"}]
