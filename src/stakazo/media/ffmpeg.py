"""The FFmpeg program as a child process: found, asked what it can do, run, and never left behind.

A child that opens a stranger's file is confined: it sees the files of its `Access` alone (`confine.py`). Every child
runs in a session of its own, so that it can be killed with everything it started; on Linux the kernel kills it when
the thread that started it dies (PR_SET_PDEATHSIG), so a `kill -9` of a worker leaves no orphan. Start children from a
thread that lives as long as the work: an event loop's thread always does.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import imageio_ffmpeg

from stakazo.media import confine
from stakazo.media.complaints import failure, keep
from stakazo.media.confine import Access, Limits, Means
from stakazo.media.errors import Stopped, ToolMissing
from stakazo.media.means import bare, here

ENVIRONMENT = "STAKAZO_FFMPEG"
"""The environment variable that names another FFmpeg program."""

REQUIRED_FILTERS = frozenset(
    {"aeval", "aresample", "anullsrc", "apad", "atrim", "afade", "crop", "ebur128", "format", "fps", "gblur", "overlay"}
    | {"scale", "sendcmd", "setparams", "setpts", "setsar", "split", "trim", "volume"}
)
HDR_FILTERS = frozenset({"zscale", "tonemap"})
REQUIRED_ENCODERS = frozenset({"aac", "libx264"})

STDOUT_LIMIT = 4 * 1024**2

DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What one FFmpeg program can do."""

    program: str
    version: str
    filters: frozenset[str]
    encoders: frozenset[str]

    @property
    def missing(self) -> tuple[str, ...]:
        """What rendering can't do without and this program lacks."""
        return (
            *(f"filter {name}" for name in sorted(REQUIRED_FILTERS - self.filters)),
            *(f"encoder {name}" for name in sorted(REQUIRED_ENCODERS - self.encoders)),
        )

    @property
    def tone_mapping(self) -> bool:
        """Whether HDR sources can be shown on SDR screens as they were meant."""
        return self.filters >= HDR_FILTERS


@dataclass(frozen=True, slots=True)
class Result:
    """How a child ended."""

    code: int
    """0 is success; negative: the signal that ended it."""
    stdout: bytes
    """Empty when the lines went to a callback."""
    stderr: str
    """The first lines and the last."""


def executable(program: str | Path | None = None) -> str:
    """The FFmpeg program: the one asked for, else `STAKAZO_FFMPEG`, else imageio-ffmpeg's, else the system's."""
    wanted = str(program or os.environ.get(ENVIRONMENT, ""))
    if wanted:
        found = shutil.which(wanted)
        if not found:
            raise ToolMissing(f"There is no FFmpeg program at {wanted}; set {ENVIRONMENT} to one that exists.")
        return str(Path(found).absolute())
    return _installed()


@cache
def _installed() -> str:
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        found = shutil.which("ffmpeg")
        if not found:
            raise ToolMissing(
                f"FFmpeg is not installed: install the package imageio-ffmpeg, or set {ENVIRONMENT} to the program."
            ) from None
        return found


def capabilities(program: str | Path | None = None) -> Capabilities:
    """Ask the program for its version, filters and encoders (about 0.2 s; remembered)."""
    return _asked(executable(program))


