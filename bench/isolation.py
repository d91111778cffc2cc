"""Whether the isolation walk notices what is broken: `python bench/isolation.py [--new | --only WORD]`.

Mutants are made of everything that keeps workspaces apart and can be taken away by itself: each policy of the database
(dropped; opened to all rows; shared with everybody), each permission that an operation asks for, and, of what is about
a person, who asks. Each is tried on a copy of one database and its files with the walk of
`tests/api/test_isolation_walk.py`: over HTTP until the first thing that is wrong, and, for policies, in the database.

Writes bench/reports/isolation.md; exits with 1 when a mutant survives. With `--new` it tries those that the report
doesn't name yet, or names as survivors, and adds them to it; what it says of the others stays.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from sqlalchemy import make_url

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.api.isolation import mutants, reach
from tests.api.isolation.askers import Sees
from tests.api.isolation.fill import fill
from tests.api.isolation.stage import Stage
from tests.api.isolation.walk import READING, Operation, Walk, committed
from tests.api.serving import House, running

from stakazo.accounts.person import Person
from stakazo.accounts.roles import Role
from stakazo.core import isolation, migrate, postgres
from stakazo.core.cluster import SUPERUSER
from stakazo.core.db import Database
from stakazo.core.postgres import Urls, conninfo

REPORT = Path(__file__).parent / "reports" / "isolation.md"
QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
NOTHING, NOT_TRIED = "—", "not tried"
GUARDS = {"one_workspace", "one_person", "members"}
"""Policies that decide what people are shown."""
SHOWING = ["POST /invitations"]
"""What shows something of others without being a read: whether somebody is a member."""


@dataclass
class Outcome:
    """What became of one mutant: the first thing that was found, by each leg of the walk."""

    mutant: str
    over_http: str = NOTHING
    in_database: str = NOTHING
    catalogue: str = NOTHING
    """What the program itself says at its start; not a part of the walk."""

    @property
    def survived(self) -> bool:
        return self.in_database == NOTHING and self.over_http in {NOTHING, NOT_TRIED}


@dataclass
class Result:
    policies: list[Outcome] = field(default_factory=list)
    permissions: list[Outcome] = field(default_factory=list)
    persons: list[Outcome] = field(default_factory=list)

    @property
    def all(self) -> list[Outcome]:
        return [*self.policies, *self.permissions, *self.persons]


class Range:
    """A database server, a database with the stage, and as many copies of both as there are mutants."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.urls = postgres.ensure(folder / "server", options=QUICK)
        self.password = (folder / "server" / "postgres" / postgres.SUPERUSER_PASSWORD).read_text()
        self._made = 0
        self._copies = ExitStack()
        self._copy: tuple[House, str] | None = None

    def close(self) -> None:
        self._copies.close()
        postgres.stop(self.folder / "server", force=True)

    def superuser(self, name: str) -> str:
        url = make_url(self.urls.owner).set(username=SUPERUSER, password=self.password, database=name)
        return url.render_as_string(hide_password=False)

    def named(self, name: str) -> Urls:
        def there(url: str) -> str:
            return make_url(url).set(database=name).render_as_string(hide_password=False)

        return Urls(there(self.urls.owner), there(self.urls.app))

    def _execute(self, statement: str) -> None:
        # A superuser may end what else is at work there, an autovacuum for one.
        url = self.superuser("postgres") if statement.startswith("drop") else self.urls.owner
        with psycopg.connect(conninfo(url), autocommit=True) as connection:
            connection.execute(statement)

    def make_stage(self) -> Stage:
        self._execute("create database stage")
        urls = self.named("stage")
        migrate.upgrade(urls.owner)
        with running(mutants.settings(urls, self.folder / "stage"), urls) as house:
            return fill(house, self.superuser("stage"))

    @contextmanager
    def walking(self, stage: Stage) -> Iterator[tuple[House, str, Walk]]:
        """A walk over the stage as it was made, and the API with the way into its database for who sees all.

        The next one takes over the copy where this one has left nothing behind.
        """
        house, superuser = self._copy = self._copy or self._copies.enter_context(self._new())
        walk = Walk(house, stage, superuser, committed())
        before = walk.watch.state()
        try:
            yield house, superuser, walk
            touched = walk.wrote or walk.watch.state() != before
        finally:
            walk.close()
        if touched:
            self._copy = None
            self._copies.close()

    @contextmanager
    def _new(self) -> Iterator[tuple[House, str]]:
        self._made += 1
        name = f"mutant_{self._made}"
        self._execute(f"create database {name} template stage")
        shutil.copytree(self.folder / "stage", self.folder / name, symlinks=True)
        urls = self.named(name)
        try:
            with running(mutants.settings(urls, self.folder / name), urls) as house:
                yield house, self.superuser(name)
        finally:
            self._execute(f"drop database {name} with (force)")
            shutil.rmtree(self.folder / name)


