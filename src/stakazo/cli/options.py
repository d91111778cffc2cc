"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout, and nothing else there.")]
Server = Annotated[
    str | None, typer.Option("--server", metavar="URL", help="A server elsewhere; its key is in STAKAZO_API_KEY.")
]
