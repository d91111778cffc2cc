"""A sealer as a process of its own, to be killed: it seals as fast as it can."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import psycopg

from stakazo.ledger.keys import KeyFolder
from stakazo.ledger.outlets import CheckpointFile
from stakazo.ledger.sealer import Sealer


async def main() -> None:
    folder = Path(os.environ["NOTARY_FOLDER"])
    sealer = Sealer(
        os.environ["NOTARY_URL"],
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
                sys.stdout.write("leads\n")
                sys.stdout.flush()
                told = True
            await asyncio.sleep(0.001)


asyncio.run(main())
