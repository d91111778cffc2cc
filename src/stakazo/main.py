"""The API as an application: `uvicorn --factory stakazo.main:create_app`; `stakazo serve` puts the rest around it."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from stakazo import __version__
from stakazo.accounts.mail import Post
from stakazo.accounts.oidc import Provider
from stakazo.accounts.passwords import Passwords
from stakazo.accounts.tokens import Tokens
from stakazo.api import ROUTERS, docs, errors
from stakazo.api.browsers import Doors, Places, Telling
from stakazo.api.compress import Compress
from stakazo.api.contract import completed
from stakazo.api.counting import Slots, Standing
from stakazo.api.deps import Services, declare_access
from stakazo.api.requests import BodyLimit, RequestLog
from stakazo.core import postgres, storage
from stakazo.core.db import Database
from stakazo.core.limits import Limiter
from stakazo.core.live import LiveFeed
from stakazo.core.security import Keyring
from stakazo.core.settings import Settings
from stakazo.core.settings import settings as read_settings

log = structlog.get_logger("stakazo.main")

MAX_JSON_BYTES = 1024 * 1024
"""Of a request's body; uploads have a limit of their own."""

UPLOADS = re.compile(r"/upload|/uploads(/[^/]+)?")
"""Where bodies of any size come in, straight to the disk."""

DESCRIPTION = """\
Long music videos in; the clips that work, rendered for every platform, out. With reasons and proof.

Programs send an API key: `Authorization: Bearer stk_...` or `X-API-Key: stk_...`. People sign in (`POST /auth/login`)
and send their access token the same way, or let their browser send its cookie. Errors are problem details
(RFC 9457) with a `code` for programs, a `detail` for people and `retryable`. Lists are pages: ask again with
`cursor=next_cursor`. Times are seconds of the source. `x-permission` names what an operation needs;
`person` is whoever is signed in, `public` everybody.
"""


@asynccontextmanager
async def _open(app: FastAPI) -> AsyncIterator[None]:
    """The outside things, for as long as the process serves."""
    settings: Settings = app.state.settings
    urls = await postgres.resolve(settings)
    keyring, passwords, post = Keyring(settings), Passwords(settings), Post(settings)
    db = Database(urls.app, pool_size=settings.database_pool_size, keyring=keyring)
    files = storage.of(settings)
    provider, limiter = Provider(settings), Limiter.of(settings, db)
    swept = await asyncio.to_thread(files.sweep)
    log.info("api_started", swept_temporary_files=swept, pid=os.getpid())
    try:
        async with LiveFeed(urls.app) as live:
            app.state.services = Services(
                settings=settings,
                urls=urls,
                db=db,
                storage=files,
                live=live,
                keys=keyring,
                limiter=limiter,
                slots=Slots(settings.max_concurrent_uploads),
                passwords=passwords,
                tokens=Tokens(db, keyring),
                post=post,
                provider=provider,
                stopping=app.state.stopping,
            )
            yield
    finally:
        await provider.close()
        await limiter.close()
        await post.close()
        passwords.close()
        await db.close()


class Application(FastAPI):
    """FastAPI, with our contract at /openapi.json."""

    def openapi(self) -> dict[str, Any]:
        if not self.openapi_schema:
            self.openapi_schema = completed(super().openapi())
        return self.openapi_schema


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application; the database is opened when it starts, not here."""
    app = Application(
        title="Stakazo",
        version=__version__,
        description=DESCRIPTION,
        lifespan=_open,
        docs_url=None,
        redoc_url=None,
    )
    app.state.settings = settings or read_settings()
    app.state.stopping = asyncio.Event()
    errors.install(app)
    places = Places.of(app.state.settings)
    app.add_middleware(Standing)
    app.add_middleware(BodyLimit, limit=MAX_JSON_BYTES, exempt=UPLOADS)
    if places.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=sorted(places.origins),
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["*"],
        )
    app.add_middleware(Doors, places=places)
    app.add_middleware(Compress)
    app.add_middleware(RequestLog)
    app.add_middleware(Telling, places=places)
    for router in (*ROUTERS, docs.router):
        declare_access(router)
        app.router.routes.extend(router.routes)  # to include them, FastAPI would build each of them a second time
    return app


def contract() -> str:
    """The contract as `openapi/openapi.json` keeps it: OpenAPI 3.1."""
    return json.dumps(create_app(Settings()).openapi(), indent=2, ensure_ascii=False) + "\n"
