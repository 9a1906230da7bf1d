"""Tries a picture in a process of its own, which may take so much memory and time and no more.

The decoders of AVIF and TIFF do not go by the size that was judged: a coded frame or a tile may be far larger
(560 KB of TIFF, 64×64 by its header, took 585 MB). So these are decoded once where that does no harm. A
decoder that crashes takes only that process with it, which has no part in quel's secrets. The others keep to
the header: libheif too refuses what is larger than its container says.
"""

import io
import os
import resource
import subprocess
import sys
from pathlib import Path

from PIL import Image

from quel.adapters.imaging.formats import NotAPictureError
from quel.adapters.imaging.opening import FORMATS
from quel.adapters.imaging.part import Part
from quel.core.errors import ServiceUnavailable

_TRIED = ("AVIF", "TIFF")
_TRY = f"from {__name__} import main; main()"
_CPU_S = 60  # 50 million pixels take about 3
_REFUSED = 3
_NOT_THE_PICTURE = {1, 2, -2, -9, -15}
"""Exit codes of a process that did not begin, or that somebody else ended."""


def check_memory(part: Part, picture: Image.Image, budget_bytes: int) -> None:
    """Raises NotAPictureError where decoding takes more than the budget, or ends the process that does it.

    Passes every picture of a format that takes what its header says. Raises ServiceUnavailable where no
    process could be had.
    """
    if picture.format not in _TRIED:
        return
    ended = _exit_code(part.data, budget_bytes)
    if ended in _NOT_THE_PICTURE:
        raise ServiceUnavailable(f"The process that tries a picture was ended ({ended}).")
    if ended:
        raise NotAPictureError("is damaged or cut off")


def _exit_code(data: bytes, budget_bytes: int) -> int:
    command = [sys.executable, "-c", _TRY, str(budget_bytes)]
    silent, path = subprocess.DEVNULL, {"PYTHONPATH": os.pathsep.join(sys.path)}
    try:
        done = subprocess.run(command, input=data, stdout=silent, stderr=silent, env=path, check=False)  # noqa: S603
    except OSError as error:
        raise ServiceUnavailable(f"A process that tries a picture cannot begin ({error.errno}).") from None
    return done.returncode


def main() -> None:
    """Decodes what comes in; exits with 0 where that needed no more than the first argument, in bytes."""
    data, budget_bytes = sys.stdin.buffer.read(), int(sys.argv[1])
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    most_bytes = pages * resource.getpagesize() + budget_bytes
    resource.setrlimit(resource.RLIMIT_AS, (most_bytes, most_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            picture.load()
    except Exception:  # noqa: BLE001  decoders raise anything on broken bytes
        sys.exit(_REFUSED)