@cache
def _asked(path: str) -> Capabilities:
    try:
        version, filters, encoders = (
            subprocess.run(
                [path, "-hide_banner", option], capture_output=True, text=True, timeout=30, check=True, errors="replace"
            ).stdout
            for option in ("-version", "-filters", "-encoders")
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ToolMissing(f"{path} doesn't run: {error}") from error
    return Capabilities(
        program=path,
        version=[*version.split(), "", "", "unknown"][2],
        filters=_second_words(filters),
        encoders=_second_words(encoders),
    )


def _second_words(listing: str) -> frozenset[str]:
    rows = (line.split() for line in listing.splitlines())
    return frozenset(row[1] for row in rows if len(row) > 2 and row[1] != "=")


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


async def child(
    argv: Sequence[str],
    *,
    line: Callable[[str], None] | None = None,
    timeout: float | None = None,  # noqa: ASYNC109 (the child must be killed first: the caller can't)
    access: Access | None,
    limits: Limits = DEFAULT_LIMITS,
    means: Means | None = None,
    nice: int = 5,
) -> Result:
    """Run a program to its end; `line` hears each line of its stdout as it comes.

    `access` is what it can see, within `limits`, by the means of this machine or those given; None is for programs that
    open no file of a stranger's: those see what we see. When the caller is cancelled, or after `timeout` seconds
    (`Stopped`), or when `line` raises, the program and everything it started are killed and gone before the exception
    goes on.
    """
    program, *arguments = argv
    path = shutil.which(program)
    if not path:
        raise ToolMissing(f"There is no program {program}.")
    if means is None:
        means = await asyncio.to_thread(here) if access else bare()
    barrier = confine.prefix(access, limits, means, parent=os.getpid(), nice=nice)
    process = await asyncio.create_subprocess_exec(
        *(*barrier, path, *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=access.home if access else None,
        env=confine.environment(os.environ, access.home) if access else None,
        start_new_session=True,
        limit=2**20,
    )
    output = bytearray()
    complaints: list[str] = []

    try:
        async with asyncio.timeout(timeout), asyncio.TaskGroup() as group:
            assert process.stdout
            assert process.stderr
            if line:
                group.create_task(_lines(process.stdout, line))
            else:
                group.create_task(_collect(process.stdout, output))
            group.create_task(_lines(process.stderr, lambda text: keep(complaints, text)))
            group.create_task(process.wait())
    except TimeoutError:
        raise Stopped(f"{Path(program).name} was stopped after its limit of {timeout:.0f} s.") from None
    except BaseExceptionGroup as group_error:
        raise group_error.exceptions[0] from None
    finally:
        _kill(process.pid)
        await asyncio.shield(_gone(process))
        if access and means.lends:
            _take_back(access.own)
    assert process.returncode is not None
    code = process.returncode
    if code > 128 and means.bubblewrap:
        code = 128 - code  # as a shell says that a signal ended its child
    return Result(code, bytes(output), "\n".join(complaints))


def _take_back(lent: Iterable[Path]) -> None:
    """What was lent to another user, and what that user made of it, is ours again."""
    own = os.geteuid(), os.getegid()
    for path in lent:
        os.chown(path, *own, follow_symlinks=False)
        for folder, folders, files in os.walk(path):
            for name in (*folders, *files):
                os.chown(Path(folder, name), *own, follow_symlinks=False)


async def _gone(process: asyncio.subprocess.Process) -> None:
    """Wait until a killed process is reaped; its pipes must be read to their ends for that."""
    streams = (stream for stream in (process.stdout, process.stderr) if stream)
    await asyncio.wait([asyncio.ensure_future(stream.read()) for stream in streams], timeout=1.0)
    await process.wait()


async def _lines(stream: asyncio.StreamReader, heard: Callable[[str], None]) -> None:
    """Hand over each line; carriage returns end a line too, and no line is too long."""
    rest = b""
    while block := await stream.read(2**16):
        *complete, rest = (rest + block).replace(b"\r", b"\n").split(b"\n")
        rest = rest[-(2**16) :]
        for text in complete:
            if text.strip():
                heard(text.decode(errors="replace").rstrip())
    if rest.strip():
        heard(rest.decode(errors="replace").rstrip())


async def _collect(stream: asyncio.StreamReader, output: bytearray) -> None:
    while block := await stream.read(2**16):
        if len(output) < STDOUT_LIMIT:
            output += block


async def run(
    argv: Sequence[str],
    *,
    access: Access | None,
    limits: Limits = DEFAULT_LIMITS,
    means: Means | None = None,
    duration: float | None = None,
    progress: Callable[[float], None] | None = None,
    timeout: float | None = None,  # noqa: ASYNC109 (see child)
    program: str | Path | None = None,
    loglevel: str = "warning",
) -> Result:
    """Run FFmpeg with these arguments (the program itself is not among them), confined to `access` where it is given.

    `progress` hears the share that is done, 0 to 1, about twice a second; it needs `duration`, the seconds of
    output to expect. Raises what `complaints.failure` makes of it, or Stopped, with FFmpeg's own telling lines.
    """
    path = executable(program)
    if access:
        access = _with(access, Path(path))
    head = [path, "-hide_banner", "-nostdin", "-nostats", "-loglevel", f"level+{loglevel}"]
    if not progress:
        result = await child([*head, *argv], access=access, limits=limits, means=means, timeout=timeout)
    else:

        def line(text: str) -> None:
            name, _, value = text.partition("=")
            if name == "out_time_us" and value.lstrip("-").isdigit() and duration:
                progress(min(max(int(value) / 1e6 / duration, 0.0), 1.0))

        told = [*head, "-progress", "pipe:1", *argv]
        result = await child(told, access=access, limits=limits, means=means, line=line, timeout=timeout)
    if result.code:
        raise failure(result.code, result.stderr)
    if progress:
        progress(1.0)
    return result


def _with(access: Access, program: Path) -> Access:
    return replace(access, programs=(*access.programs, program.absolute(), program.resolve()))
