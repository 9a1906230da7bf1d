"""What all fuzzers share: the command line, lives that are repeated by their number, and refusals."""

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol


class Fuzzer(Protocol):
    """Lives decided by the seed and their number; `seen` counts how they ended."""

    seen: Counter[str]

    def live(self, number: int) -> None:
        """One life. Raises AssertionError, or whatever leaves what is fuzzed."""

    def close(self) -> None:
        """Ends what it holds."""


def refusal_of(read: Callable[[], object], *errors: type[Exception]) -> str | None:
    """The sentence `read` is refused with, None where it is not; any other exception leaves."""
    try:
        read()
    except errors as refusal:
        return str(refusal)
    return None


def run(prog: str, fuzzer_of: Callable[[int], Fuzzer]) -> int:
    """Lives until the time or the number is over; what a life raises is raised, after how to repeat it."""
    parser = argparse.ArgumentParser(prog=f"python -m tests.fuzz.{prog}")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--lives", type=int, default=sys.maxsize)
    options = parser.parse_args()
    fuzzer, began, number = fuzzer_of(options.seed), time.monotonic(), options.first
    while time.monotonic() < began + options.seconds and number < options.first + options.lives:
        try:
            fuzzer.live(number)
        except Exception:
            print(f"Repeat it with --seed {options.seed} --first {number} --lives 1")
            raise
        number += 1
    fuzzer.close()
    print(
        f"Seed {options.seed}: {number - options.first} lives in {time.monotonic() - began:.0f} s:"
        f" {dict(fuzzer.seen.most_common())}"
    )
    return 0
