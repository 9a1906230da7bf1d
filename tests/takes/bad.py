"""Takes that no studio would keep, a function a class: what went wrong, done to pictures of a seed."""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from quel.core.aspect import GRID_SIZES_PX, AspectRatio
from quel.core.takes import Reason
from tests.takes import sources
from tests.takes.sources import Rng, Size
from tests.takes.take import Take

_RATIOS = tuple(GRID_SIZES_PX)


def ratio_and_size(rng: Rng) -> tuple[AspectRatio, Size]:
    """What a job might ask for, the common ones more often."""
    common = (AspectRatio(16, 9), AspectRatio(9, 16), AspectRatio(1, 1), AspectRatio(3, 4), AspectRatio(4, 3))
    ratio = common[rng.integers(len(common))] if rng.random() < 0.8 else _RATIOS[rng.integers(len(_RATIOS))]
    return ratio, GRID_SIZES_PX[ratio]


def references(rng: Rng, count: int | None = None) -> list[Image.Image]:
    """Pictures of other sizes, as customers upload them."""
    shapes = ((900, 1200), (1200, 900), (1000, 1000), (1280, 720))
    number = count or int(rng.integers(1, 5))
    return [sources.picture(rng, shapes[rng.integers(len(shapes))]) for _ in range(number)]


def encoded_again(image: Image.Image, quality: int) -> Image.Image:
    """What a JPEG makes of it."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def regraded(rng: Rng, image: Image.Image, strength: float = 0.25) -> Image.Image:
    """Another grade: brightness, contrast, saturation, warmth."""
    for enhancer in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        image = enhancer(image).enhance(1 + strength * float(rng.uniform(-1, 1)))
    warmth = int(40 * strength * rng.uniform(-1, 1))
    red, green, blue = image.split()
    return Image.merge("RGB", (red.point(lambda v: v + warmth), green, blue.point(lambda v: v - warmth)))


def echo_exact(rng: Rng) -> Take:
    ratio, size = ratio_and_size(rng)
    shown = references(rng)
    image = sources.covering(shown[rng.integers(len(shown))], size)
    return Take(encoded_again(image, 85), Reason.ECHO, tuple(shown), aspect_ratio=ratio)


def echo_near(rng: Rng) -> Take:
    ratio, size = ratio_and_size(rng)
    shown = references(rng)
    chosen = shown[rng.integers(len(shown))]
    cut = 0.02 + 0.1 * float(rng.random())
    left, top = round(chosen.width * cut), round(chosen.height * cut / 2)
    box = (left, top, round(chosen.width * (1 - cut / 2)), round(chosen.height * (1 - cut)))
    image = regraded(rng, sources.covering(chosen.crop(box), size))
    if rng.random() < 0.5:
        image = image.filter(ImageFilter.GaussianBlur(1.2))
    return Take(image, Reason.ECHO, tuple(shown), aspect_ratio=ratio)


def echo_crop(rng: Rng) -> Take:
    ratio, size = ratio_and_size(rng)
    shown = [sources.busy(rng, (1200, 900))]
    part = 0.62 + 0.25 * float(rng.random())
    w, h = int(shown[0].width * part), int(shown[0].height * part)
    left, top = int(rng.integers(shown[0].width - w)), int(rng.integers(shown[0].height - h))
    image = regraded(rng, sources.covering(shown[0].crop((left, top, left + w, top + h)), size), 0.15)
    return Take(image, Reason.ECHO, tuple(shown), aspect_ratio=ratio)


def echo_mirrored(rng: Rng) -> Take:
    ratio, size = ratio_and_size(rng)
    shown = references(rng)
    image = ImageOps.mirror(sources.covering(shown[rng.integers(len(shown))], size))
    return Take(regraded(rng, image, 0.15), Reason.ECHO, tuple(shown), aspect_ratio=ratio)


def echo_quiet(rng: Rng) -> Take:
    """Of a reference that shows hardly any texture."""
    ratio, size = ratio_and_size(rng)
    shown = [sources.quiet(rng, (1200, 900)), *references(rng, int(rng.integers(1, 3)))]
    return Take(
        regraded(rng, sources.covering(shown[0], size), 0.2), Reason.ECHO, tuple(shown), aspect_ratio=ratio
    )


def echo_letterboxed(rng: Rng) -> Take:
    ratio, size = ratio_and_size(rng)
    shown = [sources.picture(rng, (900, 1200) if size[0] > size[1] else (1280, 720))]
    fill = sources.covering(shown[0], size).filter(ImageFilter.BoxBlur(40)) if rng.random() < 0.5 else None
    image = fill or Image.new("RGB", size, sources.colour(rng, 0, 255))
    inner = ImageOps.contain(shown[0], size)
    image.paste(inner, ((size[0] - inner.width) // 2, (size[1] - inner.height) // 2))
    return Take(image, Reason.ECHO, tuple(shown), aspect_ratio=ratio)


def sheet_of_references(rng: Rng) -> Take:
    """The references cell by cell, with or without gutters."""
    ratio, size = ratio_and_size(rng)
    shown = references(rng, int(rng.integers(2, 5)))
    gap = int(rng.choice([0, 6, 20]))
    return Take(_cells(rng, shown, size, gap, fitted=False), Reason.COLLAGE, tuple(shown), aspect_ratio=ratio)


def sheet_with_narrow_cells(rng: Rng) -> Take:
    """Cells of another shape than their places: gutters wider than any stripe of a scene."""
    ratio, size = ratio_and_size(rng)
    shape = (600, 1200) if size[0] >= size[1] else (1200, 600)
    parts = [sources.busy(rng, shape) for _ in range(int(rng.integers(2, 4)))]
    image = _cells(rng, parts, size, 0, fitted=True)
    return Take(image, Reason.COLLAGE, tuple(references(rng)), aspect_ratio=ratio)


def panels(rng: Rng) -> Take:
    """Three to six pictures of the model's own making."""
    ratio, size = ratio_and_size(rng)
    parts = [sources.picture(rng, (900, 900)) for _ in range(int(rng.integers(3, 7)))]
    image = _cells(rng, parts, size, int(rng.choice([0, 4, 12, 24])), fitted=False)
    return Take(image, Reason.COLLAGE, tuple(references(rng)), aspect_ratio=ratio)


