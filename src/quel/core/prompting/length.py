"""How long a prompt may be, in words as a reader counts them."""

import re

FEWEST, FEW, MOST, LIMIT, OWN = 100, 120, 170, 180, 120
"""Words of a prompt: the customer's share is not sought below FEWEST, then FEW are allowed; at most; at most
where a last hint of variation is at stake; and quel's own where the customer wrote a page, also of what to
avoid."""


_WORD = re.compile(r"\w+")


def words(text: str) -> int:
    """How many there are."""
    return len(_WORD.findall(text))
