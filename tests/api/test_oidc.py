"""Signing in through an OpenID provider: a small real one, over HTTP."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import jwt
import psycopg
import pyotp
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr
from tests.near import NEAR

from stakazo.accounts import oidc
from stakazo.core.errors import Unauthenticated
from stakazo.core.postgres import conninfo
from stakazo.core.settings import Settings

CLIENT, SECRET = "stakazo-test", "a secret of the client"


class Provider:
    """An OpenID provider that everybody is signed in at, as whoever `person` says."""

    def __init__(self) -> None:
        self.person: dict[str, Any] = {
            "sub": "ann-1",
            "email": "ann@example.org",
            "email_verified": True,
            "name": "Ann",
        }
        self.instead: dict[str, Any] = {}
        """Claims of the next tokens that are not as they should be."""
        self.algorithm, self.kid, self.key = "RS256", "one", rsa.generate_private_key(65537, 2048)
        self.signs_with: Any = None
        self.asked: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path, _, query = self.path.partition("?")
                provider.asked.append(path)
                if path == "/.well-known/openid-configuration":
                    self.say(provider.about)
                elif path == "/keys":
                    self.say(provider.keys)
                elif path == "/authorize":
                    self.send_response(302)
                    self.send_header("Location", provider.authorize({k: v[0] for k, v in parse_qs(query).items()}))
                    self.end_headers()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = {k: v[0] for k, v in parse_qs(body).items()}
                said = provider.token(form, self.headers.get("Authorization", ""))
                self.say(said, 400 if "error" in said else 200)

            def say(self, what: Any, status: int = 200) -> None:
                body = json.dumps(what).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Nothing on stderr."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"
        self.about = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
        }
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def keys(self) -> dict[str, Any]:
        public = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {"keys": [{**public, "kid": self.kid, "use": "sig", "alg": "RS256"}]}

    def authorize(self, query: dict[str, str]) -> str:
        assert query["response_type"] == "code"
        assert query["client_id"] == CLIENT
        assert query["code_challenge_method"] == "S256"
        assert set(query["scope"].split()) == {"openid", "email", "profile"}
        code = secrets.token_urlsafe(16)
        self._codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def token(self, form: dict[str, str], authorization: str) -> dict[str, Any]:
        asked = self._codes.pop(form["code"], None)
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
        if (
            asked is None
            or authorization != f"Basic {basic}"
            or form["redirect_uri"] != asked["redirect_uri"]
            or challenge.decode() != asked["code_challenge"]
        ):
            return {"error": "invalid_grant"}
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 60, "nonce": asked["nonce"]}
        said = {k: v for k, v in (claims | self.person | self.instead).items() if v is not None}
        key: Any = None if self.algorithm == "none" else self.signs_with or self.key
        token = jwt.encode(said, key, self.algorithm, headers={"kid": self.kid})
        return {"id_token": token, "access_token": "x", "token_type": "Bearer"}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    provider = Provider()
    yield provider
    provider.close()


@pytest.fixture
def start(provider: Provider, site_with: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """A site that lets people in through the provider."""
    honest = provider.person
    yield lambda **more: site_with(
        oidc_issuer=provider.issuer, oidc_client_id=CLIENT, oidc_client_secret=SecretStr(SECRET), **more
    )
    provider.person, provider.instead, provider.algorithm, provider.signs_with = honest, {}, "RS256", None


class Browser:
    """Follows redirects as a browser does; what is for the site's public address reaches the site."""

    def __init__(self, site: Any) -> None:
        self.site = site
        self.http = httpx.Client(base_url=site.url, headers={"Origin": site.url}, timeout=30, **NEAR)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def come_back(self) -> str:
        """Go to the provider; the address it sends back to, as a path here."""
        there = self.http.get("/auth/oidc/start")
        assert there.status_code == 302
        back = httpx.get(there.headers["location"], **NEAR).headers["location"]
        parts = urlsplit(back)
        assert f"{parts.scheme}://{parts.netloc}" == self.site.settings.base_url
        return f"{parts.path}?{parts.query}"

    def sign_in(self) -> str:
        """All the way; what the page of the account is told."""
        answer = self.http.get(self.come_back())
        assert answer.status_code == 302, answer.text
        assert answer.headers["location"].startswith("/account#")
        return str(answer.headers["location"].partition("#")[2])

    def me(self) -> Any:
        return self.http.get("/auth/me").json()


