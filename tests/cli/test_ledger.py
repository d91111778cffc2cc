"""`stakazo ledger verify` as an outsider runs it: files, a key, an exit code and a sentence; nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.ledger.test_verify import EVENTS, GOOD, KEY, Lines, export


def write(folder: Path, lines: Lines) -> None:
    (folder / "ledger.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "ledger.pub").write_text(f"{KEY}\n")
    (folder / "kept.checkpoint").write_text("\n".join(line["checkpoint"] for line in GOOD if "checkpoint" in line))


def verify(program: Any, *more: str) -> Any:
    # Not even the address of a database or a data folder is there.
    unusable = {"STAKAZO_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "STAKAZO_DATA_DIR": "/dev/null"}
    return program.run("ledger", "verify", "ledger.jsonl", "--key", "ledger.pub", *more, **unusable)


def test_what_is_proven(program: Any):
    write(program.folder, GOOD)
    ended = verify(program, "--checkpoint", "kept.checkpoint")
    assert ended.returncode == 0, ended.stderr
    assert "PROVEN  All 60 events are as they were signed" in ended.stdout
    assert "agrees with 6 checkpoints kept elsewhere, the last of 60" in ended.stdout
    alone = program.run("ledger", "verify", "ledger.jsonl", "--key", str(KEY))
    assert alone.returncode == 0
    assert "Only by itself" in alone.stdout


def test_what_was_changed(program: Any):
    lines = json.loads(json.dumps(GOOD))
    lines[40]["data"]["number"] = 99
    write(program.folder, lines)
    ended = verify(program)
    assert ended.returncode == 1
    position = lines[40]["position"]
    assert f"position {position}: its envelope says something else than its bytes" in ended.stdout
    found = json.loads(verify(program, "--json").stdout)
    assert (found["ok"], found["fault"]["first"], found["fault"]["last"]) == (False, position, position)


def test_what_only_a_kept_checkpoint_shows(program: Any):
    write(program.folder, export(EVENTS[:33], (3, 8, 9, 20, 33)))
    assert verify(program).returncode == 0
    ended = verify(program, "--checkpoint", "kept.checkpoint")
    assert ended.returncode == 1
    assert "positions 33 to 59: missing" in ended.stdout


def test_what_was_never_sealed(program: Any):
    write(program.folder, export([*EVENTS[:30], *EVENTS[31:]], (20, 59)))
    ended = verify(program)
    assert ended.returncode == 3
    assert "1 events name one before them that is not there (positions 30)" in ended.stdout


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("ledger.jsonl", None, "ledger.jsonl can't be read: No such file or directory."),
        ("ledger.jsonl", "nonsense\n", "not an export of a ledger"),
        ("ledger.pub", "nonsense\n", "neither a public key"),
        ("ledger.pub", "a+b+c\n", "base64"),
        ("kept.checkpoint", "nonsense\n", "has no checkpoint in it"),
        ("kept.checkpoint", "nonsense\n\n— a YWFhYWFhYWE=\n", "not a checkpoint"),
    ],
)
def test_files_that_are_something_else(program: Any, file: str, text: str | None, said: str):
    write(program.folder, GOOD)
    if text is None:
        (program.folder / file).unlink()
    else:
        (program.folder / file).write_text(text)
    ended = verify(program, "--checkpoint", "kept.checkpoint")
    assert ended.returncode == 2
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""
