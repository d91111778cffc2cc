"""Signing in through an OpenID provider: authorization code with PKCE (OpenID Connect Core 1.0, RFC 7636, RFC 9700).

What the provider says of a person is believed only in a token that it signed for us, for this very sign-in. Its people
and ours are joined once, by an address that both sides have seen proven, and from then on by the provider's own id.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

import httpx
import jwt

from stakazo.core.errors import Unauthenticated, Unavailable
from stakazo.core.outside import trusted
from stakazo.core.settings import Settings

ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
"""Those with a public key; a provider's token is never verified by a shared secret, nor by none."""
TIMEOUT = 10.0
MAX_BYTES = 512 * 1024
FRESH = 3600.0
"""Seconds after which what the provider says of itself is asked again."""
KEYS_AGAIN = 10.0
"""Seconds between two looks for a key that wasn't there."""
LEEWAY = 30.0


@dataclass(frozen=True, slots=True)
class Claims:
    """A person as their provider knows them."""

    issuer: str
    subject: str
    email: str | None
    email_verified: bool
    name: str


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in that is under way: remembered in the browser until it comes back."""

    url: str
    """Where the browser goes."""
    state: str
    nonce: str
    verifier: str


class Provider:
    """One OpenID provider, by what it says of itself at `/.well-known/openid-configuration`."""

    def __init__(self, settings: Settings, *, keys_again: float = KEYS_AGAIN) -> None:
        self.issuer, self._client_id = settings.oidc_issuer or "", settings.oidc_client_id or ""
        self._secret = settings.oidc_client_secret
        self._redirect = f"{settings.base_url}/auth/oidc/callback"
        self._keys_again = keys_again
        self._about: tuple[float, dict[str, Any]] | None = None
        self._keys: tuple[float, jwt.PyJWKSet] | None = None

    @cached_property
    def _http(self) -> httpx.AsyncClient:
        """Made at the first question: most installations ask none, and reading the certificates takes a while."""
        return httpx.AsyncClient(verify=trusted(), timeout=TIMEOUT, follow_redirects=False, trust_env=False)

    @property
    def configured(self) -> bool:
        return bool(self.issuer and self._client_id)

    async def close(self) -> None:
        if "_http" in vars(self):
            await self._http.aclose()

    async def begin(self) -> Begun:
        """Send somebody there."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self._redirect,
            "scope": "openid email profile",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        endpoint = str((await self._described())["authorization_endpoint"])
        return Begun(f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}", state, nonce, verifier)

    async def finish(self, code: str, nonce: str, verifier: str) -> Claims:
        """Who came back with this code. Raises Unauthenticated when the provider or its token says otherwise."""
        about = await self._described()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect,
            "code_verifier": verifier,
            "client_id": self._client_id,
        }
        secret = self._secret.get_secret_value() if self._secret else None
        basic = httpx.BasicAuth(self._client_id, secret) if secret else None
        try:
            answer = await self._http.post(about["token_endpoint"], data=form, auth=basic or httpx.USE_CLIENT_DEFAULT)
        except httpx.HTTPError as error:
            raise _unreachable(error) from error
        said = _json(answer) if answer.is_success else {}
        token = said.get("id_token")
        if not isinstance(token, str):
            raise Unauthenticated("The provider did not confirm this sign-in. Begin again.")
        return self._read(await self._verified(token), nonce)

    async def _verified(self, token: str) -> dict[str, Any]:
        refusal = Unauthenticated("The provider's token is not valid. Begin again.")
        try:
            header = jwt.get_unverified_header(token)
            key = await self._key(header.get("kid"))
            if key is None or header.get("alg") not in ALGORITHMS:
                raise refusal
            return dict(
                jwt.decode(
                    token,
                    key,
                    algorithms=ALGORITHMS,
                    audience=self._client_id,
                    issuer=self.issuer,
                    leeway=LEEWAY,
                    options={"require": ["exp", "iat", "iss", "aud", "sub", "nonce"]},
                )
            )
        except jwt.PyJWTError as error:
            raise refusal from error

    def _read(self, said: Mapping[str, Any], nonce: str) -> Claims:
        several = isinstance(said["aud"], list) and len(said["aud"]) > 1
        for_us = said.get("azp", None if several else self._client_id) == self._client_id
        if not secrets.compare_digest(str(said["nonce"]).encode(), nonce.encode()) or not for_us:
            raise Unauthenticated("The provider's token is for another sign-in. Begin again.")
        return Claims(
            issuer=self.issuer,
            subject=str(said["sub"]),
            email=said["email"] if isinstance(said.get("email"), str) else None,
            email_verified=said.get("email_verified") is True,
            name=str(said.get("name") or "")[:200],
        )

    async def _described(self) -> dict[str, Any]:
        if self._about is None or time.monotonic() - self._about[0] > FRESH:
            about = await self._get(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
            if about.get("issuer") != self.issuer:
                raise Unavailable(
                    f"The OpenID provider calls itself {about.get('issuer')!r}, not {self.issuer!r}: set "
                    "STAKAZO_OIDC_ISSUER to what it says."
                )
            self._about = (time.monotonic(), about)
        return self._about[1]

    async def _key(self, kid: object) -> jwt.PyJWK | None:
        """The provider's key of this name; asked anew when there is none by it, since keys change."""
        for _ in range(2):
            found = self._named(kid)
            if found is not None:
                return found
            if self._keys is not None and time.monotonic() - self._keys[0] < self._keys_again:
                return None
            answered = await self._get((await self._described())["jwks_uri"])
            self._keys = (time.monotonic(), jwt.PyJWKSet.from_dict(answered))
        return None

    def _named(self, kid: object) -> jwt.PyJWK | None:
        known = self._keys[1].keys if self._keys else []
        if kid is None and len(known) == 1:
            return known[0]
        return next((key for key in known if key.key_id == kid), None)

    async def _get(self, url: str) -> dict[str, Any]:
        try:
            answer = await self._http.get(url)
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise _unreachable(error) from error
        return _json(answer)


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        said = answer.json() if len(answer.content) <= MAX_BYTES else None
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise Unavailable("The OpenID provider answers what is not to be understood.")
    return said


def _unreachable(error: Exception) -> Unavailable:
    return Unavailable(f"The OpenID provider does not answer ({type(error).__name__}). Try again in a moment.")