def invite(site: Any, email: str) -> None:
    with site.client() as client:
        assert client.post("/invitations", json={"role": "EDITOR", "email": email}).status_code == 201


def test_who_was_invited_at_the_address_comes_in(start: Any, provider: Provider) -> None:
    site = start()
    with Browser(site) as browser:
        assert browser.sign_in() == "refused=forbidden"  # nobody invited them
        invite(site, "Ann@example.org")
        assert browser.sign_in() == "signed-in"
        about = browser.me()
        assert (about["email"], about["email_confirmed"], about["name"]) == ("ann@example.org", True, "Ann")
        assert (about["role"], about["has_password"]) == ("EDITOR", False)
        provider.person = provider.person | {"email": "ann.new@example.org"}
        assert browser.sign_in() == "signed-in"  # from now on it is the provider's own id that counts
        assert browser.me()["id"] == about["id"]
        assert browser.me()["email"] == "ann@example.org"
    with psycopg.connect(conninfo(site.urls.app)) as connection:
        connection.execute("select set_config('stakazo.workspace', %s, true)", [str(site.workspace_id)])
        events = [event for (event,) in connection.execute("select event from ledger_events order by id").fetchall()]
    assert {"user_registered", "identity_linked", "session_started", "member_joined"} <= set(events)
    with httpx.Client(base_url=site.url, **NEAR) as stranger:
        assert stranger.get("/auth/oidc").json() == {"issuer": provider.issuer}


def test_an_account_is_joined_by_an_address_that_both_sides_have_proven(
    start: Any, people: Any, provider: Provider, letter_from: Any
) -> None:
    site = start(registration="open")
    ann = people.join(site=site, email="ann@example.org")
    with Browser(site) as browser:
        assert browser.sign_in() == "refused=forbidden"  # ann has not confirmed the address here
        _, token = letter_from(site.settings, ann.email, "Confirm your address")
        browser.http.post("/auth/email/confirm", json={"token": token})
        for verified in (False, None, "true"):
            provider.instead = {"email_verified": verified}
            assert browser.sign_in() == "refused=forbidden"
        provider.instead = {"email": None}
        assert browser.sign_in() == "refused=forbidden"
        provider.instead = {}
        assert browser.sign_in() == "signed-in"
        assert browser.me()["id"] == ann.id


def test_where_registration_is_open_anybody_comes_in(start: Any, people: Any, provider: Provider) -> None:
    site = start(registration="open")
    with Browser(site) as browser:
        assert browser.sign_in() == "signed-in"
        assert [place["role"] for place in browser.me()["workspaces"]] == ["OWNER"]


def test_the_second_factor_is_asked_for_here_too(start: Any, people: Any, letter_from: Any, provider: Provider) -> None:
    site = start()
    ann = people.join(site=site, email="ann@example.org")
    _, token = letter_from(site.settings, ann.email, "Confirm your address")
    ann.http.post("/auth/email/confirm", json={"token": token})
    begun = ann.http.post("/auth/totp", json={"password": ann.password}).json()
    codes = ann.http.post("/auth/totp/confirm", json={"code": pyotp.TOTP(begun["secret"]).now()}).json()
    with Browser(site) as browser:
        assert browser.sign_in() == "code"
        assert browser.http.get("/auth/me").status_code == 401
        assert browser.http.post("/auth/oidc/second-factor", json={"code": "000000"}).status_code == 401
        answer = browser.http.post("/auth/oidc/second-factor", json={"code": codes["recovery_codes"][0]})
        assert answer.status_code == 200
        assert browser.me()["id"] == ann.id
        again = browser.http.post("/auth/oidc/second-factor", json={"code": codes["recovery_codes"][1]})
        assert again.status_code == 401  # the cookie is gone


