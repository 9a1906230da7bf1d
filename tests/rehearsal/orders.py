"""Orders that keep coming, from a thread, at the pace of a busy studio."""

import random
import threading
from types import TracebackType
from typing import Self

from quel.sandbox.studio import Studio

CREDITS = 1_000_000
_EVERY_S = 0.7
_MOST_IMAGES = 4


class Orders:
    """Pushes a job of one to four images every 0.7 s for as long as the block lasts."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._dice = random.Random(1)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._problem: BaseException | None = None
        self.member = studio.member(CREDITS)
        self.images = 0

    def __enter__(self) -> Self:
        self._studio.photograph("brick.png")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        if self._problem is not None and error is None:
            raise self._problem

    def _run(self) -> None:
        try:
            while not self._stop.wait(_EVERY_S * self._dice.uniform(0.5, 1.5)):
                self._order(self._dice.randint(1, _MOST_IMAGES))
        except Exception as problem:  # noqa: BLE001 - raised again where the block ends
            self._problem = problem

    def _order(self, images: int) -> None:
        picture = {"attachId": self._studio.photograph("brick.png"), "type": "background"}
        asked = {"prompt": "a chair by a window", "uploadedAttachIds": [picture], "aspect-ratio": "16:9"}
        job = self._studio.job("simple_general", asked, total_images=images, member=self.member)
        self._studio.push(job)
        self.images += images
