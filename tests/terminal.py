"""A person at a terminal, whose server runs in this process."""

from __future__ import annotations

from typing import Any

from typer.testing import CliRunner

from stakazo.cli import app


def ask(site: Any, *arguments: str, fails: bool = False) -> str:
    """What `stakazo` prints when it is asked with a site's key."""
    environment = {"STAKAZO_SERVER": site.url, "STAKAZO_API_KEY": site.key, "COLUMNS": "300", "NO_COLOR": "1"}
    said = CliRunner().invoke(app, arguments, env=environment)
    assert bool(said.exit_code) is fails, said.output or repr(said.exception)
    return said.stdout
