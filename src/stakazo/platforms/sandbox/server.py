"""The sandbox over HTTP: hosts as the first part of the path, and breaking connections.

async with running(World()) as url: ...          in a test
serve(World(), "127.0.0.1", 8480, ready)         as a process
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from stakazo.platforms.sandbox import control, graph, login, plain, rupload, tiktok, youtube
from stakazo.platforms.sandbox.calls import Answered, Asked, Cut, Refused
from stakazo.platforms.sandbox.telling import Teller
from stakazo.platforms.sandbox.webhooks import Sender
from stakazo.platforms.sandbox.world import World

MARK = {"X-Stakazo-Sandbox": "1"}
"""In every answer, so that nobody takes this for the real world, nor anything else for this."""
_VERSION = re.compile(r"^v\d+\.\d+/?")

Answering = Callable[[Request], Awaitable[Response]]


class _Protocol(H11Protocol):
    """HTTP whose handlers can break the connection: it is in the request's state."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


def create_app(world: World) -> Starlette:
    """Every platform, and the sandbox's own controls."""
    sender = Sender(world)

    async def graph_api(request: Request) -> Response:
        asked = await _asked(request)
        if asked.method == "POST" and asked.path.endswith("/subscriptions"):
            try:
                await sender.verify(asked)
            except Refused as refused:
                return await _sent(request, Answered(refused.body, refused.status))
        return await _sent(request, graph.answer(world, asked))

    async def send(request: Request) -> Response:
        return await control.send(world, sender, request)

    async def upload(request: Request) -> Response:
        return await _sent(request, await rupload.answer(world, request))

    async def hub(request: Request) -> Response:
        return await _sent(request, await sender.subscribe_hub(request))

    routes: list[BaseRoute] = [
        Route("/graph/{path:path}", _marked(graph_api), methods=["GET", "POST", "DELETE"]),
        Route("/rupload/{kind}/{version}/{upload_id}", _marked(upload), methods=["POST"]),
        Route("/hub/subscribe", _marked(hub), methods=["POST"]),
        Route("/sandbox/webhooks", _marked(send), methods=["POST"]),
    ]
    for method, path, operation, act, body in (*tiktok.ROUTES, *youtube.ROUTES, *login.ROUTES):
        routes.append(Route(path, _marked(_plain(world, operation, act, body=body)), methods=[method]))
    for method, path, control_act in control.ROUTES:
        routes.append(Route(path, _marked(_for(world, control_act)), methods=[method]))
    app = Starlette(routes=routes)
    app.state.sender = sender
    return app


def _plain(world: World, operation: str, act: plain.Act, *, body: bool) -> Answering:
    async def answering(request: Request) -> Response:
        return await _sent(request, await plain.answer(world, request, operation, act, body=body))

    return answering


def _for(world: World, act: Callable[[World, Request], Awaitable[Response]]) -> Answering:
    async def answering(request: Request) -> Response:
        return await act(world, request)

    return answering


def _marked(act: Answering) -> Answering:
    async def answering(request: Request) -> Response:
        try:
            response = await act(request)
        except (Cut, ClientDisconnect):
            return await _broken(request)
        response.headers.update(MARK)
        return response

    return answering


async def _sent(request: Request, answered: Answered) -> Response:
    if answered.delay:
        await asyncio.sleep(answered.delay)
    if answered.cut:
        return await _broken(request)
    if isinstance(answered.body, str):
        return PlainTextResponse(answered.body, answered.status, answered.headers)
    return JSONResponse(answered.body, answered.status, answered.headers)


async def _broken(request: Request) -> Response:
    """No answer: the connection is gone."""
    request.state.transport.abort()
    await asyncio.sleep(0)
    return Response()


async def _asked(request: Request) -> Asked:
    params = dict(request.query_params)
    files: dict[str, bytes] = {}
    if request.method != "GET":
        async with request.form(max_part_size=64 * 1024 * 1024) as form:
            for name, value in form.items():
                if isinstance(value, UploadFile):
                    files[name] = await value.read()
                else:
                    params[name] = value
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    given = params.pop("access_token", "")
    path = _VERSION.sub("", request.path_params["path"]).strip("/")
    return Asked(
        request.method, path, params, token if scheme.lower() in {"bearer", "oauth"} else given, files, root(request)
    )


def root(request: Request) -> str:
    """Where this sandbox is, as the one who asks sees it."""
    return f"{request.url.scheme}://{request.url.netloc}"


class _Server(uvicorn.Server):
    """uvicorn that leaves signals alone, and says when it is up."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _configured(app: Starlette) -> uvicorn.Config:
    return uvicorn.Config(
        app, http=_Protocol, log_config=None, access_log=False, server_header=False, lifespan="off",
        timeout_graceful_shutdown=1,
    )  # fmt: skip


@contextlib.asynccontextmanager
async def running(world: World, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """The sandbox at this address (0: a free port) as long as the block lasts."""
    with socket.create_server((host, port)) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else bodies wait 40 ms after their heads
        app = create_app(world)
        server = _Server(_configured(app))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        telling = asyncio.create_task(Teller(world, app.state.sender).keep_looking())
        try:
            while not server.started:
                if serving.done():
                    serving.result()
                await asyncio.sleep(0.005)
            yield f"http://{host}:{listener.getsockname()[1]}"
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
            await app.state.sender.close()
            server.should_exit = True
            await serving
