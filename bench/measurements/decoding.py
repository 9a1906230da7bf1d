"""The memory of the costliest legal pictures, each in a fresh process, against what quel reckons with."""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.figures import Figure, Measured, Options
from bench.worst_pictures import WORST

TITLE = "Memory for the costliest pictures of 50 megapixels"
_SIZE_PX = (8160, 6144)
_QUICK_SIZE_PX = (4080, 3072)
_ANSWERS = (
    "PNG, RGBA",
    "JPEG",
    "PNG, RGBA 16 bit",
)  # what a provider may send, stored as WebP at its own size


def measure(options: Options) -> Measured:
    """References as they are normalised, then answers as they are stored."""
    size_px = _QUICK_SIZE_PX if options.quick else _SIZE_PX
    figures: list[Figure] = []
    samples: dict[str, Any] = {}
    for name, encode in WORST.items():
        data = encode(size_px)
        for kind in ("reference", "answer") if name in _ANSWERS else ("reference",):
            sample = samples[f"{name} as {kind}"] = _in_a_fresh_process(data, kind)
            grown, estimated = sample["grown_bytes"], sample["estimated_bytes"]
            per_pixel = f"{grown / sample['pixels']:.1f} B a pixel"
            figures.append(
                Figure(f"{name} as {kind} ({per_pixel})", grown / 1e6, "MB", at_most=estimated // 1_000_000)
            )
    return Measured(figures, samples)


def _in_a_fresh_process(data: bytes, kind: str) -> dict[str, Any]:
    with TemporaryDirectory() as directory:
        path = Path(directory) / "picture"
        path.write_bytes(data)
        command = [sys.executable, "-m", "bench.decoding_child", str(path), *(["webp"] * (kind == "answer"))]
        result = subprocess.run(command, capture_output=True, text=True, check=True)
    sample: dict[str, Any] = json.loads(result.stdout)
    return sample
