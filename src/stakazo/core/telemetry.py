"""Logs: readable in a terminal, JSON elsewhere; each line with the request, job and workspace it belongs to.

    log = structlog.get_logger()
    structlog.contextvars.bind_contextvars(job_id=...)
    log.info("rendered", variant_id=...)

What libraries log by the standard module comes out the same way.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog
from structlog.typing import Processor

from stakazo.core.settings import Settings

_OWN_HANDLERS = ("uvicorn", "uvicorn.error", "uvicorn.access", "procrastinate", "alembic")
_SECRET = re.compile(r"(stk_[0-9a-z]+_)[\w-]+|((?:postgresql|postgres)(?:\+\w+)?://[^:@/\s]+:)[^@\s]+(?=@)")


def setup_logging(settings: Settings, stream: TextIO | None = None) -> None:
    """Send everything that is logged to stderr (or `stream`); can be called again."""
    out = stream or sys.stderr
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not out.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso" if as_json else "%H:%M:%S", utc=as_json),
        structlog.processors.StackInfoRenderer(),
    ]
    last: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if as_json:
        last += [structlog.processors.format_exc_info, hide_secrets, structlog.processors.JSONRenderer(default=str)]
    else:
        # Plain: the pretty kind takes seconds, and prints every local variable, keys and all.
        plain = structlog.dev.plain_traceback
        last += [hide_secrets, structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=plain)]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=last))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    for name in _OWN_HANDLERS:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    logging.getLogger("uvicorn.access").disabled = True  # our own middleware says it, with ids
    for chatty in ("httpx", "httpcore", "alembic.runtime.plugins"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))


def hide_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Take the secret part out of API keys and database URLs, wherever they stand in a line."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = _SECRET.sub(r"\1\2***", value)
    return event
