"""The way to the platforms, as this installation's settings have it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx

from stakazo.core.errors import Conflict, Invalid, StakazoError, Unavailable
from stakazo.core.outside import trusted
from stakazo.core.settings import Settings
from stakazo.platforms import hosts
from stakazo.platforms.errors import PlatformError, Rejected, TokenExpired
from stakazo.platforms.http import App, Connection, client

SANDBOX = {
    "meta": App("sandbox-app", "sandbox-meta-secret"),
    "tiktok": App("sandbox-tiktok-app", "sandbox-tiktok-secret"),
    "google": App("sandbox-google-app", "sandbox-google-secret"),
}
"""Who we are in the sandbox: the same for everybody, and worth nothing elsewhere."""


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[Connection]:
    """How to reach the platforms: the sandbox, and the real ones for accounts that a person has switched to live."""
    async with client(trusted()) as http:
        yield Connection(http, sandbox=hosts.sandbox(settings.sandbox_url), apps=apps(settings), sandbox_apps=SANDBOX)


@contextmanager
def waited_for(
    whose: str,
    question: str,
    *,
    refusal: str = "The platform refuses to say",
    refused: type[StakazoError] = Invalid,
) -> Iterator[None]:
    """A question to a platform that somebody waits for: what goes wrong, as they are told it.

        with waited_for("ad account", "whom the ads would reach"): ...

    Raises Conflict where the token isn't taken any more, `refused` (Invalid) with the `refusal` for what the platform
    refuses, Unavailable where it doesn't answer now.
    """
    try:
        yield
    except TokenExpired as error:
        raise Conflict(f"The {whose} must be connected again: {error}") from error
    except Rejected as error:
        raise refused(f"{refusal}: {error}") from error
    except PlatformError as error:
        raise Unavailable(f"The platform doesn't say now {question}; try again later. {error}") from error


def apps(settings: Settings) -> dict[str, App]:
    """Who we are at the real platforms, as far as the settings say it."""
    said = (
        ("meta", settings.meta_app_id, settings.meta_app_secret),
        ("tiktok", settings.tiktok_client_key, settings.tiktok_client_secret),
        ("google", settings.google_client_id, settings.google_client_secret),
    )
    return {name: App(app_id, secret.get_secret_value()) for name, app_id, secret in said if app_id and secret}


async def sandbox_accounts(settings: Settings) -> dict[str, dict[str, Any]]:
    """The accounts that the sandbox offers, by platform. Raises Unavailable where none runs."""
    url = settings.sandbox_url.rstrip("/")
    try:
        async with client(trusted()) as http:
            answer = await http.get(f"{url}/sandbox/accounts", timeout=5.0)
            found: dict[str, dict[str, Any]] = answer.raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        raise Unavailable(
            f"No sandbox answers at {url}. Start one with `stakazo sandbox`, or set STAKAZO_SANDBOX_URL."
        ) from error
    return found
