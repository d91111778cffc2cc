"""`stakazo sandbox`: the platforms as a server of one's own, until Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
from pathlib import Path

from stakazo.cli.output import USAGE, Failure, say
from stakazo.platforms.sandbox.contract import installed
from stakazo.platforms.sandbox.control import ACCOUNTS
from stakazo.platforms.sandbox.faults import KNOWN, SCENARIOS
from stakazo.platforms.sandbox.server import running
from stakazo.platforms.sandbox.world import World


def run(host: str, port: int, scenario: str, seed: int, processing: float, file: Path | None) -> None:
    """Play all platforms, until Ctrl-C or SIGTERM. Raises Failure."""
    if scenario not in {*SCENARIOS, *KNOWN}:
        raise Failure(f"There is no scenario {scenario}; `stakazo sandbox --scenarios` lists them.", USAGE)
    world = World(seed=seed, file=file)
    world.processing = processing
    world.faults.play(scenario)
    try:
        asyncio.run(_serve(world, host, port))
    except OSError as error:
        if error.errno not in {errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL}:
            raise
        raise Failure(f"Nothing can listen at {host}:{port}: {error.strerror}. Choose another with --port.") from None
    finally:
        world.close()
    say("The sandbox has stopped.")


def scenarios() -> str:
    """What can be played, for people."""
    width = max(map(len, KNOWN))
    return "\n".join(
        ["Scenarios:", *(f"  {name:{width}}  {_summary(name)}" for name in SCENARIOS), "Single faults, each time:"]
        + [f"  {name:{width}}  {what}" for name, what in KNOWN.items()]
    )


def _summary(name: str) -> str:
    faults = SCENARIOS[name]
    if not faults:
        return "nothing goes wrong"
    kinds = sorted({fault.what for fault in faults})
    return ", ".join(kinds[:4]) + (f" and {len(kinds) - 4} more, now and then" if len(kinds) > 4 else "")


async def _serve(world: World, host: str, port: int) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
    async with running(world, host, port) as url:
        say(_announced(world, url))
        await stop.wait()


def _announced(world: World, url: str) -> str:
    connectable = {name: known for name, known in ACCOUNTS.items() if "token" in known}
    accounts = "\n".join(f"  {name:9}  {known['id']}  {known['token']}" for name, known in connectable.items())
    checked = "checked against Meta's SDK" if installed() else "not checked: `pip install facebook-business` for that"
    return (
        f"The sandbox plays Meta, TikTok and YouTube at {url}. Nothing here is real.\n"
        f"  scenario   {world.faults.scenario}, seed {world.faults.seed}\n"
        f"  contract   {checked}\n"
        f"{accounts}\n"
        f"  look       curl {url}/sandbox\n"
        f'  switch     curl {url}/sandbox/scenario -d \'{{"scenario": "storm", "seed": 7}}\'\n'
        f"  one fault  curl {url}/sandbox/faults -d "
        f'\'{{"what": "lost_reply", "where": "POST IGUser/media_publish", "times": 1}}\'\n'
        f"  later      curl {url}/sandbox/clock -d '{{\"forward\": 86400}}'\n"
        "Ctrl-C stops it."
    )
