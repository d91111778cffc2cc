"""Logs: readable in a terminal, JSON elsewhere; each line with the request, job and workspace it belongs to.

    log = structlog.get_logger()
    structlog.contextvars.bind_contextvars(job_id=...)
    log.info("rendered", variant_id=...)

What libraries log by the standard module comes out the same way.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog
from structlog.typing import Processor

from stakazo.core.redaction import hide, hide_named
from stakazo.core.settings import Settings

_OWN_HANDLERS = ("uvicorn", "uvicorn.error", "uvicorn.access", "procrastinate", "alembic")
_CHATTY = {
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
    "alembic.runtime.plugins": logging.WARNING,
    "procrastinate": logging.ERROR,  # our own log says what befalls jobs and connections, with our ids
    "psycopg.pool": logging.ERROR,
}


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
    renderer: Processor
    if as_json:
        renderer = structlog.processors.JSONRenderer(default=str, ensure_ascii=False)
    else:
        # Plain: the pretty kind takes seconds, and prints every local variable, keys and all.
        plain = structlog.dev.plain_traceback
        renderer = structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=plain)
    last: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        _hide_named,
        renderer,
        _hide,
    ]
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
    for chatty, least in _CHATTY.items():
        logging.getLogger(chatty).setLevel(max(least, root.level))


def _hide_named(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return hide_named(event)


def _hide(_logger: Any, _method: str, line: Any) -> str:
    """Over the finished line, so that whatever is in it was looked at: objects, exceptions, their causes."""
    return hide(line)
