"""A line between the application and its database, with faults: delay, cut, blackhole, half-open."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass, field

CHUNK = 64 * 1024


@dataclass(eq=False)
class _Line:
    """One connection through the proxy."""

    near: asyncio.StreamWriter
    far: asyncio.StreamWriter
    dead: bool = False
    """What comes in is taken and never passed on; neither side hears of it."""


@dataclass
class Proxy:
    """Passes bytes to `port` on this machine, as well as it is told to."""

    port: int
    delay: float = 0.0
    """Seconds by which every piece is late."""
    refusing: bool = False
    """New connections get no answer: they are taken and left alone."""
    lines: set[_Line] = field(default_factory=set)
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def open(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def be_late(self, seconds: float) -> None:
        """From now on every piece comes so much later."""
        self.delay = seconds

    def half_open(self) -> int:
        """Let every connection that is open now go silent for ever; new ones work. Says how many."""
        for line in self.lines:
            line.dead = True
        return len(self.lines)

    def blackhole(self, *, on: bool) -> None:
        """Nothing passes, and nobody is told: what is open goes silent, what is new gets no answer."""
        self.refusing = on
        if on:
            self.half_open()

    def cut(self) -> int:
        """Reset every connection."""
        for line in list(self.lines):
            for writer in (line.near, line.far):
                with contextlib.suppress(OSError):
                    writer.get_extra_info("socket").setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                    )
                writer.transport.abort()
        return len(self.lines)

    async def _serve(self, near_in: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            if self.refusing:
                await asyncio.sleep(3600)
            far_in, far_out = await asyncio.open_connection("127.0.0.1", self.port)
        except (OSError, asyncio.CancelledError):
            near_out.transport.abort()
            return
        line = _Line(near_out, far_out)
        self.lines.add(line)
        try:
            await asyncio.gather(self._pass_on(line, near_in, far_out), self._pass_on(line, far_in, near_out))
        except asyncio.CancelledError:
            pass
        finally:
            self.lines.discard(line)
            for writer in (near_out, far_out):
                writer.transport.abort()

    async def _pass_on(self, line: _Line, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(CHUNK):
                if self.delay:
                    await asyncio.sleep(self.delay)
                if not line.dead:
                    sink.write(data)
                    await sink.drain()
        if line.dead:  # the end of one side is not told to the other either
            await asyncio.sleep(3600)
        with contextlib.suppress(OSError):
            sink.write_eof()
