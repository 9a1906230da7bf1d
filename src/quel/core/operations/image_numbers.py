"""Numbers of images as a person writes them: `3`, or `1,3-5`."""

import re

from quel.core.errors import InvalidInput

_MOST = 10_000


def read_image_numbers(text: str) -> tuple[int, ...]:
    """The numbers, from 1, in order and each once. Raises InvalidInput."""
    numbers: set[int] = set()
    for part in text.split(","):
        found = re.fullmatch(r"\s*([1-9][0-9]{0,4})\s*(?:-\s*([1-9][0-9]{0,4})\s*)?", part, re.ASCII)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
        if not first <= last <= _MOST:
            raise InvalidInput(f'Images are named by number, like 3 or 1,3-5: "{text[:40]}" is neither.')
        numbers.update(range(first, last + 1))
    return tuple(sorted(numbers))
