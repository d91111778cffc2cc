"""Full disks: under the storage during an upload and a rendering, and under the database. On small disks in memory."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from chaos.house import House
from chaos.people import Film, People
from chaos.phases import Tally, workspace_of

MB = 1024**2


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[None]:
    """A disk of so many bytes at this place. Raises PermissionError where that is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    argv = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0711", "tmpfs", str(folder)]
    try:
        subprocess.run(argv, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise PermissionError(f"No small disk can be mounted here: {error}") from error
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True, capture_output=True)


def fill(folder: Path, leave: int = 0) -> Path:
    """Fill the disk but for so many bytes; the file that does it."""
    file = folder / "filling"
    with file.open("wb") as out, contextlib.suppress(OSError):
        while True:
            free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize - leave
            if free <= 0:
                break
            out.write(b"\0" * min(free, 4 * MB))
            out.flush()
    return file


class Disks:
    """The three places where a disk may be full, on an installation of its own."""

    def __init__(self, house: House, people: People, tally: Tally) -> None:
        self.house, self.people, self.tally = house, people, tally
        self.storage = house.data / "storage"
        self.database = house.data / "postgres"

    async def upload(self, film: Path) -> None:
        """An upload that doesn't fit is refused, leaves nothing, and fits later."""
        big = film.read_bytes() + os.urandom(6 * MB)
        filling = fill(self.storage, leave=2 * MB)
        async with self.house.client(timeout=60.0) as client:

            async def send() -> httpx.Response:
                return await client.post(
                    "/upload", files={"file": ("big.mp4", big)}, headers={"Idempotency-Key": "full"}
                )

            refused = await send()
            self.tally.expect(refused.status_code == 507, f"full disk, upload: {refused.status_code} {refused.text}")
            left = [path for path in self.storage.rglob("*") if path.is_file() and path.stat().st_size > MB]
            self.tally.expect(left == [filling], f"full disk, upload: it left {left}")
            videos = (await client.get("/videos")).json()["items"]
            self.tally.expect(not videos, "full disk, upload: a video is there that was refused")
            filling.unlink()
            at = time.monotonic()
            sent = await send()
            self.tally.expect(sent.status_code == 202, f"room again, upload: {sent.status_code} {sent.text}")
            self.tally.well_after("a full disk under an upload", time.monotonic() - at)
            await client.delete(f"/videos/{sent.json()['video']['id']}")

    async def render(self, film: Film, recipes: list[str]) -> None:
        """A rendering that doesn't fit waits until there is room, and nothing half is shown."""
        filling: list[Path] = []

        async def full_when_it_renders() -> None:
            async with self.house.client() as client:
                while True:
                    rows = (await client.get("/jobs", params={"type": "generate_variants"})).json()["items"]
                    if rows and not filling:
                        filling.append(fill(self.storage, leave=16 * 1024))
                    if filling and rows and (rows[0]["error"] or {}).get("code") in {"disk_full", "no_space"}:
                        break
                    self.tally.expect(not rows or rows[0]["state"] != "FAILED", f"full disk, render: {rows}")
                    if rows and rows[0]["state"] in {"FAILED", "COMPLETED"}:
                        return
                    await asyncio.sleep(0.05)
                self._nothing_half()
                filling[0].unlink()
                room.append(time.monotonic())

        room: list[float] = []
        watching = asyncio.create_task(full_when_it_renders())
        try:
            async with asyncio.timeout(240):
                await film.travel(recipes)
                await watching
        except (TimeoutError, RuntimeError) as error:
            self.tally.failed.append(f"full disk, render: {error!r}")
        finally:
            watching.cancel()
            for file in filling:
                file.unlink(missing_ok=True)
        if room:
            self.tally.well_after("a full disk under a rendering", time.monotonic() - room[0])
            self.tally.expect(film.revived == 0, "full disk, render: a person had to start it again")
        else:
            self.tally.failed.append("full disk, render: the disk was never full while it rendered")

    def _nothing_half(self) -> None:
        shown = list(self.storage.glob("*/variants/*"))
        self.tally.expect(not shown, f"full disk, render: {shown} are shown")

    async def ledger(self) -> None:
        """A database that can write no more acknowledges nothing; when there is room it works again by itself."""
        async with self.house.client(timeout=15.0) as client:
            filling = fill(self.database)
            answers: list[str] = []
            first: float | None = None
            deadline = time.monotonic() + 45
            while time.monotonic() < deadline and (first is None or time.monotonic() - first < 3.0):
                said = await self._wish(client)
                if said != "202":
                    first = first or time.monotonic()
                answers.append(said)
            self.tally.expect(first, "full disk, ledger: it never refused")
            self.tally.expect(
                set(answers) <= {"202", "503", "507"}, f"full disk, ledger: it answered {sorted(set(answers))}"
            )
            filling.unlink()
            at = time.monotonic()
            while (said := await self._wish(client)) != "202" and time.monotonic() - at < 60:
                await asyncio.sleep(0.1)
            self.tally.well_after("a full disk under the ledger (until a wish is acknowledged)", time.monotonic() - at)
            refusals = sum(answer != "202" for answer in answers)
            self.tally.notes.append(
                f"With a full disk under the database {refusals} wishes were refused "
                f"({', '.join(sorted(set(answers) - {'202'}))}) and none acknowledged that was lost."
            )
        probe_from = time.monotonic()
        async with self.house.client(timeout=5.0) as client:
            await asyncio.wait_for(self.people.probe(client), 60)
        self.tally.well_after("a full disk under the ledger (until work is done)", time.monotonic() - probe_from)

    async def _wish(self, client: httpx.AsyncClient) -> str:
        """Wish for something with a long name, which fills the database, once; what was said."""
        from chaos.people import Act

        act = Act("write", f"full-{uuid4().hex}" + uuid4().hex * 2000)
        try:
            answer: Any = await client.post(
                "/chaos/jobs",
                json={"kind": "write", "what": act.what, "seconds": 0.0},
                headers={"Idempotency-Key": act.key},
            )
        except httpx.HTTPError as error:
            return type(error).__name__
        if answer.status_code == 202:
            act.job_id = answer.json()["id"]
            self.people.acts.append(act)
        elif answer.status_code == 500:
            self.people.odd.append(f"full disk: 500 {answer.text[:300]}")
        return str(answer.status_code)


async def on_small_disks(folder: Path, seed: int, tally: Tally, film: Path, recipes: list[str]) -> tuple[House, People]:
    """All three, on an installation of its own; it is up when this returns."""
    house = House(folder, seed=seed)
    people = People(house, seed)
    with contextlib.ExitStack() as disks:
        disks.enter_context(small_disk(house.data / "storage", 48 * MB))
        disks.enter_context(small_disk(house.data / "postgres", 320 * MB))
        try:
            await house.open(workers=1)
            house.keep_media()
            trial = Disks(house, people, tally)
            await trial.upload(film)
            await trial.render(Film(people, film, "a film on a small disk"), recipes)
            await trial.ledger()
            yield_to = await workspace_of(house)
            from chaos.reckoning import reckon, settled

            left = await settled(house, yield_to, 60.0)
            tally.failed += [f"small disks: {one}" for one in left]
            found = await reckon(house, people, yield_to)
            tally.failed += [f"small disks: {one}" for one in (*found.lost, *found.twice, *found.odd)]
        finally:
            await house.close()
    return house, people
