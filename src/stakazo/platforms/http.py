"""One request to a platform: what no answer means, and which host may get which token."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from stakazo.platforms import hosts as places
from stakazo.platforms.base import Account
from stakazo.platforms.errors import Reason, Rejected, Said, TryLater, Unknown
from stakazo.platforms.hosts import Hosts
from stakazo.platforms.usage import Meter

MAX_ANSWER = 32 * 1024 * 1024
"""Bytes; the longest page of insights is a tenth of it."""
CONNECT, PAUSE, UPLOAD_PAUSE = 10.0, 60.0, 180.0
"""Seconds to connect, without a byte, and without a byte after a whole upload."""
UNREACHABLE_FOR = 15.0
"""Seconds before a host that wasn't there is tried again."""


@dataclass(frozen=True, slots=True)
class App:
    """Who we are at a platform: what its developer pages call client id and secret."""

    id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer."""

    status: int
    headers: httpx.Headers
    body: bytes

    def json(self) -> Any:
        """What it says; None where that is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


METERS: dict[tuple[str, str], Meter] = {}
"""Of this process, by place and token."""


def client(trusted: ssl.SSLContext) -> httpx.AsyncClient:
    """The connections to all platforms; one for a process. Without cookies, redirects and proxies.

    Args:
        trusted: Whose certificates to trust.
    """
    return httpx.AsyncClient(
        verify=trusted,
        timeout=httpx.Timeout(PAUSE, connect=CONNECT),
        headers={"User-Agent": "Stakazo", "Accept": "application/json"},
        limits=httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=30),
        follow_redirects=False,
        trust_env=False,
    )


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach the platforms. An account's `live` decides which: nothing else leads to the real ones."""

    http: httpx.AsyncClient
    sandbox: Hosts
    live: Hosts = field(default_factory=places.live)
    apps: Mapping[str, App] = field(default_factory=dict)
    """By `meta`, `tiktok`, `google`, for live accounts; for the sandbox `sandbox_apps`."""
    sandbox_apps: Mapping[str, App] = field(default_factory=dict)
    clock: Callable[[], float] = field(default=lambda: datetime.now(UTC).timestamp())
    """Seconds since 1970."""

    meters: MutableMapping[tuple[str, str], Meter] = field(default_factory=lambda: METERS, repr=False)
    """What is known of the allowances; all connections of a process share it unless told otherwise."""

    def meter(self, account: Account) -> Meter:
        """What is known of this account's allowances, whoever has asked."""
        return self.meters.setdefault((self.hosts(account).graph, account.token), Meter())

    def world(self, *, live: bool) -> Hosts:
        """The real platforms, or the sandbox."""
        return self.live if live else self.sandbox

    def hosts(self, account: Account) -> Hosts:
        """Where this account's platform is. Raises Rejected for a token that belongs to the other world."""
        hosts = self.world(live=account.live)
        if hosts.sandbox is account.live or not hosts.token_belongs(account.token):
            raise Rejected(
                "A token of the sandbox is worth nothing at the real platform; connect the account there."
                if account.live
                else "This account is connected to the real platform but not switched to live, so nothing is sent.",
                Reason.PERMISSION,
            )
        return hosts

    def app(self, name: str, *, live: bool) -> App | None:
        """Who we are there; None where nobody has said so."""
        return (self.apps if live else self.sandbox_apps).get(name)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock(), UTC)


async def send(
    http: httpx.AsyncClient,
    hosts: Hosts,
    method: str,
    url: str,
    *,
    effect: bool,
    params: Mapping[str, str] | None = None,
    data: Mapping[str, str] | None = None,
    files: Mapping[str, tuple[str, bytes, str]] | None = None,
    json_body: Any = None,
    content: AsyncIterator[bytes] | bytes | None = None,
    headers: Mapping[str, str] | None = None,
    patience: float = PAUSE,
) -> Reply:
    """Ask, and read the whole answer; an answer of any status is an answer.

    Args:
        effect: Whether the request does something that must not happen twice. Then silence is Unknown.
        patience: Seconds without a byte of the answer.

    Raises TryLater, where nothing can have happened, and Unknown.
    """
    timeout = httpx.Timeout(patience, connect=CONNECT)
    try:
        async with http.stream(
            method, url, params=params, data=data, files=files, json=json_body, content=content, headers=headers,
            timeout=timeout,
        ) as response:  # fmt: skip
            _require_its_world(hosts, response)
            body = bytearray()
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > MAX_ANSWER:
                    raise Rejected(
                        "The answer is too long to be one.", Reason.TOO_MUCH_DATA, Said(response.status_code)
                    )
            return Reply(response.status_code, response.headers, bytes(body))
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise TryLater(_unreachable(url, error), Reason.UNREACHABLE, after=UNREACHABLE_FOR) from error
    except httpx.HTTPError as error:
        if effect:
            raise Unknown(f"{_host(url)} was asked, and its answer never came: {_words(error)}.") from error
        raise TryLater(_unreachable(url, error), Reason.UNREACHABLE, after=UNREACHABLE_FOR) from error


def _require_its_world(hosts: Hosts, response: httpx.Response) -> None:
    """What is called the sandbox says so in every answer; something else there was never meant."""
    if hosts.sandbox and places.SANDBOX_HEADER not in response.headers:
        raise Rejected(
            f"{response.url.host}:{response.url.port} is not a sandbox of Stakazo's. Start one (`stakazo sandbox`), or "
            "correct STAKAZO_SANDBOX_URL.",
            Reason.INVALID,
            Said(response.status_code),
        )


def _host(url: str) -> str:
    return httpx.URL(url).host


def _words(error: httpx.HTTPError) -> str:
    return str(error) or type(error).__name__


def _unreachable(url: str, error: httpx.HTTPError) -> str:
    return f"{_host(url)} can't be reached: {_words(error)}."
