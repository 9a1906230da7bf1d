"""Whatever size a picture or its reference has, the check tells at least its shape and size."""

import io

import numpy as np
import pytest
from PIL import Image

from quel.adapters.imaging import Workbench
from quel.adapters.imaging.takes.checker import TakeChecker
from quel.core.aspect import AspectRatio
from quel.core.errors import TakeUnchecked
from quel.core.outcome import PictureBytes
from quel.core.takes import CERTAIN, Reason, faults
from quel.sandbox.studio import PHOTOGRAPHS

WIDE = AspectRatio(16, 9)
PIXEL = Image.new("RGB", (1, 1))
CAT = Image.open(PHOTOGRAPHS / "chelsea.png").convert("RGB")


def encoded(picture):
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return PictureBytes(buffer.getvalue(), "image/png")


def look(picture, *references):
    shown = [(str(number), encoded(each)) for number, each in enumerate(references)]
    return TakeChecker(Workbench()).look(encoded(picture), shown, lambda own: [own], WIDE)


@pytest.mark.parametrize(
    "size", [(1, 1), (2, 2), (1, 50), (4000, 1), (1, 4000), (640, 2), (31, 31), (8000, 40)]
)
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "noise"])
def test_a_picture_of_hardly_any_pixels_is_too_small(size, mode):
    noise = np.random.default_rng(1).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    picture = Image.fromarray(noise) if mode == "noise" else Image.new(mode, size)
    assert Reason.SIZE in faults(look(picture, CAT, PIXEL))


def test_a_wholly_transparent_answer_is_blank():
    assert faults(look(Image.new("RGBA", (1344, 768)))) == (Reason.BLANK,)


def test_a_reference_of_one_pixel_hides_nothing_of_the_others():
    take = CAT.resize((1344, 768))
    signs = look(take, PIXEL, CAT)
    assert not CERTAIN & set(faults(signs))
    assert (Reason.ECHO in faults(signs), signs.nearest) == (True, 2)


def test_a_reference_beyond_the_first_six_is_found_as_well():
    others = [Image.effect_noise((300 + 10 * number, 200), 60).convert("RGB") for number in range(9)]
    signs = look(CAT.resize((1344, 768)), *others, CAT)
    assert (Reason.ECHO in faults(signs), signs.nearest) == (True, 10)


def test_what_is_no_picture_is_unchecked():
    with pytest.raises(TakeUnchecked):
        TakeChecker(Workbench()).look(PictureBytes(b"none", ""), (), lambda _: (), WIDE)