def split(rng: Rng) -> Take:
    """Two pictures side by side or one above the other, often on plain backdrops."""
    ratio, size = ratio_and_size(rng)
    upright = bool(rng.random() < 0.5)
    at = float(rng.choice([0.5, 0.5, 0.5, 0.4, 0.6, 1 / 3, 2 / 3]))
    first = (round(size[0] * at), size[1]) if upright else (size[0], round(size[1] * at))
    second = (size[0] - first[0], size[1]) if upright else (size[0], size[1] - first[1])
    draw = sources.packshot_on_colour if rng.random() < 0.4 else sources.picture
    image = Image.new("RGB", size)
    image.paste(draw(rng, first), (0, 0))
    image.paste(draw(rng, second), (first[0], 0) if upright else (0, first[1]))
    return Take(encoded_again(image, 92), Reason.COLLAGE, tuple(references(rng)), aspect_ratio=ratio)


def bars(rng: Rng) -> Take:
    ratio, size = ratio_and_size(rng)
    depth = 0.03 + 0.15 * float(rng.random())
    upright = bool(rng.random() < 0.5)
    edge = int(depth * (size[0] if upright else size[1]))
    inner = (size[0] - 2 * edge, size[1]) if upright else (size[0], size[1] - 2 * edge)
    image = Image.new("RGB", size, (0, 0, 0) if rng.random() < 0.6 else sources.colour(rng, 0, 255))
    image.paste(sources.busy(rng, inner), (edge, 0) if upright else (0, edge))
    return Take(encoded_again(image, 90), Reason.BARS, tuple(references(rng)), aspect_ratio=ratio)


def frame(rng: Rng) -> Take:
    ratio, size = ratio_and_size(rng)
    edge = int(min(size) * (0.02 + 0.08 * rng.random()))
    image = Image.new("RGB", size, (255, 255, 255) if rng.random() < 0.5 else sources.colour(rng, 0, 255))
    image.paste(sources.busy(rng, (size[0] - 2 * edge, size[1] - 2 * edge)), (edge, edge))
    return Take(encoded_again(image, 90), Reason.BARS, tuple(references(rng)), aspect_ratio=ratio)


