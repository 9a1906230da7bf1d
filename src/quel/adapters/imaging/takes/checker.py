"""The TakeChecker port: decodes, looks, and keeps what it read off references for the job's next image."""

import io
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import Lock

import numpy as np
from PIL import Image

from quel.adapters.imaging.rgb import upright_rgb
from quel.adapters.imaging.takes.look import look
from quel.adapters.imaging.takes.view import Pixels, View, shrunk
from quel.adapters.imaging.workbench import Workbench
from quel.core.aspect import AspectRatio
from quel.core.errors import TakeUnchecked
from quel.core.outcome import PictureBytes
from quel.core.takes import Signs

_VIEWS_KEPT = 48  # about a megabyte each
_THUMBNAIL_PX = 224  # some ten kilobytes; smaller ones lose doubles, larger ones find no more


class TakeChecker:
    """Looks at one picture at a time, however many threads ask."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._views: OrderedDict[str, View] = OrderedDict()
        self._one_at_a_time = Lock()

    def look(
        self,
        answer: PictureBytes,
        references: Sequence[tuple[str, PictureBytes]],
        siblings: Callable[[bytes], Sequence[bytes]],
        aspect_ratio: AspectRatio,
    ) -> Signs:
        """What an answer shows; `cpu_s` is without the decoding. Raises TakeUnchecked."""
        try:
            with self._one_at_a_time:
                take = self._pixels(answer.data)
                shown = [self._view(key, picture) for key, picture in references]
                beside = [View(self._pixels(sibling)) for sibling in siblings(thumbnail(take))]
                began_s = time.thread_time()
                signs = look(View(take), shown, beside, aspect_ratio)
                cpu_s = time.thread_time() - began_s
            return replace(signs, cpu_s=cpu_s)
        except Exception as error:  # whatever a picture does to the check, it is kept
            raise TakeUnchecked(f"Looking at a take failed ({type(error).__name__}).") from error

    def _view(self, key: str, picture: PictureBytes) -> View:
        view = self._views.get(key)
        if view is None:
            view = View(self._pixels(picture.data)).prepared()
            self._views[key] = view
            if len(self._views) > _VIEWS_KEPT:
                self._views.popitem(last=False)
        else:
            self._views.move_to_end(key)
        return view

    def _pixels(self, data: bytes) -> Pixels:
        with self._bench.opened(data, lambda size_px: size_px) as picture:
            picture.load()
            return np.asarray(upright_rgb(picture))


def thumbnail(take: Pixels) -> bytes:
    """What siblings are compared with, as a JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(shrunk(take, _THUMBNAIL_PX)).save(buffer, "JPEG", quality=85, subsampling=0)
    return buffer.getvalue()
