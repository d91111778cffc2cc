"""One's own account: password, address, second factor, sessions."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pyotp
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy.ext.asyncio import AsyncSession
from tests.near import NEAR

from stakazo.core.postgres import conninfo
from stakazo.ledger import service as ledger

NEW = "another quiet sentence"


def post(site: Any, path: str, body: Any) -> httpx.Response:
    return httpx.post(f"{site.url}{path}", json=body, timeout=30, **NEAR)


def events(site: Any) -> list[str]:
    with psycopg.connect(conninfo(site.urls.app)) as connection:
        connection.execute("select set_config('stakazo.workspace', %s, true)", [str(site.workspace_id)])
        return [event for (event,) in connection.execute("select event from ledger_events order by id").fetchall()]


# --- password -----------------------------------------------------------------------------------------------


def test_changing_the_password_ends_the_sessions_elsewhere(site: Any, people: Any, letter_from: Any) -> None:
    ann = people.join()
    elsewhere = ann.sign_in().json()
    body = {"current": ann.password, "password": NEW}
    assert ann.http.post("/auth/password/change", json=body | {"current": "not it"}).status_code == 403
    assert ann.http.post("/auth/password/change", json=body | {"password": "short"}).status_code == 422
    assert ann.http.post("/auth/password/change", json=body).status_code == 204
    assert ann.http.get("/auth/me").status_code == 200
    assert post(site, "/auth/refresh", {"refresh_token": elsewhere["refresh_token"]}).status_code == 401
    assert ann.sign_in().status_code == 401
    assert ann.sign_in(password=NEW).status_code == 200
    letter_from(site.settings, ann.email, "password was changed")
    assert "password_changed" in events(site)


def test_a_forgotten_password_is_chosen_anew_by_a_link(site: Any, people: Any, letter_from: Any) -> None:
    ann = people.join()
    known = post(site, "/auth/password/forgot", {"email": ann.email})
    unknown = post(site, "/auth/password/forgot", {"email": "nobody@example.org"})
    assert (known.status_code, known.json()) == (unknown.status_code, unknown.json())
    letter, token = letter_from(site.settings, ann.email, "new password")
    assert letter["Auto-Submitted"] == "auto-generated"
    assert ann.sign_in().status_code == 200  # until then it is as it was
    assert post(site, "/auth/password/reset", {"token": token, "password": "short"}).status_code == 422
    assert post(site, "/auth/password/reset", {"token": token, "password": NEW}).status_code == 204
    assert post(site, "/auth/password/reset", {"token": token, "password": NEW}).status_code == 404
    assert ann.http.get("/auth/me").status_code == 401
    assert ann.sign_in().status_code == 401
    assert ann.sign_in(password=NEW).status_code == 200
    assert {"password_reset_requested", "password_reset"} <= set(events(site))


def test_only_the_newest_link_counts_and_not_for_ever(site: Any, people: Any, letter_from: Any) -> None:
    ann = people.join()
    post(site, "/auth/password/forgot", {"email": ann.email})
    _, first = letter_from(site.settings, ann.email, "new password")
    post(site, "/auth/password/forgot", {"email": ann.email})
    second = first
    while second == first:
        _, second = letter_from(site.settings, ann.email, "new password")
    assert post(site, "/auth/password/reset", {"token": first, "password": NEW}).status_code == 404
    with psycopg.connect(conninfo(site.urls.app)) as connection:
        connection.execute("set role stakazo_system")
        connection.execute("update links set expires_at = now() where user_id = %s", [ann.id])
    assert post(site, "/auth/password/reset", {"token": second, "password": NEW}).status_code == 404
    assert ann.sign_in().status_code == 200


def test_a_link_for_one_thing_is_none_for_another(site: Any, people: Any, letter_from: Any) -> None:
    ann = people.join()
    _, confirms = letter_from(site.settings, ann.email, "Confirm your address")
    assert post(site, "/auth/password/reset", {"token": confirms, "password": NEW}).status_code == 404
    post(site, "/auth/password/forgot", {"email": ann.email})
    _, resets = letter_from(site.settings, ann.email, "new password")
    assert post(site, "/auth/email/confirm", {"token": resets}).status_code == 404
    assert post(site, "/auth/email/confirm", {"token": confirms}).status_code == 204


def test_an_old_hash_is_renewed_at_the_next_sign_in(site: Any, people: Any) -> None:
    ann = people.join()
    old = PasswordHash((Argon2Hasher(time_cost=2, memory_cost=16, parallelism=2),)).hash(ann.password)
    with psycopg.connect(conninfo(site.urls.app), autocommit=True) as connection:
        connection.execute("set role stakazo_system")
        connection.execute("update credentials set password_hash = %s where user_id = %s", [old, ann.id])
        assert ann.sign_in().status_code == 200
        query = "select password_hash from credentials where user_id = %s"
        [(kept,)] = connection.execute(query, [ann.id]).fetchall()
    assert kept.startswith("$argon2id$v=19$m=8,t=1,p=1$")


# --- address ------------------------------------------------------------------------------------------------


def test_another_address_counts_when_its_link_is_opened(site: Any, people: Any, letter_from: Any) -> None:
    ann = people.join()
    new = f"new-{ann.email}"
    body = {"email": new, "password": ann.password}
    assert ann.http.post("/auth/email/change", json=body | {"password": "not it"}).status_code == 403
    assert ann.http.post("/auth/email/change", json=body | {"email": "no address"}).status_code == 422
    assert ann.http.post("/auth/email/change", json=body).status_code == 202
    assert ann.http.get("/auth/me").json()["email"] == ann.email
    _, token = letter_from(site.settings, new, "Confirm your address")
    assert post(site, "/auth/email/confirm", {"token": token}).status_code == 204
    about = ann.http.get("/auth/me").json()
    assert (about["email"], about["email_confirmed"]) == (new, True)
    letter, _ = letter_from(site.settings, ann.email, "address was changed")
    assert new in letter.get_content()
    assert ann.sign_in().status_code == 401
    assert ann.sign_in(email=new).status_code == 200
    assert "email_changed" in events(site)


def test_nobody_is_told_whose_an_address_is(site: Any, people: Any) -> None:
    ann, bob = people.join(), people.join()
    free = ann.http.post("/auth/email/change", json={"email": "free@example.org", "password": ann.password})
    taken = ann.http.post("/auth/email/change", json={"email": bob.email, "password": ann.password})
    assert (free.status_code, free.json()) == (taken.status_code, taken.json())


def test_the_ledger_knows_ids_only(site: Any, people: Any, letter_from: Any) -> None:
    ann = people.join()
    ann.http.patch("/auth/me", json={"name": "Annabel Canary"})
    ann.http.post("/auth/email/change", json={"email": "canary@example.org", "password": ann.password})
    _, token = letter_from(site.settings, "canary@example.org", "Confirm")
    post(site, "/auth/email/confirm", {"token": token})
    with psycopg.connect(conninfo(site.urls.app)) as connection:
        connection.execute("select set_config('stakazo.workspace', %s, true)", [str(site.workspace_id)])
        [(everything,)] = connection.execute("select string_agg(l::text, '') from ledger_events l").fetchall()
    assert ann.id in everything
    for secret in (ann.email, "canary", "Canary"):
        assert secret not in everything
        assert secret.encode().hex() not in everything


# --- second factor ------------------------------------------------------------------------------------------


def set_up(ann: Any) -> tuple[pyotp.TOTP, list[str], str]:
    """The app that makes the codes, the recovery codes, and the code that was used."""
    begun = ann.http.post("/auth/totp", json={"password": ann.password}).json()
    app = pyotp.parse_uri(begun["uri"])
    assert isinstance(app, pyotp.TOTP)
    assert app.secret == begun["secret"]
    code = app.now()
    answer = ann.http.post("/auth/totp/confirm", json={"code": code})
    assert answer.status_code == 200, answer.text
    return app, answer.json()["recovery_codes"], code


def forget_steps(site: Any) -> None:
    """Let no code have been used: a test can't wait half a minute for the next."""
    with psycopg.connect(conninfo(site.urls.app)) as connection:
        connection.execute("set role stakazo_system")
        connection.execute("update credentials set totp_step = 0")


