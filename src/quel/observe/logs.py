"""Structured logs: JSON lines, or readable ones on a terminal; every line carries the job it is about."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import structlog
from structlog.contextvars import bound_contextvars
from structlog.typing import EventDict

_CHATTY = ("httpx", "httpcore", "google_genai", "PIL")
"""Libraries whose lines at info level name addresses and paths with people's ids in them."""


def configure_logs(level: str, style: Literal["auto", "json", "console"]) -> None:
    """Sends quel's events and the libraries' lines to standard error, all in one shape.

    `auto` means console on a terminal, JSON elsewhere.
    """
    console = style == "console" or (style == "auto" and sys.stderr.isatty())
    threshold = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # Tracebacks are rendered without local variables: those may hold keys and prompts.
    renderer: list[Any] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if console
        else [structlog.processors.format_exc_info, _event_first, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    _format_root(shared, renderer, threshold)


def _event_first(_logger: object, _method: str, line: EventDict) -> EventDict:
    """What happened and when stand in front, where people look."""
    return {name: line[name] for name in ("timestamp", "level", "event") if name in line} | dict(line)


def _format_root(shared: list[Any], renderer: list[Any], threshold: int) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(threshold)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))


@contextmanager
def log_context(**fields: Any) -> Iterator[None]:
    """Adds fields to every event inside; None values are left out, ids become text."""
    known = {name: value for name, value in fields.items() if value is not None}
    plain = {name: value if isinstance(value, int) else str(value) for name, value in known.items()}
    with bound_contextvars(**plain):
        yield