def blank(rng: Rng) -> Take:
    """One colour, a gradient, noise, or a blur."""
    ratio, size = ratio_and_size(rng)
    tone = sources.colour(rng, 0, 256)
    match int(rng.integers(4)):
        case 0:
            image = Image.new("RGB", size, tone)
        case 1:
            slope = Image.linear_gradient("L").rotate(90 * int(rng.integers(4))).resize(size)
            image = Image.composite(
                Image.new("RGB", size, tone), Image.new("RGB", size, sources.colour(rng)), slope
            )
        case 2:
            image = Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3)).astype(np.uint8))
        case _:
            image = sources.picture(rng, size).filter(ImageFilter.BoxBlur(size[0] // 8))
            image = image.filter(ImageFilter.BoxBlur(size[0] // 10))
    return Take(image, Reason.BLANK, tuple(references(rng)), aspect_ratio=ratio)


def cut_off(rng: Rng) -> Take:
    """What decoders make of bytes that end too early: grey, black or the last row again and again."""
    ratio, size = ratio_and_size(rng)
    image = sources.busy(rng, size)
    top = int(size[1] * (0.2 + 0.6 * rng.random())) // 16 * 16
    if rng.random() < 0.3:
        last = image.crop((0, top - 1, size[0], top))
        image.paste(last.resize((size[0], size[1] - top)), (0, top))
    else:
        ImageDraw.Draw(image).rectangle((0, top, *size), ((128, 128, 128), (0, 0, 0))[int(rng.integers(2))])
    return Take(image, Reason.CUT_OFF, tuple(references(rng)), aspect_ratio=ratio)


def wrong_ratio(rng: Rng) -> Take:
    ratio, _ = ratio_and_size(rng)
    others = [
        size
        for other, size in GRID_SIZES_PX.items()
        if abs(other.width / other.height * ratio.height / ratio.width - 1) > 0.1
    ]
    image = sources.picture(rng, others[rng.integers(len(others))])
    return Take(image, Reason.RATIO, tuple(references(rng)), aspect_ratio=ratio)


def too_small(rng: Rng) -> Take:
    ratio, size = ratio_and_size(rng)
    scale = float(rng.uniform(0.05, 0.55))
    image = sources.picture(rng, (max(8, round(size[0] * scale)), max(8, round(size[1] * scale))))
    return Take(image, Reason.SIZE, tuple(references(rng)), aspect_ratio=ratio)


def double(rng: Rng) -> Take:
    """The same picture as a sibling, as two seeds may give it: a little brighter, a little larger."""
    ratio, size = ratio_and_size(rng)
    sibling = sources.picture(rng, size)
    cut = int(size[0] * 0.02 * rng.random())
    image = regraded(rng, sibling.crop((cut, cut, size[0] - cut, size[1] - cut)).resize(size), 0.1)
    siblings = (sources.picture(rng, size), sibling)
    return Take(encoded_again(image, 88), Reason.DOUBLE, tuple(references(rng)), siblings, ratio)


def _cells(rng: Rng, parts: list[Image.Image], size: Size, gap: int, *, fitted: bool) -> Image.Image:
    tone = (255, 255, 255) if rng.random() < 0.7 else sources.colour(rng, 0, 60)
    image = Image.new("RGB", size, tone)
    columns = int(np.ceil(np.sqrt(len(parts)))) if not fitted else (len(parts) if size[0] >= size[1] else 1)
    rows = -(-len(parts) // columns)
    for number, part in enumerate(parts):
        row, column = divmod(number, columns)
        in_row = min(columns, len(parts) - row * columns)
        left, right = size[0] * column // in_row, size[0] * (column + 1) // in_row
        top, bottom = size[1] * row // rows, size[1] * (row + 1) // rows
        room = (right - left - gap, bottom - top - gap)
        cell = ImageOps.contain(part, room) if fitted else sources.covering(part, room)
        image.paste(cell, (left + (right - left - cell.width) // 2, top + (bottom - top - cell.height) // 2))
    return image


CLASSES: tuple[Callable[[Rng], Take], ...] = (
    echo_exact,
    echo_near,
    echo_crop,
    echo_mirrored,
    echo_quiet,
    echo_letterboxed,
    sheet_of_references,
    sheet_with_narrow_cells,
    panels,
    split,
    bars,
    frame,
    blank,
    cut_off,
    wrong_ratio,
    too_small,
    double,
)