WRONG: dict[str, dict[str, Any]] = {
    "another nonce": {"nonce": "x"},
    "no nonce": {"nonce": None},
    "another audience": {"aud": "somebody-else"},
    "several audiences without a party": {"aud": [CLIENT, "somebody-else"]},
    "several audiences for another party": {"aud": [CLIENT, "somebody-else"], "azp": "somebody-else"},
    "another party": {"azp": "somebody-else"},
    "another issuer": {"iss": "https://evil.example"},
    "expired": {"exp": 1_000_000_000},
    "from the future": {"iat": 4_000_000_000},
    "no subject": {"sub": None},
    "no expiry": {"exp": None},
}


def test_a_token_that_is_not_as_it_should_be_is_refused(start: Any, provider: Provider) -> None:
    site = start(registration="open")
    with Browser(site) as browser:
        for why, provider.instead in WRONG.items():
            assert browser.sign_in() == "refused=unauthenticated", why
        provider.instead = {}
        provider.signs_with = rsa.generate_private_key(65537, 2048)
        assert browser.sign_in() == "refused=unauthenticated"
        provider.algorithm, provider.signs_with = "HS256", "x" * 64
        assert browser.sign_in() == "refused=unauthenticated"
        provider.algorithm, provider.signs_with = "none", ""
        assert browser.sign_in() == "refused=unauthenticated"
        provider.algorithm, provider.signs_with = "RS256", None
        assert browser.http.get("/auth/me").status_code == 401
        provider.instead = {"aud": [CLIENT, "somebody-else"], "azp": CLIENT}
        assert browser.sign_in() == "signed-in"


def test_who_did_not_begin_here_does_not_end_here(start: Any, provider: Provider) -> None:
    site = start(registration="open")
    with Browser(site) as browser, Browser(site) as victim:
        back = browser.come_back()
        assert victim.http.get(back).headers["location"] == "/account#refused=unauthenticated"
        victim.come_back()
        assert victim.http.get(back).headers["location"] == "/account#refused=unauthenticated"
        assert browser.http.get(back).headers["location"] == "/account#signed-in"
        assert browser.http.get(back).headers["location"] == "/account#refused=unauthenticated"
        assert browser.http.get("/auth/oidc/callback").headers["location"] == "/account#refused=unauthenticated"


async def test_a_new_key_of_the_provider_is_found(provider: Provider, app_settings: Settings) -> None:
    settings = app_settings.model_copy(
        update={"oidc_issuer": provider.issuer, "oidc_client_id": CLIENT, "oidc_client_secret": SecretStr(SECRET)}
    )

    async def sign_in(ours: oidc.Provider) -> oidc.Claims:
        begun = await ours.begin()
        async with httpx.AsyncClient(**NEAR) as browser:
            back = (await browser.get(begun.url)).headers["location"]
        code = parse_qs(urlsplit(back).query)["code"][0]
        return await ours.finish(code, begun.nonce, begun.verifier)

    patient, eager = oidc.Provider(settings), oidc.Provider(settings, keys_again=0)
    before = provider.asked.count("/keys")
    for ours in (patient, eager):
        assert (await sign_in(ours)).subject == "ann-1"
        assert (await sign_in(ours)).email == "ann@example.org"
    assert provider.asked.count("/keys") == before + 2
    provider.kid, provider.key = "two", rsa.generate_private_key(65537, 2048)
    assert (await sign_in(eager)).subject == "ann-1"
    with pytest.raises(Unauthenticated):  # who invents names doesn't make us ask all the time
        await sign_in(patient)
    assert provider.asked.count("/keys") == before + 3
    await asyncio.gather(patient.close(), eager.close())


def test_a_provider_that_is_another_or_none(start: Any, provider: Provider, site: Any) -> None:
    with httpx.Client(base_url=site.url, **NEAR) as client:
        assert client.get("/auth/oidc").status_code == 404
        assert client.get("/auth/oidc/start").status_code == 404
        assert client.get("/auth/oidc/callback").status_code == 404
    provider.about, honest = provider.about | {"issuer": "https://evil.example"}, provider.about
    other = start()
    try:
        with httpx.Client(base_url=other.url, **NEAR) as client:
            answer = client.get("/auth/oidc/start")
            assert (answer.status_code, answer.json()["retryable"]) == (503, True)
            assert "evil.example" in answer.json()["detail"]
    finally:
        provider.about = honest
