from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from stakazo.core.settings import Settings
from stakazo.core.telemetry import setup_logging


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Logging belongs to the whole process: put back what was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    access = logging.getLogger("uvicorn.access")
    yield
    root.handlers[:], access.disabled = handlers, False
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def settings(**fields: Any) -> Settings:
    return Settings(_env_file=None, **fields)


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_elsewhere_a_line_is_json_with_its_ids():
    out = io.StringIO()
    setup_logging(settings(), out)
    with structlog.contextvars.bound_contextvars(request_id="r1", job_id="j1", workspace_id="w1"):
        structlog.get_logger("stakazo.jobs").info("job_started", attempt=2)
        logging.getLogger("asyncio").warning("late by %s", 3, extra={"queue": "media"})
    ours, theirs = lines(out)
    assert ours.items() >= {"event": "job_started", "attempt": 2, "level": "info", "logger": "stakazo.jobs"}.items()
    assert theirs.items() >= {"event": "late by 3", "queue": "media", "logger": "asyncio"}.items()
    for line in (ours, theirs):
        assert line.items() >= {"request_id": "r1", "job_id": "j1", "workspace_id": "w1"}.items()
        assert line["timestamp"].endswith("Z")


def test_in_a_terminal_a_line_is_for_people():
    out = Terminal()
    setup_logging(settings(), out)
    structlog.get_logger().info("job_started", attempt=2)
    assert "job_started" in out.getvalue()
    assert "{" not in out.getvalue()


def test_the_format_can_be_asked_for():
    out = Terminal()
    setup_logging(settings(log_format="json"), out)
    structlog.get_logger().info("x")
    assert lines(out)[0]["event"] == "x"


def test_uvicorn_and_others_have_no_format_of_their_own():
    logging.getLogger("uvicorn").addHandler(logging.NullHandler())
    out = io.StringIO()
    setup_logging(settings(), out)
    logging.getLogger("uvicorn.error").info("Started")
    logging.getLogger("uvicorn.access").info("GET /")
    assert [line["event"] for line in lines(out)] == ["Started"]


def test_the_level_counts():
    out = io.StringIO()
    setup_logging(settings(log_level="warning"), out)
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud")
    assert [line["event"] for line in lines(out)] == ["loud"]


def test_an_exception_is_in_its_line():
    out = io.StringIO()
    setup_logging(settings(), out)
    try:
        int("broken")
    except ValueError:
        structlog.get_logger().exception("failed")
    [line] = lines(out)
    assert "ValueError: invalid literal" in line["exception"]


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_secrets_are_not_logged(log_format: str):
    out = io.StringIO()
    setup_logging(settings(log_format=log_format), out)
    token = "stk_0123456789ab_" + "s" * 43
    structlog.get_logger().info(f"key {token}", url="postgresql+psycopg://stakazo:hush@127.0.0.1:5432/x", key=token)
    jwt = f"eyJ{'s' * 30}.{'s' * 40}.{'s' * 50}"
    structlog.get_logger().info(
        f"GET /x#{jwt}", refresh="str_" + "s" * 43, link="stl_" + "s" * 43, mail="smtp://u:hush@h"
    )
    assert "ssss" not in out.getvalue()
    assert "hush" not in out.getvalue()
    assert "stk_0123456789ab_***" in out.getvalue()
    assert "stakazo:***@127.0.0.1" in out.getvalue()
