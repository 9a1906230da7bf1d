"""What each image model can do, as data: one row a model, and a careful row for ids the table does not know.

Numbers are Google's, of November 2026: ratios, sizes and tokens from the image generation guide, prices from
the price list, shutdown dates from the deprecations page. Another engine's models join the same table.
"""

from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from quel.core.aspect import GRID_SIZES_PX, AspectRatio

API_VERSION = "v1beta"
"""Of Gemini, whatever the SDK's is: `responseModalities` and `imageConfig` are not in v1."""


class ModelStatus(StrEnum):
    """Where a model is in its life; UNKNOWN where the table has no row for it."""

    CURRENT = "current"
    DEPRECATED = "deprecated"
    ENDED = "ended"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class OutputSize:
    """The picture a model makes for an aspect ratio, in pixels and in output tokens."""

    aspect_ratio: AspectRatio
    width_px: int
    height_px: int
    tokens: int


@dataclass(frozen=True)
class Model:
    """One row: what may be sent to a model, what comes back, and what that costs.

    `image_size` is sent as imageConfig.imageSize and names the size the other figures hold for; None means
    that the model refuses the field. `ends_on` is the announced day of shutdown, None where none is known.
    """

    id: str
    outputs: tuple[OutputSize, ...]
    max_pictures: int
    price_usd: float
    image_size: str | None
    status: ModelStatus
    ends_on: date | None = None
    engine: str = "gemini"

    @property
    def aspect_ratios(self) -> tuple[AspectRatio, ...]:
        """The ratios the model accepts."""
        return tuple(output.aspect_ratio for output in self.outputs)


def _outputs(tokens: int, sizes_px: dict[AspectRatio, tuple[int, int]]) -> tuple[OutputSize, ...]:
    return tuple(OutputSize(ratio, width, height, tokens) for ratio, (width, height) in sizes_px.items())


_SIZES_PX_SINCE_3: dict[AspectRatio, tuple[int, int]] = {
    AspectRatio(1, 1): (1024, 1024),
    AspectRatio(2, 3): (848, 1264),
    AspectRatio(3, 2): (1264, 848),
    AspectRatio(3, 4): (896, 1200),
    AspectRatio(4, 3): (1200, 896),
    AspectRatio(4, 5): (928, 1152),
    AspectRatio(5, 4): (1152, 928),
    AspectRatio(9, 16): (768, 1376),
    AspectRatio(16, 9): (1376, 768),
    AspectRatio(21, 9): (1584, 672),
}

# The four that came with 3.1; no job can ask for them, so they stand here for completeness only.
_EXTREME_SIZES_PX: dict[AspectRatio, tuple[int, int]] = {
    AspectRatio(1, 4): (512, 2048),
    AspectRatio(4, 1): (2048, 512),
    AspectRatio(1, 8): (384, 3072),
    AspectRatio(8, 1): (3072, 384),
}

_NANO_BANANA = Model(
    id="gemini-nano-banana-2.1",
    outputs=_outputs(1120, _SIZES_PX_SINCE_3 | _EXTREME_SIZES_PX),
    max_pictures=14,
    price_usd=0.0336,
    image_size="1K",
    status=ModelStatus.CURRENT,
)

MODELS: tuple[Model, ...] = (
    _NANO_BANANA,
    Model(
        id="gemini-3-pro-image",
        outputs=_outputs(1120, _SIZES_PX_SINCE_3),
        max_pictures=14,
        price_usd=0.134,
        image_size="1K",
        status=ModelStatus.CURRENT,
    ),
    Model(
        id="gemini-3.1-flash-image",
        outputs=_outputs(1120, _SIZES_PX_SINCE_3 | _EXTREME_SIZES_PX),
        max_pictures=14,
        price_usd=0.067,
        image_size="1K",
        status=ModelStatus.DEPRECATED,
    ),
    Model(
        id="gemini-2.5-flash-image",
        outputs=_outputs(1290, GRID_SIZES_PX),
        max_pictures=3,
        price_usd=0.039,
        image_size=None,
        status=ModelStatus.ENDED,
        ends_on=date(2026, 10, 2),
    ),
)

DEFAULT_MODEL_ID = _NANO_BANANA.id


def model_for(model_id: str) -> Model:
    """The row of a model id; a careful one for an id the table does not know yet.

    `models/` in front is ignored, and an id that goes on where a known one ends (`…-preview`, `…-09-2026`)
    is the known one's variant and takes its row. For the rest:

    - ten ratios and no imageSize: what every model so far has accepted;
    - 14 pictures: an id missing here is newer than this table, and every model since the third generation
      takes 14. Guessing 3 would merge references into grids for all of them, which costs likeness;
      guessing 14 wrongly fails loudly, with the provider's own 400;
    - the current model's price, so that the cost metric is an estimate instead of nothing.
    """
    bare_id = model_id.strip().removeprefix("models/")
    for model in MODELS:
        if bare_id == model.id:
            return model
    for model in MODELS:
        if bare_id.startswith(f"{model.id}-"):
            return replace(model, id=bare_id, status=ModelStatus.UNKNOWN, ends_on=None)
    return Model(
        id=bare_id,
        outputs=_outputs(1120, _SIZES_PX_SINCE_3),
        max_pictures=14,
        price_usd=_NANO_BANANA.price_usd,
        image_size=None,
        status=ModelStatus.UNKNOWN,
    )