def test_a_second_factor(site: Any, people: Any, letter_from: Any) -> None:
    ann = people.join()
    assert ann.http.post("/auth/totp", json={"password": "not it"}).status_code == 403
    begun = ann.http.post("/auth/totp", json={"password": ann.password})
    assert begun.status_code == 201
    assert begun.json()["picture"].startswith("<svg")
    assert ann.sign_in().status_code == 200  # it doesn't count yet
    assert ann.http.post("/auth/totp/confirm", json={"code": "000000"}).status_code == 403
    app, codes, used = set_up(ann)
    assert len(set(codes)) == 10
    needed = ann.sign_in()
    assert (needed.status_code, needed.json()["code"]) == (401, "second_factor_required")
    assert ann.sign_in(password="not it", code=app.now()).json()["code"] == "unauthenticated"
    assert ann.sign_in(code="000000").json()["code"] == "unauthenticated"
    assert ann.sign_in(code=used).status_code == 401  # it was shown before
    forget_steps(site)
    assert ann.sign_in(code=app.now()).status_code == 200
    about = ann.http.get("/auth/me").json()
    assert (about["second_factor"], about["recovery_codes_left"]) == (True, 10)
    letter_from(site.settings, ann.email, "added to")
    assert ann.http.post("/auth/totp", json={"password": ann.password}).status_code == 409


