"""Whether a near copy of a reference was ordered: a retouch, a cut-out, a dish as it was photographed.

Then a take that resembles its reference is no fault; only the very same picture is.
"""

from collections.abc import Sequence

from quel.core.job import StageRequest
from quel.core.prompting.picture import PictureSpec
from quel.core.prompting.rules import Kind, ProductionPath

_RETOUCH = (
    # what customers write when a picture is to stay and only to be mended, in English and Korean
    *("retouch", "remove background", "remove the background", "background removal", "cut out", "relight"),
    *("upscale", "enhance", "restore", "colour correct", "color correct", "denoise", "sharpen"),
    *("보정", "배경 제거", "배경제거", "누끼", "리터칭", "화질"),
)


def may_stay_near(path: ProductionPath, pictures: Sequence[PictureSpec], stage: StageRequest) -> bool:
    """By the path's own rule for pre-edited pictures, or by the wishes where nobody is put anywhere."""
    shown = [reference.category for picture in pictures for reference in picture.references]
    if path.pre_edited_stays_near and stage.pre_edited is not None and len(shown) == 1:
        return True
    kinds = {category.kind for category in path.categories if category.name in shown}
    wishes = stage.prompt.casefold()
    return (
        bool(shown)
        and Kind.PLACE not in kinds
        and len(shown) == 1
        and any(word in wishes for word in _RETOUCH)
    )
