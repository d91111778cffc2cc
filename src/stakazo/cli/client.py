"""The API from outside, as the program uses it: requests, live events, upload and download."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from stakazo.cli.output import USAGE, Failure, trouble
from stakazo.cli.patience import patiently
from stakazo.cli.sending import in_parts
from stakazo.core.outside import trusted
from stakazo.core.settings import Settings

Row = dict[str, Any]
"""A thing as the API shows it."""

LARGE = 64 * 1024 * 1024
"""Bytes from which on a file is sent in parts."""
RECONNECT = 0.5
"""Seconds between two attempts to listen again."""


class Refused(Failure):
    """The API said no."""

    def __init__(self, status: int, body: Row) -> None:
        super().__init__(str(body.get("detail") or f"The server answered {status}."))
        self.status = status
        self.body = body
        self.problem_code = str(body.get("code", ""))


class Api:
    """One server, one key."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self._http = httpx.AsyncClient(
            base_url=url,
            verify=trusted(),
            headers={"Authorization": f"Bearer {key}"},
            timeout=httpx.Timeout(60, connect=10),
            trust_env=False,  # a proxy for the web has nothing to do with the server on this machine
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def _ask(self, method: str, path: str, **options: Any) -> Any:
        return _checked(await self._answer(method, path, **options))

    async def _answer(self, method: str, path: str, **options: Any) -> httpx.Response:
        if method == "POST":  # so that asking again does it once
            options["headers"] = {"Idempotency-Key": str(uuid4())}
        try:
            return await patiently(lambda: self._http.request(method, path, **options))
        except httpx.TransportError as error:
            raise Failure(f"The server at {self.url} does not answer ({_why(error)}).") from error

    async def get(self, path: str, **query: Any) -> Any:
        return await self._ask("GET", path, params={name: value for name, value in query.items() if value is not None})

    async def post(self, path: str, body: Any = None) -> Any:
        return await self._ask("POST", path, json=body)

    async def edit(self, path: str, change: Callable[[Row], Row]) -> Row:
        """Read a thing and write it back as `change` makes it; anew where somebody else has written it meanwhile."""
        while True:
            read = await self._answer("GET", path)
            wanted, seen = change(dict(_checked(read))), {"If-Match": read.headers["etag"]}
            answer = await self._answer("PUT", path, json=wanted, headers=seen)
            if answer.status_code != httpx.codes.PRECONDITION_FAILED:
                return dict(_checked(answer))

    async def patch(self, path: str, body: Any) -> Any:
        return await self._ask("PATCH", path, json=body)

    async def text(self, path: str) -> str:
        """An answer that is no JSON."""
        response = await self._answer("GET", path)
        if not response.is_success:
            _checked(response)
        return response.text

    async def delete(self, path: str) -> None:
        await self._ask("DELETE", path)

    async def every(self, path: str, **query: Any) -> list[Row]:
        """All items of a list, page after page."""
        items: list[Row] = []
        cursor: str | None = None
        while True:
            page = await self.get(path, cursor=cursor, limit=200, **query)
            items += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return items

    async def upload(self, path: Path, *, title: str | None, sent: Callable[[int], None], large: int = LARGE) -> Row:
        """Send a file, in parts if it is large or the connection breaks; `sent` hears how many bytes have gone out."""
        if (await asyncio.to_thread(path.stat)).st_size < large:
            try:
                return dict(_checked(await patiently(lambda: self._upload_at_once(path, title, sent))))
            except httpx.ConnectError as error:
                raise Failure(f"The server at {self.url} does not answer ({_why(error)}).") from error
            except httpx.TransportError:
                sent(0)
        try:
            response = await in_parts(self._http, path, title=title, sent=sent)
        except httpx.TransportError as error:
            raise Failure(f"The upload to {self.url} broke off again and again ({_why(error)}).") from error
        _checked(response)
        video, job, created = (response.headers.get(f"X-{name}") for name in ("Video-Id", "Job-Id", "Video-Created"))
        return {
            "video": await self.get(f"/videos/{video}"),
            "job": await self.get(f"/jobs/{job}") if job else None,
            "created": created == "true",
        }

    async def _upload_at_once(self, path: Path, title: str | None, sent: Callable[[int], None]) -> httpx.Response:
        with _Watched(path, sent) as file:
            return await self._http.post(
                "/upload",
                data={"title": title} if title else {},
                files={"file": (path.name, file, "application/octet-stream")},
                timeout=httpx.Timeout(None, connect=10),
            )

    async def download(self, path: str, to: Path, *, sha256: str | None = None) -> None:
        """Fetch a file; it has its name only once it is whole and has the expected hash."""
        half = to.with_name(f".{to.name}.part")
        seen = hashlib.sha256()
        try:
            async with self._http.stream("GET", path) as response:
                if not response.is_success:
                    await response.aread()
                    _checked(response)
                with half.open("wb") as out:
                    async for block in response.aiter_bytes(1024 * 1024):
                        seen.update(block)
                        out.write(block)
            if sha256 is not None and seen.hexdigest() != sha256:
                raise Failure(f"{to.name} did not arrive as it was sent; try again.")
            half.replace(to)
        except httpx.TransportError as error:
            raise Failure(f"The download of {to.name} broke off ({_why(error)}).") from error
        except OSError as error:
            raise Failure(f"{to.name} could not be kept. {trouble(error)}") from error
        finally:
            half.unlink(missing_ok=True)

    async def events(self, jobs: list[str]) -> AsyncIterator[tuple[str, Any]]:
        """Live events as (name, data), for ever: a lost connection is made again and begins with the state."""
        while True:
            try:
                async with self._http.stream(
                    "GET", "/live", params={"job_id": jobs}, timeout=httpx.Timeout(60, connect=10)
                ) as response:
                    if not response.is_success:
                        await response.aread()
                        _checked(response)
                    name = ""
                    async for line in response.aiter_lines():
                        if line.startswith("event: "):
                            name = line[7:]
                        elif line.startswith("data: "):
                            yield name, json.loads(line[6:])
            except httpx.TransportError:
                pass
            await asyncio.sleep(RECONNECT)


