"""Which of the rows a person means."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from stakazo.cli.client import Api, Row
from stakazo.cli.output import Failure


def the_one(rows: Iterable[Row], given: str, what: str, *names: str, listing: str = "") -> Row:
    """The row with this id, the beginning or the end of it, or what else it is called.

    Args:
        what: What the rows are, as one: "webhook".
        names: Fields that name a row too, if they are just that: "url".
        listing: The command that shows all; `stakazo webhooks list` without.

    Raises Failure where none fits, or more than one.
    """
    fits = [row for row in rows if given and (_has(row["id"], given) or given in (row[name] for name in names))]
    if len(fits) == 1:
        return fits[0]
    if fits:
        raise Failure(f"{given!r} fits {len(fits)} of them; write more of the id.")
    raise Failure(f"There is no {what} {given!r}. `{listing or f'stakazo {what}s list'}` shows what there is.")


def _has(row_id: str, given: str) -> bool:
    return row_id.startswith(given) or row_id.endswith(given)


async def whole_id(api: Api, path: str, given: str, what: str) -> str:
    """An id as it is, or of a recent row by the beginning or the end of it. Raises Failure as `the_one` does."""
    try:
        return str(UUID(given))
    except ValueError:
        recent = (await api.get(path, limit=200))["items"]
        return str(the_one(recent, given, f"recent {what}", listing=f"stakazo {what}s list")["id"])
