"""Processes of tests: each is forked from one that has imported what they need, once and not once for each."""

from __future__ import annotations

import multiprocessing

FORKS = multiprocessing.get_context("forkserver")
# Who says it last says it for everybody, so it is said in one place.
FORKS.set_forkserver_preload(["tests.publishing.program", "tests.ledger.sealing_program", "tests.cli.program"])
