"""What each image model can do, as data: one row a model, and a careful row for ids the table does not know.

Numbers are Google's, of November 2026: ratios, sizes and tokens from the image generation guide, prices from
the price list, shutdown dates from the deprecations page. Another engine's models join the same table.
"""

from collections.abc import Sequence
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


SIZES = ("1K", "2K", "4K")
"""The classes of output size a job can ask for, smallest first, as the provider spells them."""


@dataclass(frozen=True)
class OutputSize:
    """The picture a model makes for an aspect ratio at 1K, in pixels."""

    aspect_ratio: AspectRatio
    width_px: int
    height_px: int


@dataclass(frozen=True)
class SizeClass:
    """What a class of size costs: output tokens and US dollars of an image, and its weight in credits.

    An image at the weight of QUEL_IMAGE_SIZE costs IMAGE_PER_PRICE credits.
    """

    name: str
    tokens: int
    price_usd: float
    credits_weight: float = 1.0


def size_for(sizes: Sequence[SizeClass], asked: str) -> SizeClass:
    """The largest size up to `asked` (one of SIZES), or a larger one that costs the same; smallest first."""
    reached = SIZES[: SIZES.index(asked) + 1]
    best = next((size for size in reversed(sizes) if size.name in reached), sizes[0])
    return next(size for size in reversed(sizes) if size.price_usd == best.price_usd)


@dataclass(frozen=True)
class Model:
    """One row: what may be sent to a model, what comes back, and what that costs.

    `sizes` are smallest first; `takes_size` says whether imageConfig.imageSize may be sent. `temperature`
    None leaves it to the provider, who advises against lowering it since the third generation. `ends_on` is
    the announced day of shutdown, None where none is known.
    """

    id: str
    outputs: tuple[OutputSize, ...]
    max_pictures: int
    sizes: tuple[SizeClass, ...]
    takes_size: bool
    status: ModelStatus
    temperature: float | None = None
    ends_on: date | None = None
    engine: str = "gemini"

    @property
    def aspect_ratios(self) -> tuple[AspectRatio, ...]:
        """The ratios the model accepts."""
        return tuple(output.aspect_ratio for output in self.outputs)

    @property
    def price_usd(self) -> float:
        """What an image costs at the smallest size."""
        return self.sizes[0].price_usd

    def size_for(self, asked: str) -> SizeClass:
        """The size an image is made at when `asked` (one of SIZES) is wanted."""
        return size_for(self.sizes, asked)

    def size_px(self, aspect_ratio: AspectRatio, size: SizeClass) -> tuple[int, int]:
        """Width and height of the picture that comes back. Raises StopIteration for a ratio it lacks."""
        output = next(output for output in self.outputs if output.aspect_ratio == aspect_ratio)
        scale = int(size.name.removesuffix("K"))
        return output.width_px * scale, output.height_px * scale


def _outputs(sizes_px: dict[AspectRatio, tuple[int, int]]) -> tuple[OutputSize, ...]:
    return tuple(OutputSize(ratio, width, height) for ratio, (width, height) in sizes_px.items())


def _flash_sizes(*prices_usd: float) -> tuple[SizeClass, ...]:
    return tuple(map(SizeClass, SIZES, (1120, 1680, 2520), prices_usd, (1.0, 1.5, 2.25)))


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
    outputs=_outputs(_SIZES_PX_SINCE_3 | _EXTREME_SIZES_PX),
    max_pictures=14,
    sizes=_flash_sizes(0.0336, 0.0504, 0.0756),
    takes_size=True,
    status=ModelStatus.CURRENT,
)

MODELS: tuple[Model, ...] = (
    _NANO_BANANA,
    Model(
        id="gemini-3-pro-image",
        outputs=_outputs(_SIZES_PX_SINCE_3),
        max_pictures=14,
        sizes=(
            SizeClass("1K", 1120, 0.134),
            SizeClass("2K", 1120, 0.134),
            SizeClass("4K", 2000, 0.24, 1.8),
        ),
        takes_size=True,
        status=ModelStatus.CURRENT,
    ),
    Model(
        id="gemini-3.1-flash-image",
        outputs=_outputs(_SIZES_PX_SINCE_3 | _EXTREME_SIZES_PX),
        max_pictures=14,
        sizes=_flash_sizes(0.067, 0.101, 0.151),
        takes_size=True,
        status=ModelStatus.DEPRECATED,
    ),
    Model(
        id="gemini-2.5-flash-image",
        outputs=_outputs(GRID_SIZES_PX),
        max_pictures=3,
        sizes=(SizeClass("1K", 1290, 0.039),),
        takes_size=False,
        status=ModelStatus.ENDED,
        temperature=0.45,
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
        outputs=_outputs(_SIZES_PX_SINCE_3),
        max_pictures=14,
        sizes=_NANO_BANANA.sizes[:1],
        takes_size=False,
        status=ModelStatus.UNKNOWN,
    )
