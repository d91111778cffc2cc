"""Workspaces, their members, and invitations to them."""

from __future__ import annotations

import io
import json
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from tests.near import NEAR

from stakazo.core.postgres import conninfo


def events(site: Any) -> list[str]:
    with psycopg.connect(conninfo(site.urls.app)) as connection:
        connection.execute("select set_config('stakazo.workspace', %s, true)", [str(site.workspace_id)])
        return [event for (event,) in connection.execute("select event from ledger_events order by id").fetchall()]


# --- workspaces ---------------------------------------------------------------------------------------------


def test_one_acts_in_one_workspace_and_switches(site: Any, people: Any) -> None:
    ann = people.join("VIEWER")
    made = ann.http.post("/workspaces", json={"name": "Verve"})
    assert (made.status_code, made.json()["role"]) == (201, "OWNER")
    verve = made.json()["id"]
    assert [place["name"] for place in ann.http.get("/workspaces").json()["items"]] == ["Blue Note", "Verve"]
    assert ann.http.get(f"/workspaces/{verve}").status_code == 404  # one acts in the other
    assert ann.http.get(f"/workspaces/{site.workspace_id}").json()["name"] == "Blue Note"
    assert ann.http.patch(f"/workspaces/{site.workspace_id}", json={"name": "Mine"}).status_code == 403
    before = ann.http.headers["Authorization"]
    switched = ann.http.post(f"/workspaces/{verve}/switch")
    assert switched.json()["workspace_id"] == verve
    ann.use(switched.json()["access_token"])
    assert ann.http.get("/auth/me").json()["workspace_id"] == verve
    assert ann.http.patch(f"/workspaces/{verve}", json={"name": "Verve Records"}).json()["name"] == "Verve Records"
    assert ann.http.patch(f"/workspaces/{site.workspace_id}", json={"name": "Mine"}).status_code == 404
    assert ann.http.get("/members").json()["items"][0]["role"] == "OWNER"
    assert ann.sign_in().json()["workspace_id"] == verve  # where they were last
    assert ann.sign_in(workspace_id=str(site.workspace_id)).json()["workspace_id"] == str(site.workspace_id)
    old = httpx.get(f"{site.url}/auth/me", headers={"Authorization": before}, **NEAR)
    assert old.json()["workspace_id"] == str(site.workspace_id)  # a token says where it acts
    again = httpx.post(f"{site.url}/auth/refresh", json={"refresh_token": ann.session["refresh_token"]}, **NEAR)
    assert again.json()["workspace_id"] == verve
    assert "workspace_created" not in events(site)  # that is the other's ledger


def test_other_peoples_workspaces_are_not_there(site: Any, people: Any) -> None:
    ann = people.join("OWNER")
    other = site.house.site()
    for path in (f"/workspaces/{other.workspace_id}", f"/workspaces/{uuid4()}"):
        answers = [
            ann.http.get(path),
            ann.http.patch(path, json={"name": "x"}),
            ann.http.delete(path, params={"name": "Blue Note"}),
            ann.http.post(f"{path}/switch"),
            ann.http.post(f"{path}/leave"),
            ann.http.post(f"{path}/transfer", json={"user_id": ann.id}),
            ann.http.get(f"{path}/export"),
        ]
        assert {answer.status_code for answer in answers} == {404}


def test_an_owner_hands_a_workspace_over(site: Any, people: Any) -> None:
    ann, bob = people.join("OWNER"), people.join("VIEWER")
    path = f"/workspaces/{site.workspace_id}/transfer"
    assert bob.http.post(path, json={"user_id": bob.id}).status_code == 403
    assert ann.http.post(path, json={"user_id": str(uuid4())}).status_code == 404
    assert ann.http.post(path, json={"user_id": ann.id}).status_code == 409
    assert ann.http.post(path, json={"user_id": bob.id}).json()["role"] == "OWNER"
    assert {row["user_id"]: row["role"] for row in bob.http.get("/members").json()["items"]} == {
        ann.id: "MANAGER",
        bob.id: "OWNER",
    }
    assert ann.http.post(path, json={"user_id": ann.id}).status_code == 403  # it acts at once
    assert "ownership_transferred" in events(site)


def test_leaving(site: Any, people: Any) -> None:
    ann, bob = people.join("OWNER"), people.join("EDITOR")
    path = f"/workspaces/{site.workspace_id}/leave"
    last = ann.http.post(path)
    assert (last.status_code, last.json()["code"]) == (409, "conflict")
    assert bob.http.post(path).status_code == 204
    assert bob.http.get("/clips").status_code == 403
    assert bob.http.get("/auth/me").json()["role"] is None
    assert bob.http.get("/workspaces").json()["items"] == []
    assert bob.http.post(path).status_code == 404
    assert "member_left" in events(site)


