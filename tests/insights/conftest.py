"""One house for the tests of a file, as for publishing; its worker measures too."""

from __future__ import annotations

from tests.publishing.conftest import desk, house, people, world

__all__ = ["desk", "house", "people", "world"]