def test_of_those_who_come_with_the_same_code_one_gets_in(site: Any, people: Any) -> None:
    ann = people.join()
    app, codes, _ = set_up(ann)
    forget_steps(site)
    for code in (app.now(), codes[0]):
        with ThreadPoolExecutor(5) as pool:
            answers = list(pool.map(lambda _, code=code: ann.sign_in(code=code).status_code, range(5)))
        assert sorted(answers) == [200, 401, 401, 401, 401]


def test_a_recovery_code_works_once_however_it_is_typed(site: Any, people: Any) -> None:
    ann = people.join()
    _, codes, _ = set_up(ann)
    assert ann.sign_in(code=f" {codes[0].upper().replace('-', ' ')}").status_code == 200
    assert ann.sign_in(code=codes[0]).status_code == 401
    assert ann.http.get("/auth/me").json()["recovery_codes_left"] == 9
    sure = {"password": ann.password, "code": codes[1]}
    assert ann.http.post("/auth/recovery-codes", json=sure | {"password": "not it"}).status_code == 403
    renewed = ann.http.post("/auth/recovery-codes", json=sure).json()["recovery_codes"]
    assert ann.sign_in(code=codes[2]).status_code == 401
    assert ann.sign_in(code=renewed[0]).status_code == 200
    assert "recovery_code_used" in events(site)


def test_it_is_removed_with_password_and_code(site: Any, people: Any) -> None:
    ann = people.join()
    _, codes, _ = set_up(ann)
    assert ann.http.post("/auth/totp/remove", json={"password": ann.password, "code": "000000"}).status_code == 403
    assert ann.http.post("/auth/totp/remove", json={"password": "not it", "code": codes[0]}).status_code == 403
    assert ann.http.post("/auth/totp/remove", json={"password": ann.password, "code": codes[0]}).status_code == 204
    assert ann.sign_in().status_code == 200


def test_a_new_password_does_not_get_around_the_second_factor(site: Any, people: Any, letter_from: Any) -> None:
    ann = people.join()
    set_up(ann)
    post(site, "/auth/password/forgot", {"email": ann.email})
    _, token = letter_from(site.settings, ann.email, "new password")
    post(site, "/auth/password/reset", {"token": token, "password": NEW})
    assert ann.sign_in(password=NEW).json()["code"] == "second_factor_required"


def test_the_secret_is_sealed(site: Any, people: Any) -> None:
    ann = people.join()
    app, codes, _ = set_up(ann)
    with psycopg.connect(conninfo(site.urls.app)) as connection:
        connection.execute("set role stakazo_system")
        for table in ("credentials", "recovery_codes"):
            [(dump,)] = connection.execute(f"select string_agg(t::text, '') from {table} t").fetchall()
            for secret in (app.secret, *codes):
                assert secret not in dump
                assert secret.encode().hex() not in dump