def test_export_and_delete(site: Any, people: Any, client: httpx.Client, mp4: bytes) -> None:
    ann, bob = people.join("OWNER"), people.join("MANAGER")
    client.post("/upload", files={"file": ("blue.mp4", mp4)})
    other = site.house.site()
    path = f"/workspaces/{site.workspace_id}"
    assert bob.http.get(f"{path}/export").status_code == 403
    answer = ann.http.get(f"{path}/export")
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        rows = {
            name.removeprefix("rows/").removesuffix(".jsonl"): [json.loads(line) for line in archive.open(name)]
            for name in names
            if name.startswith("rows/")
        }
        [film] = [name for name in names if name.startswith("files/")]
        assert archive.read(film) == mp4
        everything = b"".join(archive.read(name) for name in names).decode("latin-1")
    assert rows["video_assets"][0]["title"] == "blue"
    assert {row["user_id"] for row in rows["memberships"]} == {ann.id, bob.id}
    assert [row["name"] for row in rows["workspaces"]] == ["Blue Note"]
    assert {"jobs", "clips", "ledger_events", "api_keys"} <= set(rows)
    assert "secret_hash" not in rows["api_keys"][0]
    assert str(other.workspace_id) not in everything
    assert not list((site.settings.storage_dir / "tmp").glob("*.export"))

    assert ann.http.delete(path, params={"name": "Red Note"}).status_code == 422
    assert bob.http.delete(path, params={"name": "Blue Note"}).status_code == 403
    assert client.delete(path, params={"name": "Blue Note"}).status_code == 403  # a key is no owner
    assert ann.http.delete(path, params={"name": "Blue Note"}).status_code == 204
    assert ann.http.get("/clips").status_code == 403
    assert ann.http.get("/workspaces").json()["items"] == []
    assert client.get("/videos").status_code == 401
    assert site.files == []
    with psycopg.connect(conninfo(site.urls.owner)) as owner:
        owner.execute("select set_config('stakazo.workspace', %s, true)", [str(site.workspace_id)])
        for table in set(rows) - {"workspaces"}:
            left = owner.execute(f"select count(*) from {table}").fetchone()
            assert left is not None
            assert left[0] == 0 or table == "ledger_events", table
        assert owner.execute("select name from workspaces").fetchall() == [("Deleted workspace",)]
    assert events(site)[-1] == "workspace_deleted"
    with other.client() as still:
        assert still.get("/videos").status_code == 200


def test_nothing_is_purged_but_what_was_deleted(site: Any) -> None:
    for workspace in (str(site.workspace_id), ""):
        with psycopg.connect(conninfo(site.urls.app)) as connection:
            connection.execute("select set_config('stakazo.workspace', %s, true)", [workspace])
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("select purge_workspace()")


# --- members ------------------------------------------------------------------------------------------------


def test_a_role_holds_from_the_next_request_on(site: Any, people: Any) -> None:
    ann, bob = people.join("OWNER"), people.join("VIEWER")
    proposal = {"platform": "tiktok", "rule": {}}
    assert bob.http.post("/rules", json=proposal).status_code == 403
    assert ann.http.patch(f"/members/{bob.id}", json={"role": "EDITOR"}).json()["role"] == "EDITOR"
    assert bob.http.post("/rules", json=proposal).status_code == 201
    assert ann.http.delete(f"/members/{bob.id}").status_code == 204
    assert bob.http.get("/rules").status_code == 403
    assert bob.http.get("/auth/me").status_code == 200  # the person is still somebody
    assert ann.http.delete(f"/members/{bob.id}").status_code == 404
    assert events(site)[-2:] == ["member_role_changed", "member_removed"] or "member_removed" in events(site)


def test_nobody_gives_or_takes_more_than_they_have(site: Any, people: Any) -> None:
    owner, manager, editor = (people.join(role) for role in ("OWNER", "MANAGER", "EDITOR"))
    assert manager.http.patch(f"/members/{editor.id}", json={"role": "OWNER"}).status_code == 403
    assert manager.http.patch(f"/members/{manager.id}", json={"role": "OWNER"}).status_code == 403
    assert manager.http.patch(f"/members/{owner.id}", json={"role": "VIEWER"}).status_code == 403
    assert manager.http.delete(f"/members/{owner.id}").status_code == 403
    assert manager.http.post("/invitations", json={"role": "OWNER"}).status_code == 403
    assert manager.http.patch(f"/members/{editor.id}", json={"role": "MANAGER"}).status_code == 200
    assert editor.http.get("/members").status_code == 200


def test_there_is_always_an_owner(site: Any, people: Any) -> None:
    ann, bob = people.join("OWNER"), people.join("OWNER")
    with ThreadPoolExecutor(2) as pool:  # each takes the other's ownership at the same moment
        answers = list(
            pool.map(
                lambda pair: pair[0].http.patch(f"/members/{pair[1].id}", json={"role": "VIEWER"}).status_code,
                [(ann, bob), (bob, ann)],
            )
        )
    assert sorted(answers) in ([200, 403], [200, 409])
    with site.client() as client:
        [owner] = [row for row in client.get("/members").json()["items"] if row["role"] == "OWNER"]
        assert client.patch(f"/members/{owner['user_id']}", json={"role": "MANAGER"}).status_code == 409
        assert client.delete(f"/members/{owner['user_id']}").status_code == 409


