"""Makes a child process end when the one that started it does, however that ends (Linux)."""

import ctypes
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def end_with_parent(number: signal.Signals) -> Callable[[], object] | None:
    """What a child calls before its program: the kernel then sends it the signal. None where it cannot."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)

    def ask_for_the_end() -> None:
        signal.signal(number, signal.SIG_DFL)  # what a shell starts with & ignores SIGQUIT, and so would we
        libc.prctl(_PR_SET_PDEATHSIG, number)

    return ask_for_the_end