# --- one mutant ---------------------------------------------------------------------------------------------


def policy(ground: Range, stage: Stage, mutant: mutants.PolicyMutant) -> Outcome:
    """In the database, and over HTTP where people, not the machinery, are shown what it lets through.

    What is dropped hides rows, which members notice; what is opened shows them to whoever is somebody elsewhere.
    """
    outcome = Outcome(f"{mutant.table}.{mutant.policy} {mutant.how}")
    with (
        ground.walking(stage) as (house, superuser, walk),
        psycopg.connect(conninfo(superuser), autocommit=True) as connection,
    ):
        connection.execute(mutant.statement)
        outcome.catalogue = next(iter(asyncio.run(catalogue(house.urls))), NOTHING)
        outcome.in_database = next(reach.faults(stage, superuser), NOTHING)
        shown = [each.name for each in walk.contract if each.method in READING] + SHOWING
        if mutant.how == "dropped" and mutant.policy in GUARDS:
            outcome.over_http = str(next(walk.members(*shown), NOTHING))
        elif mutant.how == "opened" and mutant.policy in GUARDS:
            outcome.over_http = str(next(walk.strangers(*shown, seeing=[Sees.NOTHING]), NOTHING))
        else:
            outcome.over_http = NOT_TRIED
        connection.execute(mutant.undone)
    return outcome


async def catalogue(urls: Urls) -> list[str]:
    db = Database(urls.app, pool_size=1)
    try:
        async with db.engine.connect() as connection:
            return await isolation.faults(connection)
    finally:
        await db.close()


def permission(ground: Range, stage: Stage, operation: Operation) -> Outcome:
    outcome = Outcome(f"{operation.name} without {operation.needs}")
    with ground.walking(stage) as (house, _, walk), mutants.without_permission(house.app, operation.name):
        outcome.over_http = str(next(walk.strangers(operation.name, seeing=[Sees.NOT_YOU]), NOTHING))
    return outcome


def person(ground: Range, stage: Stage, operation: Operation) -> Outcome:
    outcome = Outcome(f"{operation.name} by whoever asks")
    owner = stage.people[Role.OWNER]
    taken_for = Person(owner.user_id, owner.session_id, stage.workspace_id, Role.OWNER)
    with ground.walking(stage) as (house, _, walk), mutants.taken_for(house.app, taken_for):
        refused = [Sees.WHO_ARE_YOU, Sees.NOT_YOU]
        outcome.over_http = str(next(walk.strangers(operation.name, seeing=refused), NOTHING))
    return outcome


# --- all of them --------------------------------------------------------------------------------------------


def run(ground: Range, wanted: Callable[[str], bool]) -> Result:
    stage, result = ground.make_stage(), Result()
    with ground.walking(stage) as (_, superuser, walk):
        clean = [*reach.faults(stage, superuser), *walk.members()]
        assert not clean, f"the walk must be clean before anything is broken: {clean[0]}"
    for operation in committed():
        if operation.needs == "person" and wanted(f"{operation.name} by whoever asks"):
            result.persons.append(told(person(ground, stage, operation)))
        elif operation.needs not in {"person", "public"} and wanted(f"{operation.name} without {operation.needs}"):
            result.permissions.append(told(permission(ground, stage, operation)))
    with psycopg.connect(conninfo(ground.superuser("stage"))) as connection:
        broken = mutants.policies(connection)
    for mutant in broken:
        if wanted(f"{mutant.table}.{mutant.policy} {mutant.how}"):
            result.policies.append(told(policy(ground, stage, mutant)))
    return result


def told(outcome: Outcome) -> Outcome:
    print("SURVIVED" if outcome.survived else "found   ", outcome.mutant, flush=True)
    return outcome


def reported() -> Result:
    """What the report says of the mutants that were found."""
    result = Result()
    for section, cells in _rows(REPORT.read_text()):
        if section == "Policies":
            result.policies.append(Outcome(cells[0], *cells[1:]))
        elif section in {"Permissions", "Who asks"}:
            where = result.permissions if section == "Permissions" else result.persons
            where.append(Outcome(*cells))
    for outcomes in (result.policies, result.permissions, result.persons):
        outcomes[:] = [one for one in outcomes if not one.survived]
    return result


