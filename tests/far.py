"""An HTTP server somewhere else, for what goes out: it says what it is told to and remembers what it was asked."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Answering = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


class Far:
    """An HTTP server somewhere: what it was asked, and how it answers."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.asked: list[bytes] = []
        self.connections = 0
        self.names: list[str | None] = []
        """Whom TLS clients wanted to speak to."""


@asynccontextmanager
async def far(
    answer: bytes | Answering = b"",
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: ssl.SSLContext | None = None,
    closing: bool = False,
) -> AsyncIterator[Far]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                there.asked.append(head)
                if callable(answer):
                    await answer(head, writer)
                    break
                writer.write(answer or b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
                await writer.drain()
                if closing:
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    if tls:
        tls.sni_callback = lambda _socket, name, _context: there.names.append(name)
    server = await asyncio.start_server(serve, host, port, ssl=tls)
    there: Far = Far(server.sockets[0].getsockname()[1])
    async with server:
        yield there
