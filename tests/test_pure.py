"""What a file says of itself is what the import contract holds it to."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_file_that_calls_itself_pure_is_held_to_it():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    held = next(set(contract["source_modules"]) for contract in contracts if contract["id"] == "pure")
    said = {
        ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__")
        for path in (ROOT / "src" / "stakazo").rglob("*.py")
        if re.search(r"\bPure\b", ast.get_docstring(ast.parse(path.read_text())) or "")
    }
    assert said == held, 'say "Pure" in the docstring and list the file in the contract "pure" of pyproject.toml'