def _rows(text: str) -> Iterator[tuple[str, list[str]]]:
    """The rows of its tables, by the section that they stand in."""
    section = ""
    for line in text.splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ")
        elif section and line.startswith("| ") and not line.startswith("| mutant "):
            yield section, [cell.replace("\\|", "|") for cell in re.split(r"(?<!\\) \| ", line[2:-2])]


def joined(old: Result, new: Result) -> Result:
    def both(name: str) -> list[Outcome]:
        return sorted([*getattr(old, name), *getattr(new, name)], key=lambda one: one.mutant)

    return Result(both("policies"), both("permissions"), both("persons"))


def report(result: Result, how: str) -> str:
    survivors = [one for one in result.all if one.survived]
    unseen = [one for one in result.policies if one.over_http == NOTHING]
    untried = [one for one in result.policies if one.over_http == NOT_TRIED]

    def cell(text: str) -> str:
        return text.replace("|", "\\|").replace("\n", " ")

    lines = [
        "# The isolation walk against mutants",
        "",
        (
            f"`python bench/isolation.py`, {datetime.now(UTC).isoformat(timespec='seconds')}, {os.cpu_count()} cores, "
            f"{how}. {len(result.all)} mutants, **{len(survivors)} survived**."
        ),
        "",
        (
            "Each mutant lacks one thing that keeps workspaces apart. Shown is the first thing that the walk "
            "(`tests/api/test_isolation_walk.py`) found: over HTTP, where it asks every operation as everybody who may "
            "not, and as members who may; and in the database, where each kind of transaction reads, adds, changes "
            "and empties every table whole."
        ),
        "",
        "| | mutants | found over HTTP | found in the database | survived |",
        "|---|---|---|---|---|",
    ]
    for name, outcomes in (
        ("policies", result.policies),
        ("permissions", result.permissions),
        ("who asks", result.persons),
    ):
        http = sum(one.over_http not in {NOTHING, NOT_TRIED} for one in outcomes)
        database = sum(one.in_database != NOTHING for one in outcomes)
        beyond = "" if outcomes is not result.policies else database
        lines.append(f"| {name} | {len(outcomes)} | {http} | {beyond} | {sum(one.survived for one in outcomes)} |")
    lines += ["", "## Survivors", ""]
    lines += [f"- {one.mutant}" for one in survivors] or ["None."]
    lines += [
        "",
        "## Policies",
        "",
        (
            "*Dropped*: the policy is gone. *Opened*: the same verb and roles, for all rows. *Shared*: for all rows "
            "and everybody, where it was the machinery's alone. One that lets the machinery reach all rows can't be "
            f"opened further. {len(unseen)} change nothing that can be seen over HTTP: the queries name the workspace "
            f"or the person too. {len(untried)} are the machinery's, and were not tried there. They are found in the "
            "database. *At the start* is what the program itself says of such a database, and refuses to work on it; "
            "it doesn't count here."
        ),
        "",
        "| mutant | over HTTP | in the database | at the start |",
        "|---|---|---|---|",
        *(
            f"| {one.mutant} | {cell(one.over_http)} | {cell(one.in_database)} | {cell(one.catalogue)} |"
            for one in result.policies
        ),
        "",
        "## Permissions",
        "",
        "The operation takes whoever is known; nobody asks what they may.",
        "",
        "| mutant | over HTTP |",
        "|---|---|",
        *(f"| {one.mutant} | {cell(one.over_http)} |" for one in result.permissions),
        "",
        "## Who asks",
        "",
        "Of what is about a person: whoever asks, nobody and a key too, is taken for an owner of the workspace.",
        "",
        "| mutant | over HTTP |",
        "|---|---|",
        *(f"| {one.mutant} | {cell(one.over_http)} |" for one in result.persons),
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--only", default="", help="mutants with this in their name; no report is written")
    which.add_argument("--new", action="store_true", help="mutants that the report doesn't name; they are added to it")
    asked = parser.parse_args()
    old = reported() if asked.new else Result()
    known = {one.mutant for one in old.all}
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="stakazo-bench-") as name:
        folder = Path(name)
        os.chmod(folder, 0o711)  # noqa: PTH101 (the server's user must pass through)
        ground = Range(folder)
        try:
            new = run(ground, lambda mutant: asked.only in mutant and mutant not in known)
        finally:
            ground.close()
    how = f"{time.monotonic() - started:.0f} s"
    if known:
        how += f" for {len(new.all)} of them; {len(known)} are from runs before, of the code of then"
    said = report(joined(old, new), how)
    if not asked.only:
        REPORT.write_text(said)
    print(said)
    return int(any(one.survived for one in new.all))


if __name__ == "__main__":
    sys.exit(main())
