"""A sealer as a process of its own, to be killed: it seals as fast as it can."""

from __future__ import annotations

import asyncio
import sys
from multiprocessing.connection import Connection
from pathlib import Path

import psycopg

from stakazo.ledger.keys import KeyFolder
from stakazo.ledger.outlets import CheckpointFile
from stakazo.ledger.sealer import Sealer


def forked(url: str, folder: Path, leads: Connection) -> None:
    """Seal what is in this database until killed, with the keys of this folder; says once that it leads."""
    asyncio.run(_main(url, folder, leads))


async def _main(url: str, folder: Path, leads: Connection) -> None:
    sealer = Sealer(
        url,
        name="stakazo",
        keys=KeyFolder(folder / "keys"),
        file=CheckpointFile(folder / "checkpoints"),
    )
    told = False
    async with sealer.open():
        while True:
            try:
                await sealer.round()
            except psycopg.Error as error:
                sys.stderr.write(f"{error}\n")
            if sealer._leads and not told:
                leads.send("leads")
                told = True
            await asyncio.sleep(0.001)