class _Watched(io.FileIO):
    """A file that tells how far it was read."""

    def __init__(self, path: Path, heard: Callable[[int], None]) -> None:
        super().__init__(path, "rb")
        self._heard = heard

    def read(self, size: int | None = -1, /) -> bytes:
        block = super().read(-1 if size is None else size)
        self._heard(self.tell())
        return block or b""


def _why(error: Exception) -> str:
    return str(error) or type(error).__name__


def _checked(response: httpx.Response) -> Any:
    if response.is_success:
        return response.json() if response.content else None
    try:
        body = response.json()
    except ValueError:
        body = {}
    raise Refused(response.status_code, body if isinstance(body, dict) else {})


# --- finding a server ---------------------------------------------------------------------------------------


def note_file(settings: Settings) -> Path:
    """Where `stakazo serve` writes down its address, for programs on the same machine."""
    return settings.data_dir / "serve.json"


async def _answers(url: str) -> bool:
    try:
        async with httpx.AsyncClient(verify=trusted(), timeout=3, trust_env=False) as http:
            answer = await http.get(f"{url}/health")
            return answer.is_success and answer.json().get("name") == "stakazo"
    except (httpx.HTTPError, ValueError, AttributeError):
        return False


async def running(settings: Settings) -> str | None:
    """The address of the server on this data directory, if it answers."""
    try:
        url = str(json.loads(note_file(settings).read_text())["url"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return url if await _answers(url) else None


def key_of(settings: Settings) -> str:
    """The API key: of the environment, else the first one of this data directory."""
    given = os.environ.get("STAKAZO_API_KEY")
    if given:
        return given
    try:
        return settings.key_file.read_text().strip()
    except FileNotFoundError:
        raise Failure(
            f"There is no API key: {settings.key_file} is not there. `stakazo serve` makes it at its first start; "
            "for a server elsewhere set STAKAZO_API_KEY."
        ) from None
    except PermissionError:
        raise Failure(f"The API key in {settings.key_file} belongs to another user.") from None


@asynccontextmanager
async def connected(settings: Settings, server: str | None = None) -> AsyncIterator[Api]:
    """The server that was named, or the one that runs on this data directory."""
    url = server or os.environ.get("STAKAZO_SERVER") or await running(settings)
    if url is None:
        raise Failure(
            f"No Stakazo runs on {settings.data_dir}. Start it with `stakazo serve`, "
            "or name one elsewhere with --server and STAKAZO_API_KEY."
        )
    if not re.fullmatch(r"https?://[^/\s]+(/\S*)?", url):
        raise Failure(f"{url!r} is no address of a server; write it like http://127.0.0.1:8400.", code=USAGE)
    api = Api(url.rstrip("/"), key_of(settings))
    try:
        yield api
    finally:
        await api.close()
