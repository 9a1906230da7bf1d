"""Structured logs: JSON lines, or readable ones on a terminal; every line carries the job it is about."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import structlog
from structlog.contextvars import bound_contextvars


def configure_logs(level: str, style: Literal["auto", "json", "console"]) -> None:
    """Sends quel's events to standard error; `auto` means console on a terminal, JSON elsewhere."""
    console = style == "console" or (style == "auto" and sys.stderr.isatty())
    renderer: Any = structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )


@contextmanager
def about(**fields: Any) -> Iterator[None]:
    """Adds fields to every event inside; None values are left out."""
    with bound_contextvars(**{name: str(value) for name, value in fields.items() if value is not None}):
        yield
