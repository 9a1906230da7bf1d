"""Reads what the counting workers of a bed have written."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bench.bed import Bed


@contextmanager
def counting_workers(bed: Bed, **options: Any) -> Iterator[Counter[str]]:
    """Workers that count; the counter is filled when the block has ended."""
    directory = bed.directory / "counts"
    directory.mkdir(exist_ok=True)
    bed.environment["QUEL_BENCH_COUNTS"] = str(directory)
    counts: Counter[str] = Counter()
    with bed.workers(module="bench.counting_worker", **options):
        yield counts
    for path in directory.glob("*.json"):
        counts.update(json.loads(path.read_text(encoding="utf-8")))
        path.unlink()
    if not counts:
        raise RuntimeError("The workers ended without writing down what they had counted.")
