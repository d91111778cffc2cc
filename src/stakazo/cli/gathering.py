"""What `stakazo audiences` does."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from stakazo.cli.client import Api, Row
from stakazo.cli.finding import whole_id
from stakazo.cli.output import USAGE, Failure, console, print_json
from stakazo.cli.posting import ask, show, table
from stakazo.cli.spending import account_of
from stakazo.core.settings import Settings
from stakazo.platforms.crowds import Crowd
from stakazo.platforms.customers import Customer, customer

AT_ONCE = 5000
"""Customers in one request."""
STYLES = {"MADE": "green", "FAILED": "red", "NEEDS_HUMAN": "bold red", "REMOVED": "dim"}


def make(
    settings: Settings, server: str | None, account: str | None, said: Row, *, dry_run: bool, as_json: bool
) -> None:
    async def work(api: Api) -> Row:
        return await _made(api, account, said, dry_run=dry_run)

    _shown(ask(settings, server, work), dry_run=dry_run, as_json=as_json)


async def _made(api: Api, account: str | None, said: Row, *, dry_run: bool) -> Row:
    row = await account_of(api, account)
    body = {"ad_account_id": row["id"], **{name: value for name, value in said.items() if value is not None}}
    return dict(await api.post(f"/audiences{'?dry_run=true' if dry_run else ''}", body))


def _shown(made: Row, *, dry_run: bool, as_json: bool) -> None:
    if as_json or not dry_run:
        show(made, as_json=as_json)
        return
    refused = made["preview"]["refused"]
    for words in refused:
        console().print(f"[red]Refused:[/] {words}")
    if not refused:
        console().print("Nothing stands against it.")


def customers(
    settings: Settings, server: str | None, account: str | None, name: str, file: Path, *, consent: bool,
    dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    found, unusable = _read(file)
    first, *rest = [_hashed(some) for some in _in_parts(found)]

    async def work(api: Api) -> Row:
        said = {"name": name, "crowd": Crowd.CUSTOMERS, "people": first, "consent": consent}
        made = await _made(api, account, said, dry_run=dry_run)
        for some in () if dry_run else rest:
            made = dict(await api.post(f"/audiences/{made['id']}/people", {"people": some, "consent": consent}))
        return made

    _shown(ask(settings, server, work), dry_run=dry_run, as_json=as_json)
    _told(len(found), unusable, as_json=as_json)


def add(settings: Settings, server: str | None, given: str, file: Path, *, consent: bool, as_json: bool) -> None:
    found, unusable = _read(file)

    async def work(api: Api) -> Row:
        audience_id = await whole_id(api, "/audiences", given, "audience")
        made: Row = {}
        for some in _in_parts(found):
            said = {"people": _hashed(some), "consent": consent}
            made = dict(await api.post(f"/audiences/{audience_id}/people", said))
        return made

    show(ask(settings, server, work), as_json=as_json)
    _told(len(found), unusable, as_json=as_json)


def _told(found: int, unusable: int, *, as_json: bool) -> None:
    if not as_json:
        more = f"; {unusable} more can't be found by what is said of them" if unusable else ""
        console().print(f"{found} customers{more}.")


def _read(file: Path) -> tuple[list[Customer], int]:
    """Hashes of who can be found by the file, and how many can't. Raises Failure where nobody can."""
    rows = list(_rows(file))
    known = [one for address, number in rows if (one := customer(address, number)) is not None]
    found = list(dict.fromkeys(known))
    if not found:
        raise Failure(
            f"Nobody in {file} can be found: it has no e-mail address, and no number with its country.", USAGE
        )
    return found, len(rows) - len(known)


def _rows(file: Path) -> Iterator[tuple[str, str]]:
    """Addresses and numbers: by the columns of that name, else one a line."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            delimiter = _delimiter(lines.readline())
            lines.seek(0)
            rows = csv.reader(lines, delimiter=delimiter)
            first = next(rows, [])
            columns = {name.strip().lower(): number for number, name in enumerate(first)}
            places = [columns.get(name) for name in ("email", "phone")]
            if places == [None, None]:
                yield from (_alone(row[0]) for row in [first, *rows] if row and row[0].strip())
                return
            for row in rows:
                address, number = (row[at] if at is not None and at < len(row) else "" for at in places)
                if address.strip() or number.strip():
                    yield address, number
    except (UnicodeDecodeError, csv.Error) as error:
        raise Failure(f"{file} is no CSV file in UTF-8.", USAGE) from error


def _delimiter(header: str) -> str:
    """What stands between the columns: Excel writes what is usual in its country. A comma, if nothing does."""
    return max(",;\t", key=header.count)


def _alone(words: str) -> tuple[str, str]:
    return (words, "") if "@" in words or len(words.strip()) == 64 else ("", words)


def _in_parts(found: Sequence[Customer]) -> Iterator[Sequence[Customer]]:
    return (found[start : start + AT_ONCE] for start in range(0, len(found), AT_ONCE))


def _hashed(some: Sequence[Customer]) -> list[Row]:
    return [{name: value.hex() for name, value in zip(("email", "phone"), one, strict=True) if value} for one in some]


def show_list(settings: Settings, server: str | None, *, as_json: bool) -> None:
    rows = ask(settings, server, lambda api: api.every("/audiences"))
    if as_json:
        print_json(rows)
    elif not rows:
        console().print("No audiences were made from here. `stakazo audiences --help` shows how.")
    else:
        shown = [
            [
                row["id"],
                row["name"],
                row["crowd"],
                f"[{STYLES.get(row['state'], 'cyan')}]{row['state']}[/]",
                _about(row),
            ]
            for row in rows
        ]
        table(("id", "name", "who", "state", "what to know"), shown)


def _about(row: Row) -> str:
    return str((row["error"] or {}).get("detail") or row["says"] or row["fitness"] or "")


def act(settings: Settings, server: str | None, given: str, verb: str | None, *, as_json: bool) -> None:
    """Show an audience; do something with it first."""

    async def work(api: Api) -> Any:
        path = f"/audiences/{await whole_id(api, '/audiences', given, 'audience')}"
        return await (api.get(path) if verb is None else api.post(f"{path}/{verb}"))

    show(dict(ask(settings, server, work)), as_json=as_json)


def remove(settings: Settings, server: str | None, given: str, *, as_json: bool) -> None:
    async def work(api: Api) -> Row:
        path = f"/audiences/{await whole_id(api, '/audiences', given, 'audience')}"
        await api.delete(path)
        return dict(await api.get(path))

    show(ask(settings, server, work), as_json=as_json)
