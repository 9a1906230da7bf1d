"""`python -m bench.decoding_child FILE [webp]`: works on one picture and prints how the process grew.

A fresh process each, since freed memory does not always go back to the system.
"""

import json
import resource
import sys
from pathlib import Path

from quel.adapters.imaging import PillowImaging
from quel.adapters.imaging.cost import cost_bytes
from quel.adapters.imaging.formats import NotAPictureError
from quel.adapters.imaging.opening import open_picture
from quel.adapters.imaging.reference import fitting_size
from quel.adapters.imaging.whitelist import to_read
from quel.adapters.imaging.workbench import MAX_PIXELS
from quel.core.errors import ReferenceUnavailable, UnreadablePicture
from quel.core.provenance import DigitalSourceType


def resident_bytes(field: str) -> int:
    """`VmRSS` or `VmHWM` of this process."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field + ":"))


def main() -> None:
    """Prints {"pixels", "estimated_bytes", "grown_bytes", "peak_bytes", "said"}.

    What a process takes in which the picture is tried counts as grown: its own memory included.
    """
    data, as_webp = Path(sys.argv[1]).read_bytes(), sys.argv[2:] == ["webp"]
    imaging = PillowImaging()
    before = resident_bytes("VmRSS")
    try:
        if as_webp:
            said = f"{len(imaging.to_webp(data, DigitalSourceType.GENERATED))} bytes"
        else:
            said = imaging.normalise(data).mime_type
    except (ReferenceUnavailable, UnreadablePicture) as refused:
        said = str(refused)
    peak = resident_bytes("VmHWM")
    tried = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    grown = {"grown_bytes": max(peak - before, tried), "peak_bytes": peak, "said": said}
    print(json.dumps(_estimate(data, as_webp) | grown))


def _estimate(data: bytes, as_webp: bool) -> dict[str, int]:
    try:
        picture = open_picture(to_read(data), MAX_PIXELS)
    except NotAPictureError:
        return {"pixels": 0, "estimated_bytes": 0}
    result_px = picture.size if as_webp else fitting_size(picture.size)
    return {"pixels": picture.width * picture.height, "estimated_bytes": cost_bytes(picture, result_px)}


if __name__ == "__main__":
    main()
