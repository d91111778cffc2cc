"""What ARCHITECTURE.md says of the layers is what the build enforces."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_layers_that_are_written_down_are_those_that_hold():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (enforced,) = [contract["layers"] for contract in contracts if contract["id"] == "layers"]
    drawn = re.search(r"## One stack.*?```\n(.*?)```", (ROOT / "ARCHITECTURE.md").read_text(), re.DOTALL)
    assert drawn is not None
    assert [re.split(r"\s{2,}", line)[0] for line in drawn[1].splitlines()] == enforced
