"""The contract as committed, which takes seconds less than asking the code; `test_contract.py` compares the two."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[2] / "openapi" / "openapi.json"
CONTRACT: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
