"""What a program doesn't need it doesn't load: each of these libraries would cost every start a tenth of it or more."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PICTURES = {"numpy", "scipy", "cv2", "av"}
"""Of the children that decode; a worker loads some of them when it plans its first rendering."""
DATABASE = {"sqlalchemy", "psycopg", "procrastinate"}
WEB = {"fastapi", "starlette", "uvicorn"}
RARE = {"alembic", "reportlab", "PIL"}
"""Of migrations and of statements as PDF."""

STARTS = {
    "help": (["-m", "stakazo.cli", "--help"], PICTURES | DATABASE | WEB | RARE | {"httpx", "cryptography"}),
    "command": (["-m", "stakazo.cli", "jobs", "list"], PICTURES | DATABASE | WEB | RARE | {"cryptography"}),
    "worker": (["-m", "stakazo.worker", "no such queue"], PICTURES | WEB | RARE | {"typer", "limits"}),
    "server": (["-c", "import stakazo.cli.server"], PICTURES | RARE),
    "verification": (["-P", "-c", "import stakazo.media.verify, stakazo.media.codec"], {"cv2", "scipy", "asyncio"}),
}


@pytest.mark.parametrize(("program", "needless"), STARTS.values(), ids=STARTS)
def test_a_start_loads_nothing_that_it_does_not_need(program: list[str], needless: set[str], tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STAKAZO_")}
    environment |= {"STAKAZO_DATA_DIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    argv = [sys.executable, "-X", "importtime", *program]
    told = subprocess.run(argv, check=False, env=environment, cwd=tmp_path, capture_output=True, text=True).stderr
    loaded = set(re.findall(r"^import time: +\d+ \| +\d+ \| +([^.\s]+)", told, re.MULTILINE))
    assert "stakazo" in loaded, told[-2000:]
    assert loaded & needless == set()
