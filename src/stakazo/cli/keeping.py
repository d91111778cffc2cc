"""`stakazo ledger rotate`, `check` and `accept-restore`: for whoever runs the installation, at its database."""

from __future__ import annotations

from uuid import UUID

from stakazo.cli.direct import at_the_database
from stakazo.cli.output import Failure, console, print_json, say
from stakazo.core.security import Keyring
from stakazo.core.settings import Settings
from stakazo.ledger import keeping
from stakazo.ledger.keeping import Checked
from stakazo.ledger.keys import KeyFolder
from stakazo.ledger.outlets import CheckpointFile


def _keys(settings: Settings) -> KeyFolder:
    return KeyFolder(settings.ledger_key_dir)


def _file(settings: Settings) -> CheckpointFile:
    return CheckpointFile(settings.checkpoint_dir)


def rotate(settings: Settings) -> None:
    """A new key."""
    new = at_the_database(
        settings,
        lambda db, urls: keeping.rotate(db, urls.app, settings.ledger_name, _keys(settings), _file(settings)),
    )
    say(
        f"The new key is {new}. Each ledger changes to it with its next checkpoints. Whoever verifies with the old "
        f"public key goes on with it. Once every ledger has changed, remove the old .pem from {_keys(settings).folder}."
    )


def check(settings: Settings, *, as_json: bool) -> int:
    """Look at every ledger; the exit code."""
    keyring = Keyring(settings)
    found = list(at_the_database(settings, lambda db, _: keeping.check(db, _keys(settings), _file(settings), keyring)))
    if as_json:
        print_json([_as_json(one) for one in found])
    else:
        for one in found:
            _say(one)
    return 0 if all(one.ok for one in found) else 1


def _as_json(one: Checked) -> dict[str, object]:
    report = one.report
    return {
        "workspace": str(one.workspace_id),
        "ok": one.ok,
        "events": report.events if report else 0,
        "fault": str(report.fault) if report and report.fault else one.unreadable,
        "gaps": report.gaps if report else [],
        "missing": {table: [str(row) for row in rows] for table, rows in one.missing.items() if rows},
    }


def _say(one: Checked) -> None:
    out, report = console(), one.report
    said = "nothing is sealed yet" if report is None else f"{report.events} events, {report.checkpoints} checkpoints"
    out.print(f"{'[green]✓[/]' if one.ok else '[red]✗[/]'} {one.workspace_id}: {said}", soft_wrap=True)
    if one.unreadable:
        out.print(f"  {one.unreadable}", soft_wrap=True)
    if report and report.fault:
        out.print(f"  {report.fault}", soft_wrap=True)
    if report and report.gaps:
        out.print(f"  {len(report.gaps)} events name one before them that is not there: positions {report.gaps[:10]}")
    for table, rows in one.missing.items():
        if rows:
            out.print(f"  {len(rows)} rows of {table} have no event that made them, the first is {rows[0]}")


def accept_restore(settings: Settings, workspace: str) -> None:
    """Go on from an old backup."""
    try:
        workspace_id = UUID(workspace)
    except ValueError:
        raise Failure(f"{workspace!r} is no workspace's id.", code=2) from None
    kept = at_the_database(settings, lambda db, _: keeping.accept_restore(db, workspace_id, _file(settings)))
    say(f"The ledger goes on from what the database has, and says so. The checkpoints it contradicts are in {kept}.")
