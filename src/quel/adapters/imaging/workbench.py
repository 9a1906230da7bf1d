"""Where pictures are worked on: within a pixel limit, a memory budget and the CPUs there are."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from PIL import Image

from quel.adapters.cpus import usable_cpus
from quel.adapters.imaging.cost import cost_bytes
from quel.adapters.imaging.opening import check_every_row, open_picture, pillow_errors
from quel.adapters.imaging.tiles import Size
from quel.adapters.imaging.trial import check_memory
from quel.adapters.imaging.whitelist import to_read
from quel.adapters.memory_budget import PROCESS_BUDGET, MemoryBudget

MAX_PIXELS = 52_000_000  # a phone's 50 megapixels pass


class Workbench:
    """Pictures of at most `max_pixels`, at most `parallel` at once: more would only wait for each other.

    `parallel` is the number of usable CPUs by default, `budget` the one that all of the process share.
    """

    def __init__(
        self, max_pixels: int = MAX_PIXELS, parallel: int | None = None, budget: MemoryBudget = PROCESS_BUDGET
    ) -> None:
        self._max_pixels = max_pixels
        self._turns = BoundedSemaphore(parallel or usable_cpus())
        self._budget = budget

    @contextmanager
    def opened(self, data: bytes, result_size: Callable[[Size], Size]) -> Iterator[Image.Image]:
        """The picture, not decoded yet, while there is memory for decoding it and drawing the result.

        `result_size` tells the result's size from the picture's. Raises NotAPictureError, also for whatever
        Pillow raises in the block.
        """
        with self._turns:  # before anything is copied: those that wait hold what they were given and no more
            part = to_read(data)
            with open_picture(part, self._max_pixels) as picture:
                wanted_bytes = cost_bytes(picture, result_size(picture.size))
                with self._budget.share(wanted_bytes):
                    check_memory(part, picture, wanted_bytes)
                    with pillow_errors():
                        check_every_row(part)
                        yield picture

    def verify(self, data: bytes) -> None:
        """Holds the checksums of a PNG's chunks against them; decodes nothing. Raises NotAPictureError."""
        with self._turns, open_picture(to_read(data), self._max_pixels) as picture, pillow_errors():
            picture.verify()
