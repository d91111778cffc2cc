"""Signing up, in and out."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from typing import Any

import httpx
import psycopg
import pytest
from tests.near import NEAR

from stakazo.core.postgres import conninfo

LetterTo = Callable[[str, str], EmailMessage]


def post(site: Any, path: str, body: Any = None, **headers: str) -> httpx.Response:
    return httpx.post(f"{site.url}{path}", json=body, headers=headers, timeout=30, **NEAR)


def me(site: Any, token: str) -> httpx.Response:
    return httpx.get(f"{site.url}/auth/me", headers={"Authorization": f"Bearer {token}"}, timeout=30, **NEAR)


def ledger(site: Any, event: str) -> list[tuple[str, dict[str, Any]]]:
    """Who did it and what was said, of every such event of the workspace."""
    with psycopg.connect(conninfo(site.urls.app)) as connection:
        connection.execute("select set_config('stakazo.workspace', %s, true)", [str(site.workspace_id)])
        query = "select actor_id, data from ledger_events where event = %s order by id"
        return connection.execute(query, [event]).fetchall()


def test_who_is_invited_registers_and_is_signed_in(site: Any, people: Any) -> None:
    ann = people.join("EDITOR")
    assert ann.session["token_type"] == "Bearer"
    assert ann.session["expires_in"] == 600
    said = ann.http.get("/auth/me").json()
    assert said["email"] == ann.email
    assert said["workspace_id"] == str(site.workspace_id)
    assert said["role"] == "EDITOR"
    assert "clips:write" in said["permissions"]
    assert "members:write" not in said["permissions"]
    assert [place["name"] for place in said["workspaces"]] == ["Blue Note"]
    assert ann.http.get("/clips").status_code == 200
    assert ann.http.post("/rules", json={"platform": "tiktok", "rule": {}}).status_code == 201
    denied = ann.http.post("/invitations", json={"role": "VIEWER"})
    assert (denied.status_code, denied.json()["code"]) == (403, "forbidden")
    assert "members:write" in denied.json()["detail"]
    assert ledger(site, "user_registered") == [(ann.id, {})]
    assert ledger(site, "member_joined") == [(ann.id, {"role": "EDITOR"})]
    assert ledger(site, "session_started") == [(ann.id, {})]


def test_nobody_registers_without_an_invitation(site: Any) -> None:
    said = {"email": "eve@example.org", "password": "a quiet sentence"}
    assert post(site, "/auth/register", said).status_code == 403
    assert post(site, "/auth/register", {**said, "invitation": "sti_" + "x" * 43}).status_code == 404


def test_signing_in_and_out(site: Any, people: Any) -> None:
    ann = people.join()
    answer = ann.sign_in()
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    session = answer.json()
    assert session["session_id"] != ann.session_id
    assert me(site, session["access_token"]).status_code == 200
    assert post(site, "/auth/logout", {"refresh_token": session["refresh_token"]}).status_code == 204
    gone = me(site, session["access_token"])
    assert (gone.status_code, gone.json()["code"]) == (401, "unauthenticated")
    assert post(site, "/auth/refresh", {"refresh_token": session["refresh_token"]}).status_code == 401
    assert post(site, "/auth/logout", {"refresh_token": session["refresh_token"]}).status_code == 204
    assert ann.http.get("/auth/me").status_code == 200  # another session
    assert ann.http.post("/auth/logout").status_code == 204  # by its access token
    assert ann.http.get("/auth/me").status_code == 401


def test_whatever_is_wrong_is_refused_in_the_same_words(site: Any, people: Any) -> None:
    ann = people.join()
    wrong = ann.sign_in(password="not it").json()
    nobody = post(site, "/auth/login", {"email": "nobody@example.org", "password": "not it"}).json()
    none = post(site, "/auth/login", {"email": "no address at all", "password": "not it"}).json()
    for refusal in (wrong, nobody, none):
        assert refusal["status"] == 401
        assert refusal["detail"] == wrong["detail"]
        assert refusal["code"] == "unauthenticated"
    capitals = ann.sign_in(email=ann.email.upper())
    assert capitals.status_code == 200


def test_a_disabled_person_is_out_at_once(site: Any, people: Any) -> None:
    ann = people.join()
    with psycopg.connect(conninfo(site.urls.app)) as connection:
        connection.execute("set role stakazo_system")
        connection.execute("update users set disabled_at = now() where id = %s", [ann.id])
    assert ann.http.get("/auth/me").status_code == 401
    assert ann.sign_in().status_code == 401
    assert post(site, "/auth/refresh", {"refresh_token": ann.session["refresh_token"]}).status_code == 401


# --- refreshing ---------------------------------------------------------------------------------------------


def refresh(site: Any, token: str) -> httpx.Response:
    return post(site, "/auth/refresh", {"refresh_token": token})


def age(site: Any, seconds: int) -> None:
    """Let every refresh token have been used so many seconds ago."""
    with psycopg.connect(conninfo(site.urls.app)) as connection:
        connection.execute("set role stakazo_system")
        connection.execute("update refresh_tokens set used_at = used_at - make_interval(secs => %s)", [seconds])


def test_a_refresh_token_is_exchanged_for_its_successor(site: Any, people: Any) -> None:
    first = people.join().session["refresh_token"]
    second = refresh(site, first).json()
    assert second["refresh_token"] not in {first, None}
    assert me(site, second["access_token"]).status_code == 200
    third = refresh(site, second["refresh_token"]).json()
    assert third["refresh_token"] != second["refresh_token"]
    assert third["expires_at"] == second["expires_at"]  # however often


def test_those_who_race_with_a_token_get_the_same_successor(site: Any, people: Any) -> None:
    token = people.join().session["refresh_token"]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: refresh(site, token), range(6)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1


def test_a_token_that_comes_again_later_ends_the_session(site: Any, people: Any) -> None:
    ann = people.join()
    stolen = ann.session["refresh_token"]
    following = refresh(site, stolen).json()
    age(site, 11)
    assert refresh(site, stolen).status_code == 401
    assert refresh(site, following["refresh_token"]).status_code == 401
    assert me(site, following["access_token"]).status_code == 401
    assert (ann.id, {"reason": "token_reused"}) in ledger(site, "session_ended")


def test_a_token_whose_successor_was_used_ends_the_session_even_at_once(site: Any, people: Any) -> None:
    stolen = people.join().session["refresh_token"]
    second = refresh(site, stolen).json()["refresh_token"]
    third = refresh(site, second).json()["refresh_token"]
    assert refresh(site, stolen).status_code == 401
    assert refresh(site, third).status_code == 401


@pytest.mark.parametrize("what", ["sessions", "refresh_tokens"])
def test_what_has_expired_is_not_refreshed(site: Any, people: Any, what: str) -> None:
    ann = people.join()
    with psycopg.connect(conninfo(site.urls.app)) as connection:
        connection.execute("set role stakazo_system")
        connection.execute(f"update {what} set expires_at = now() where user_id = %s", [ann.id])
    assert refresh(site, ann.session["refresh_token"]).status_code == 401
    assert ann.http.get("/auth/me").status_code == (401 if what == "sessions" else 200)


@pytest.mark.parametrize("token", ["", "str_" + "x" * 43, "\0", "é", None])
def test_other_refresh_tokens_are_refused(site: Any, token: Any) -> None:
    assert refresh(site, token).status_code == 401


def test_only_hashes_are_kept(site: Any, people: Any) -> None:
    ann = people.join()
    proofs = [ann.password, ann.session["refresh_token"], ann.session["access_token"]]
    with psycopg.connect(conninfo(site.urls.app)) as connection:
        connection.execute("set role stakazo_system")
        for table in ("users", "credentials", "sessions", "refresh_tokens", "links", "registrations"):
            [dump] = connection.execute(f"select coalesce(string_agg(t::text, ''), '') from {table} t").fetchall()
            for proof in proofs:
                assert proof not in dump[0]
                assert proof.encode().hex() not in dump[0]


# --- in a browser -------------------------------------------------------------------------------------------


def browser(site: Any) -> httpx.Client:
    return httpx.Client(base_url=site.url, headers={"Origin": site.url}, timeout=30, **NEAR)


def test_a_browser_signs_in_by_cookies(site: Any, people: Any) -> None:
    ann = people.join("EDITOR")
    with browser(site) as page:
        said = page.post("/auth/login", json={"email": ann.email, "password": ann.password, "cookies": True})
        assert said.status_code == 200
        assert said.json()["access_token"] is None
        assert said.json()["refresh_token"] is None
        given = said.headers.get_list("set-cookie")
        assert len(given) == 2
        for cookie in given:
            assert "HttpOnly" in cookie
            assert "SameSite=strict" in cookie
        assert page.get("/auth/me").json()["email"] == ann.email
        assert page.post("/rules", json={"platform": "tiktok", "rule": {}}).status_code == 201
        again = page.post("/auth/refresh")
        assert again.status_code == 200
        assert again.json()["access_token"] is None
        assert page.get("/auth/me").status_code == 200
        assert page.post("/auth/logout").status_code == 204
        assert not page.cookies
        assert page.get("/auth/me").status_code == 401


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", None])
def test_a_page_of_another_site_can_do_nothing_with_the_cookies(site: Any, people: Any, origin: str | None) -> None:
    ann = people.join("EDITOR")
    with browser(site) as page:
        page.post("/auth/login", json={"email": ann.email, "password": ann.password, "cookies": True})
        del page.headers["Origin"]
        headers = {} if origin is None else {"Origin": origin}
        for path in ("/rules", "/auth/refresh", "/auth/logout", f"/workspaces/{site.workspace_id}/leave"):
            answer = page.post(
                path, json={"platform": "tiktok", "rule": {}} if path == "/rules" else None, headers=headers
            )
            assert (answer.status_code, answer.json()["code"]) == (403, "cross_origin"), path
        body = {"email": ann.email, "password": ann.password, "cookies": True}
        assert page.post("/auth/login", json=body, headers=headers).status_code == 403
        assert page.get("/auth/me", headers=headers).status_code == 200  # reads are for the browser's own rules
        assert page.get("/rules", params={"state": "PROPOSED"}).json()["items"] == []


def test_over_https_the_cookies_are_bound_to_the_host(site_with: Callable[..., Any], people: Any) -> None:
    site = site_with(public_url="https://clips.example.com", trusted_hosts="127.0.0.1")
    ann = people.join("EDITOR", site=site)
    said = ann.sign_in(cookies=True)
    assert said.status_code == 403  # no page
    headers = {"Origin": "https://clips.example.com", "Host": "clips.example.com"}
    body = {"email": ann.email, "password": ann.password, "cookies": True}
    given = post(site, "/auth/login", body, **headers).headers.get_list("set-cookie")
    assert sorted(cookie.partition("=")[0] for cookie in given) == ["__Host-stakazo_access", "__Secure-stakazo_refresh"]
    for cookie in given:
        assert "Secure" in cookie
        assert "Domain" not in cookie


# --- registration that is open, or closed -------------------------------------------------------------------


def test_open_registration(site_with: Callable[..., Any], letter_from: Any) -> None:
    site = site_with(registration="open")
    said = {"email": "Ann@Example.org", "name": "Ann", "password": "a quiet sentence"}
    first = post(site, "/auth/register", said)
    assert first.status_code == 202
    letter, token = letter_from(site.settings, "Ann@example.org", "Confirm")
    assert "a quiet sentence" not in letter.as_string()
    assert post(site, "/auth/login", said | {"name": None}).status_code == 422
    login = {"email": "ann@example.org", "password": "a quiet sentence"}
    assert post(site, "/auth/login", login).status_code == 401  # not before the link is opened
    assert post(site, "/auth/register/confirm", {"token": token, "password": "another one"}).status_code == 401
    confirmed = post(site, "/auth/register/confirm", {"token": token, "password": "a quiet sentence"})
    assert confirmed.status_code == 201
    about = me(site, confirmed.json()["access_token"]).json()
    assert about["email_confirmed"] is True
    assert [(place["name"], place["role"]) for place in about["workspaces"]] == [("Ann workspace", "OWNER")]
    assert post(site, "/auth/register/confirm", {"token": token, "password": "a quiet sentence"}).status_code == 401
    assert post(site, "/auth/login", login).status_code == 200

    again = post(site, "/auth/register", said | {"password": "another quiet sentence"})
    assert (again.status_code, again.json()) == (first.status_code, first.json())  # who asks learns nothing
    letter_from(site.settings, "Ann@example.org", "already")
    assert post(site, "/auth/login", login).status_code == 200


def test_closed_registration(site_with: Callable[..., Any]) -> None:
    site = site_with(registration="closed")
    with site.client() as client:
        link = client.post("/invitations", json={"role": "VIEWER"}).json()["link"]
    said = {"email": "ann@example.org", "password": "a quiet sentence"}
    assert post(site, "/auth/register", said).status_code == 403
    assert post(site, "/auth/register", {**said, "invitation": link.partition("=")[2]}).status_code == 403


@pytest.mark.parametrize(
    "password", ["short", "password1", "iloveyou1", "Ann Example 1", "aaaaaaaaaa", "ann@example.org"]
)
def test_bad_passwords_are_refused(site: Any, password: str) -> None:
    with site.client() as client:
        link = client.post("/invitations", json={"role": "VIEWER"}).json()["link"]
    said = {
        "email": "ann@example.org",
        "name": "Ann Example",
        "password": password,
        "invitation": link.partition("=")[2],
    }
    answer = post(site, "/auth/register", said)
    assert (answer.status_code, answer.json()["code"]) == (422, "weak_password")
