"""Lets a neighbour fail as it is told to, or the world move on meanwhile, call by call."""

from collections import defaultdict, deque
from collections.abc import Callable

from quel.core.errors import QuelError


class Trouble:
    """What happens at the next calls of a neighbour, by the method's name."""

    def __init__(self) -> None:
        self._planned: dict[str, deque[QuelError | Callable[[], object]]] = defaultdict(deque)

    def plan(self, method: str, *events: QuelError | Callable[[], object]) -> None:
        """The next calls of `method` raise these, one each, or call them first; then it works again."""
        self._planned[method].extend(events)

    def meet(self, method: str) -> None:
        """Raises or calls what is planned for this call."""
        if not self._planned[method]:
            return
        event = self._planned[method].popleft()
        if isinstance(event, QuelError):
            raise event
        event()
