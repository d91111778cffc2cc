"""Talking to addresses that users gave: imports, webhooks, checkpoints.

    async with outside.client(allowed) as http:
        answer = await outside.send(http, "POST", url, content=body)          small answers, whole
        async with outside.opened(http, "GET", url) as response:              large ones, in pieces
            async for piece in response.aiter_raw(): ...

A name is resolved once, every address it has is checked (`core.addresses`), and the connection goes to one of exactly
these: a name server that says something else a moment later changes nothing. Host and certificate stay the name's.
Redirects, proxies of the environment, cookies and kept connections don't exist here.
"""

from __future__ import annotations

import asyncio
import functools
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ipaddress import ip_address
from typing import Any

import httpx

from stakazo import __version__
from stakazo.core.addresses import IP, AddressRefused, Allowed, Target, check, parse
from stakazo.core.errors import StakazoError

Resolver = Callable[[str], Awaitable[Sequence[IP]]]
"""The addresses of a name, in the order in which to try them; none where there is no such name."""

MAX_ANSWER = 64 * 1024
CONNECT, PAUSE = 10.0, 20.0
"""Seconds to connect, and without a byte."""
MOST_ADDRESSES = 4
"""How many of a name's addresses are tried."""


class Unreachable(StakazoError):
    """The other side didn't answer, not in time, or not as HTTP."""

    status, code, retryable = 502, "unreachable", True


class TooMuch(StakazoError):
    """The other side sends more than was to be read."""

    status, code = 422, "answer_too_large"


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    headers: httpx.Headers
    body: bytes


async def resolve(name: str) -> Sequence[IP]:
    """What this machine's resolver says."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):
        return []
    return list(dict.fromkeys(ip_address(where[0]) for *_, where in found))


class Guard(httpx.AsyncBaseTransport):
    """httpx's transport, which connects to checked addresses only."""

    def __init__(self, allowed: Allowed, resolver: Resolver = resolve, verify: ssl.SSLContext | None = None) -> None:
        self.allowed, self.resolver = allowed, resolver
        # No connection is kept: one made for a name is never used for another at the same address.
        self._inner = httpx.AsyncHTTPTransport(
            verify=verify or trusted(),
            trust_env=False,
            limits=httpx.Limits(max_connections=100, max_keepalive_connections=0),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        target = parse(str(request.url))
        addresses = await self._addresses(target)
        check(target, addresses, self.allowed)
        failed: Exception = httpx.ConnectError("There is nothing to connect to.")
        for address in addresses[:MOST_ADDRESSES]:
            try:
                return await self._inner.handle_async_request(_pinned(request, target, address))
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failed = error
        raise failed

    async def _addresses(self, target: Target) -> Sequence[IP]:
        if target.address is not None:
            return [target.address]
        try:
            async with asyncio.timeout(CONNECT):
                return await self.resolver(target.host)
        except TimeoutError as error:
            raise httpx.ConnectTimeout(f"The name {target.host} was not resolved in time.") from error

    async def aclose(self) -> None:
        await self._inner.aclose()


def _pinned(request: httpx.Request, target: Target, address: IP) -> httpx.Request:
    """The request, to be sent to one address; its Host header and the certificate it expects stay the name's."""
    url = httpx.URL(scheme=target.scheme, host=str(address), port=target.port, raw_path=target.path.encode())
    named = {} if target.address else {"sni_hostname": target.host}
    return httpx.Request(
        request.method, url, headers=request.headers, stream=request.stream, extensions=request.extensions | named
    )


@functools.cache
def trusted() -> ssl.SSLContext:
    """The public authorities, and those that this machine trusts beside them; read once, since it takes 30 ms."""
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context


def client(
    allowed: Allowed, *, resolver: Resolver = resolve, verify: ssl.SSLContext | None = None
) -> httpx.AsyncClient:
    """A client that reaches public addresses, and what is `allowed` beside them.

    Args:
        allowed: `Allowed.of(settings.allowed_networks)`.
        resolver: Whom to ask for addresses.
        verify: Whose certificates to trust; the system's when None.
    """
    return httpx.AsyncClient(
        transport=Guard(allowed, resolver, verify),
        timeout=httpx.Timeout(PAUSE, connect=CONNECT),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        headers={"User-Agent": f"Stakazo/{__version__}", "Accept-Encoding": "identity"},
        follow_redirects=False,
        trust_env=False,
    )


@asynccontextmanager
async def opened(
    http: httpx.AsyncClient, method: str, url: str, *, headers: Mapping[str, str] | None = None, content: Any = None
) -> AsyncIterator[httpx.Response]:
    """A response whose body is still to be read, with `aiter_raw`. Raises AddressRefused, Unreachable.

    A redirect is a refusal: it would lead past the check of what the user named.
    """
    try:
        async with http.stream(method, parse(url).url, headers=headers, content=content) as response:
            if response.is_redirect:
                raise AddressRefused(f"{parse(url).host} redirects elsewhere. Give the address of the file itself.")
            yield response
    except httpx.HTTPError as error:
        raise Unreachable(f"{parse(url).host} can't be reached: {str(error) or type(error).__name__}.") from error


async def send(
    http: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
    max_bytes: int = MAX_ANSWER,
    within: float = 15.0,
) -> Answer:
    """Ask, and read the whole answer, of at most `max_bytes`, within so many seconds.

    Raises AddressRefused, Unreachable (retryable), TooMuch. An answer of any status is an answer.
    """
    try:
        async with asyncio.timeout(within), opened(http, method, url, headers=headers, content=content) as response:
            body = bytearray()
            async for piece in response.aiter_raw():
                body += piece
                if len(body) > max_bytes:
                    raise TooMuch(f"{parse(url).host} answers with more than {max_bytes} bytes.")
            return Answer(response.status_code, response.headers, bytes(body))
    except TimeoutError as error:
        raise Unreachable(f"{parse(url).host} did not answer within {within:g} seconds.") from error
