"""Takes the caller's settings out of the demonstration's way: their database must never be touched."""

import os
import re
import signal
import sys
from collections.abc import Mapping
from types import FrameType
from typing import NoReturn

_KEPT = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|TERM|COLORTERM|NO_COLOR|COLUMNS|LINES|LANG|LC_\w+|TZ|TMPDIR"
    r"|VIRTUAL_ENV|LD_LIBRARY_PATH|SSL_CERT_FILE|SSL_CERT_DIR|QUEL_SANDBOX_\w+"
)
_PROVIDER = ("GEMINI_API_KEY", "GEMINI_MODEL", "GEMINI_BASE_URL", "GEMINI_API_VERSION")


def provider_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """The real provider's settings as the caller has them; empty without a key."""
    named = {name: environment[name] for name in _PROVIDER if environment.get(name, "").strip()}
    return named if "GEMINI_API_KEY" in named else {}


def forget_caller() -> None:
    """Leaves this process, and all it starts, only what every program needs of the environment."""
    for name in [name for name in os.environ if not _KEPT.fullmatch(name)]:
        del os.environ[name]


def end_tidily() -> None:
    """Makes SIGTERM and SIGHUP end this process as Ctrl-C does: what it has started is stopped first.

    Ctrl-C itself is set too: a process that a shell starts with & inherits that it be ignored.
    """
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _end)


def end_if_asked() -> None:
    """Raises again what a signal raised: in the midst of C code that drops exceptions it is lost."""
    if _asked_by:
        _raise(_asked_by[-1])


_asked_by: list[int] = []


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    _asked_by.append(number)
    _raise(number)


def _raise(number: int) -> NoReturn:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)
