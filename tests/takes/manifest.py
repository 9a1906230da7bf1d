"""The frozen test set: which takes there are, as class, seed and the digest of their pixels.

`python -m tests.takes.manifest` writes it anew; the pictures themselves are made when they are needed.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from multiprocessing import Pool
from pathlib import Path

import numpy as np

from tests.takes import bad, good
from tests.takes.sources import Rng
from tests.takes.take import Take

PATH = Path(__file__).with_name("manifest.json")
TAKES_A_CLASS = 40
CLASSES: dict[str, Callable[[Rng], Take]] = {make.__name__: make for make in (*bad.CLASSES, *good.CLASSES)}


def make(name: str, seed: int) -> Take:
    """A take of a class."""
    return CLASSES[name](np.random.default_rng([seed, *name.encode()]))


def digest(take: Take) -> str:
    """SHA-256 of all its pixels, its references' and siblings' included."""
    pictures = (take.image, *take.references, *take.siblings)
    return hashlib.sha256(b"".join(picture.tobytes() for picture in pictures)).hexdigest()


def frozen() -> dict[str, list[tuple[int, str]]]:
    """By class, each take's seed and digest."""
    found = json.loads(PATH.read_text(encoding="utf-8"))
    return {name: [(seed, sha256) for seed, sha256 in takes] for name, takes in found.items()}


def _written(name: str) -> tuple[str, list[tuple[int, str]]]:
    return name, [(seed, digest(make(name, seed))) for seed in range(TAKES_A_CLASS)]


def _lines(found: dict[str, list[tuple[int, str]]]) -> Iterator[str]:
    yield "{"
    for number, (name, takes) in enumerate(found.items()):
        yield f'"{name}": ['
        yield ",\n".join(json.dumps(take) for take in takes)
        yield "]" if number == len(found) - 1 else "],"
    yield "}"


if __name__ == "__main__":
    with Pool(2) as pool:
        made = dict(pool.map(_written, CLASSES, chunksize=1))
    PATH.write_text("\n".join(_lines(made)) + "\n", encoding="utf-8")
