"""How a process ends that cannot start: a sentence on standard error, no traceback, exit code 2."""

import os
import sys
from typing import NoReturn

from quel.core.errors import SettingsError

_CODE = 2


def refuse_to_start(error: SettingsError) -> NoReturn:
    """Ends the process from its main thread; Dramatiq's master ends the others, and itself with this code."""
    _say(error)
    sys.exit(_CODE)


def refuse_to_go_on(error: SettingsError) -> NoReturn:
    """The same from any other thread, where `sys.exit` would end that thread alone."""
    _say(error)
    os._exit(_CODE)


def _say(error: SettingsError) -> None:
    print(f"quel cannot start: {error}", file=sys.stderr, flush=True)