# --- invitations --------------------------------------------------------------------------------------------


def test_an_invitation_by_e_mail(site: Any, people: Any, letter_from: Any) -> None:
    ann = people.join("OWNER")
    email = f"{uuid4().hex}@example.org"
    made = ann.http.post("/invitations", json={"role": "EDITOR", "email": email})
    assert (made.status_code, made.json()["link"]) == (201, None)
    letter, token = letter_from(site.settings, email, "Blue Note")
    assert "editor" in letter.get_content()
    look = httpx.post(f"{site.url}/invitations/look", json={"token": token}, **NEAR).json()
    assert (look["workspace"], look["role"], look["email"]) == ("Blue Note", "EDITOR", email)
    said = {"email": "other@example.org", "password": "a quiet sentence", "invitation": token}
    assert httpx.post(f"{site.url}/auth/register", json=said, **NEAR).status_code == 403
    answer = httpx.post(f"{site.url}/auth/register", json=said | {"email": None}, **NEAR)
    assert answer.status_code == 201
    about = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    mine = httpx.get(f"{site.url}/auth/me", headers=about, **NEAR).json()
    assert (mine["email"], mine["email_confirmed"], mine["role"]) == (email, True, "EDITOR")
    assert ann.http.post("/invitations", json={"role": "EDITOR", "email": email}).status_code == 409


def test_an_invitation_works_once_for_one_person(site: Any, people: Any) -> None:
    ann, bob = people.join("OWNER"), people.join("VIEWER", site=site.house.site())
    made = ann.http.post("/invitations", json={"role": "EDITOR"}).json()
    token = made["link"].partition("=")[2]
    assert [row["id"] for row in ann.http.get("/invitations").json()["items"]] == [made["invitation"]["id"]]
    place = bob.http.post("/invitations/accept", json={"token": token})
    assert (place.status_code, place.json()["name"], place.json()["role"]) == (200, "Blue Note", "EDITOR")
    assert bob.http.post("/invitations/accept", json={"token": token}).status_code == 404
    assert ann.http.get("/invitations").json()["items"] == []
    assert ann.http.delete(f"/invitations/{made['invitation']['id']}").status_code == 409
    bob.use(bob.http.post(f"/workspaces/{site.workspace_id}/switch").json()["access_token"])
    assert bob.http.get("/clips").status_code == 200
    another = ann.http.post("/invitations", json={"role": "EDITOR"}).json()["link"].partition("=")[2]
    assert bob.http.post("/invitations/accept", json={"token": another}).status_code == 409  # a member already


def test_of_those_who_take_the_same_link_one_gets_the_place(site: Any, people: Any) -> None:
    ann = people.join("OWNER")
    others = [people.join(site=site.house.site()) for _ in range(4)]
    token = ann.http.post("/invitations", json={"role": "VIEWER"}).json()["link"].partition("=")[2]
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(lambda human: human.http.post("/invitations/accept", json={"token": token}).status_code, others)
        )
    assert sorted(answers) == [200, 404, 404, 404]
    assert len(ann.http.get("/members").json()["items"]) == 2


def test_an_invitation_that_was_taken_back_or_has_expired(site: Any, people: Any) -> None:
    ann, bob = people.join("OWNER"), people.join(site=site.house.site())
    revoked, expired = (ann.http.post("/invitations", json={"role": "VIEWER"}).json() for _ in range(2))
    for _ in range(2):
        assert ann.http.delete(f"/invitations/{revoked['invitation']['id']}").status_code == 204
    with psycopg.connect(conninfo(site.urls.app)) as connection:
        connection.execute("set role stakazo_system")
        connection.execute("update invitations set expires_at = now() where id = %s", [expired["invitation"]["id"]])
    for gone in (revoked, expired):
        token = gone["link"].partition("=")[2]
        for path in ("/invitations/accept", "/invitations/look"):
            assert bob.http.post(path, json={"token": token}).status_code == 404
    assert ann.http.delete(f"/invitations/{uuid4()}").status_code == 404


def test_who_has_an_account_signs_in_to_accept(site: Any, people: Any) -> None:
    ann, bob = people.join("OWNER"), people.join(site=site.house.site())
    token = ann.http.post("/invitations", json={"role": "VIEWER"}).json()["link"].partition("=")[2]
    said = {"email": bob.email.upper(), "password": "a quiet sentence", "invitation": token}
    assert httpx.post(f"{site.url}/auth/register", json=said, **NEAR).status_code == 409
    assert bob.http.post("/invitations/accept", json={"token": token}).status_code == 200