# --- sessions -----------------------------------------------------------------------------------------------


def test_sessions_are_listed_and_ended(site: Any, people: Any) -> None:
    ann, bob = people.join(), people.join()
    second, third = ann.sign_in().json(), ann.sign_in().json()
    listed = ann.http.get("/auth/sessions").json()["items"]
    assert [row["id"] for row in listed if row["current"]] == [ann.session_id]
    assert {row["id"] for row in listed} == {ann.session_id, second["session_id"], third["session_id"]}
    assert {row["address"] for row in listed} == {"127.0.0.1"}
    assert all(row["agent"].startswith("python-httpx") for row in listed)
    theirs, nobodys = (bob.http.delete(f"/auth/sessions/{id_}") for id_ in (ann.session_id, ann.id))
    assert theirs.status_code == nobodys.status_code == 404
    assert ann.http.delete(f"/auth/sessions/{second['session_id']}").status_code == 204
    assert post(site, "/auth/refresh", {"refresh_token": second["refresh_token"]}).status_code == 401
    assert ann.http.delete("/auth/sessions").status_code == 204
    assert [row["id"] for row in ann.http.get("/auth/sessions").json()["items"]] == [ann.session_id]
    assert post(site, "/auth/refresh", {"refresh_token": third["refresh_token"]}).status_code == 401
    assert bob.http.get("/auth/me").status_code == 200


def test_a_key_is_no_person(site: Any, client: httpx.Client) -> None:
    for method, path in (
        ("GET", "/auth/me"),
        ("GET", "/auth/sessions"),
        ("GET", "/workspaces"),
        ("POST", "/workspaces"),
    ):
        answer = client.request(method, path, json={"name": "x"} if method == "POST" else None)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), path


async def met(session: AsyncSession, site: Any, person: UUID, name: str) -> None:
    """The ledger is told something personal of somebody."""
    await ledger.record(session, "person_met", subject=("user", person), personal={"name": name})


def test_an_account_is_deleted_with_all_that_is_known(site: Any, people: Any) -> None:
    ann, owner = people.join("EDITOR"), people.join("OWNER")
    elsewhere, left = site.house.site(), site.house.site()
    for other in (elsewhere, left):
        with other.client() as key:
            link = key.post("/invitations", json={"role": "VIEWER"}).json()["link"]
        ann.http.post("/invitations/accept", json={"token": link.partition("=")[2]})
    assert ann.http.post(f"/workspaces/{left.workspace_id}/leave").status_code == 204
    for place in (site, elsewhere, left):
        place.within(lambda session: met(session, place, UUID(ann.id), "Ann"))  # noqa: B023 - called at once
        place.within(lambda session: met(session, place, UUID(owner.id), "Bob"))  # noqa: B023 - likewise
    assert ann.http.post("/auth/me/delete", json={"password": "not it"}).status_code == 403
    assert ann.http.post("/auth/me/delete", json={"password": ann.password}).status_code == 204
    assert ann.http.get("/auth/me").status_code == 401
    assert ann.sign_in().status_code == 401
    with psycopg.connect(conninfo(site.urls.app)) as connection:
        connection.execute("set role stakazo_system")
        for table in ("users", "credentials", "sessions", "refresh_tokens", "links", "memberships", "ledger_persons"):
            column = {"users": "id", "ledger_persons": "person_id"}.get(table, "user_id")
            there = connection.execute(f"select count(*) from {table} where {column} = %s", [ann.id]).fetchone()
            assert there == (0,), table
    assert "user_deleted" in events(site)
    for place in (site, elsewhere, left):
        assert events(place)[-1] == "person_erased"
        with place.client() as key:
            found = key.get("/ledger/events", params={"event": "person_met", "sort": "oldest"}).json()["items"]
        assert [one["personal"]["values"] for one in found] == ["[erased]", {"name": "Bob"}]
    only = owner.http.post("/auth/me/delete", json={"password": owner.password})
    assert (only.status_code, only.json()["code"]) == (409, "conflict")
    assert "Blue Note" in only.json()["detail"]
