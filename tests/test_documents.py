"""What the documents say to a stranger is so: their links lead somewhere, their commands exist, their Python runs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from typer.main import get_command

from stakazo.cli import app

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted(
    path for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bench/**/*.md")] if path.is_file()
)
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)")
COMMAND = re.compile(r"^(?:    |\$ )(?:\S*/)?stakazo ((?:[a-z-]+ ?)+)|`stakazo ((?:[a-z-]+ ?)+)", re.MULTILINE)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def anchors(document: Path) -> frozenset[str]:
    """The headings of a document as a reader's browser names them."""
    found = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in found)


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_links_lead_somewhere(document: Path) -> None:
    for target, anchor in LINK.findall(document.read_text()):
        there = (document.parent / target).resolve() if target else document
        assert there.exists(), f"{name(document)} links to {target}"
        if anchor and there.suffix == ".md":
            assert anchor in anchors(there), f"{name(document)} links to {target}#{anchor}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_commands_exist(document: Path) -> None:
    program = get_command(app)
    for words in (one or other for one, other in COMMAND.findall(document.read_text())):
        command = program
        for word in words.split():
            commands = getattr(command, "commands", None)
            if commands is None or word.startswith("-"):
                break  # what follows are arguments
            assert word in commands, f"{name(document)}: there is no `stakazo {words.strip()}`"
            command = commands[word]


@pytest.mark.media
def test_the_first_page_shows_python_that_runs(reference_media: Path, tmp_path: Path) -> None:
    (shown,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (film,) = set(re.findall(r"\w+\.mp4", shown))
    shutil.copy(reference_media / "bikes.mp4", tmp_path / film)
    ran = subprocess.run([sys.executable, "-c", shown], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("Window(")
