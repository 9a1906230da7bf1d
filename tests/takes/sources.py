"""What takes are made of: the sandbox's six photographs, and scenes that are drawn from a seed.

Everything is Pillow and whole numbers from a seeded generator, so that a seed gives the same pixels anywhere.
"""

from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from quel.sandbox.studio import PHOTOGRAPHS

Rng = np.random.Generator
Size = tuple[int, int]
Colour = tuple[int, int, int]

_NAMES = ("astronaut.png", "brick.png", "chelsea.png", "coffee.png", "grass.png", "rocket.jpg")


@cache
def photographs() -> tuple[Image.Image, ...]:
    """The six photographs, RGB."""
    return tuple(Image.open(PHOTOGRAPHS / name).convert("RGB") for name in _NAMES)


def picture(rng: Rng, size: Size) -> Image.Image:
    """A photograph's part or a drawn scene, at that size."""
    if rng.random() < 0.35:
        return covering(photographs()[rng.integers(len(_NAMES))], size, rng)
    return _SCENES[rng.integers(len(_SCENES))](rng, size)


def busy(rng: Rng, size: Size) -> Image.Image:
    """A picture in which something goes on everywhere."""
    if rng.random() < 0.35:
        return covering(photographs()[rng.integers(len(_NAMES))], size, rng)
    return (still_life, landscape, street, drawing, cloth)[rng.integers(5)](rng, size)


def covering(source: Image.Image, size: Size, rng: Rng | None = None) -> Image.Image:
    """The source cut to the shape of `size`, somewhere or in the middle."""
    scale = max(size[0] / source.width, size[1] / source.height)
    part = (size[0] / scale, size[1] / scale)
    spare = (max(0.0, source.width - part[0]), max(0.0, source.height - part[1]))
    left, top = (rng.random() * spare[0], rng.random() * spare[1]) if rng else (spare[0] / 2, spare[1] / 2)
    return source.resize(
        size,
        Image.Resampling.BICUBIC,
        (left, top, min(source.width, left + part[0]), min(source.height, top + part[1])),
    )


def colour(rng: Rng, low: int = 20, high: int = 235) -> Colour:
    """Any colour within these levels."""
    red, green, blue = (int(level) for level in rng.integers(low, high, 3))
    return red, green, blue


def backdrop(rng: Rng, size: Size, base: Colour | None = None) -> Image.Image:
    """A plain ground under a soft light, with a photograph's faint grain."""
    base = base or colour(rng, 60, 240)
    lit = _soft(rng, size, 2 + int(rng.integers(3)), int(rng.integers(8, 40)))
    values = np.asarray(base, np.int16) + lit[..., None] + _grain(rng, size, 2)[..., None]
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


def cloth(rng: Rng, size: Size) -> Image.Image:
    """A printed fabric in folds: motifs over and over, none where another would be."""
    made = Image.new("RGB", size, colour(rng))
    pen = ImageDraw.Draw(made)
    tones, step = [colour(rng) for _ in range(4)], int(rng.integers(40, 90))
    for x in range(0, size[0] + step, step):
        for y in range(0, size[1] + step, step):
            dx, dy, r = (int(v) for v in rng.integers(-step // 4, step // 4 + 1, 3))
            r = step // 4 + abs(r)
            box = (x + dx - r, y + dy - r // 2, x + dx + r, y + dy + r)
            (pen.ellipse, pen.rectangle)[r % 2](box, tones[int(rng.integers(4))])
    folds = _soft(rng, size, 6, 45)[..., None]
    return _photographed(
        rng, Image.fromarray((np.asarray(made, np.int16) + folds).clip(0, 255).astype(np.uint8))
    )


def still_life(rng: Rng, size: Size) -> Image.Image:
    """A table before a wall, things on it that stand across its edge."""
    width, height = size
    made = backdrop(rng, size)
    edge = int(height * (0.5 + 0.25 * rng.random()))
    made.paste(backdrop(rng, (width, height - edge)), (0, edge))
    things = int(rng.integers(2, 5))
    for number in range(things):
        thing = object_on_nothing(rng, int(height * (0.3 + 0.35 * rng.random())))
        left = int(width * (number + 0.2 + 0.5 * rng.random()) / things - thing.width / 2)
        foot = int(edge + (height - edge) * (0.1 + 0.5 * rng.random()))
        _shadow(made, (left, foot), thing.width)
        made.paste(thing, (left, foot - thing.height), thing)
    return _photographed(rng, made)


def packshot(rng: Rng, size: Size) -> Image.Image:
    """One or two things alone on a plain ground, white as often as not."""
    white = rng.random() < 0.5
    made = Image.new("RGB", size, (255, 255, 255)) if white else backdrop(rng, size)
    count = int(rng.integers(1, 3))
    for number in range(count):
        thing = object_on_nothing(rng, int(size[1] * (0.45 + 0.35 * rng.random())))
        left = int(size[0] * (number + 0.5) / count - thing.width / 2)
        foot = int(size[1] * 0.88)
        _shadow(made, (left, foot), thing.width)
        made.paste(thing, (left, foot - thing.height), thing)
    return _photographed(rng, made, grain=0 if white else 2)


def packshot_on_colour(rng: Rng, size: Size) -> Image.Image:
    """One thing in the middle of a plain ground, away from every side."""
    made = backdrop(rng, size)
    thing = object_on_nothing(rng, int(size[1] * (0.4 + 0.2 * rng.random())))
    if thing.width > 0.8 * size[0]:
        thing = thing.resize((int(size[0] * 0.6), int(thing.height * size[0] * 0.6 / thing.width)))
    foot = (size[1] + thing.height) // 2
    _shadow(made, ((size[0] - thing.width) // 2, foot), thing.width)
    made.paste(thing, ((size[0] - thing.width) // 2, foot - thing.height), thing)
    return _photographed(rng, made)


def landscape(rng: Rng, size: Size) -> Image.Image:
    """A sky, hills one behind the other, bushes."""
    width, height = size
    made = backdrop(rng, size, (150 + int(rng.integers(70)), 190, 230))
    pen = ImageDraw.Draw(made)
    for layer in range(3):
        tone = [int(level * (0.75 - 0.2 * layer)) for level in colour(rng, 60, 200)]
        base = height * (0.4 + 0.18 * layer)
        points = np.linspace(0, width, 24)
        tops = base + rng.normal(0, height * 0.04, 24)
        pen.polygon([(0, height), *zip(points, tops, strict=True), (width, height)], tuple(tone))
    for _ in range(int(rng.integers(150, 400))):
        x, y, r = int(rng.integers(width)), int(height * (0.6 + 0.4 * rng.random())), int(rng.integers(4, 26))
        pen.ellipse((x - r, y - r, x + r, y + r), colour(rng, 20, 140))
    return _photographed(rng, made)


def street(rng: Rng, size: Size) -> Image.Image:
    """House fronts with windows, a pavement, lamp posts."""
    width, height = size
    made = backdrop(rng, size, (200, 210, 225))
    pen = ImageDraw.Draw(made)
    left = -int(rng.integers(60))
    while left < width:
        wide, top = int(rng.integers(140, 340)), int(height * (0.05 + 0.3 * rng.random()))
        pen.rectangle((left, top, left + wide, int(height * 0.8)), colour(rng, 70, 210))
        for x in range(left + 18, left + wide - 30, 52):
            for y in range(top + 20, int(height * 0.72), 70):
                pen.rectangle((x, y, x + 28, y + 44), colour(rng, 20, 160))
        left += wide
    pen.polygon(
        [(0, int(height * 0.82)), (width, int(height * 0.79)), (width, height), (0, height)], (120, 118, 115)
    )
    for _ in range(6):
        x = int(rng.integers(width))
        person = object_on_nothing(rng, int(height * 0.3))
        made.paste(person, (x, int(height * 0.92) - person.height), person)
    return _photographed(rng, made)


def quiet(rng: Rng, size: Size) -> Image.Image:
    """Hardly anything: soft clouds or mist, and one small thing in it."""
    ground = np.asarray(colour(rng, 90, 220), np.int16) + _soft(rng, size, 5, 28)[..., None]
    made = Image.fromarray((ground + _grain(rng, size, 1)[..., None]).clip(0, 255).astype(np.uint8))
    thing = object_on_nothing(rng, int(size[1] * (0.12 + 0.12 * rng.random())))
    at = (int(size[0] * (0.15 + 0.6 * rng.random())), int(size[1] * (0.15 + 0.5 * rng.random())))
    made.paste(thing, at, thing)
    return _photographed(rng, made, grain=1)


def drawing(rng: Rng, size: Size) -> Image.Image:
    """An illustration: flat colours, black outlines."""
    made = Image.new("RGB", size, colour(rng, 120, 250))
    pen = ImageDraw.Draw(made)
    for _ in range(int(rng.integers(8, 22))):
        x, y = int(rng.integers(size[0])), int(rng.integers(size[1]))
        w, h = int(rng.integers(60, 320)), int(rng.integers(60, 320))
        shape = (pen.ellipse, pen.rectangle)[int(rng.integers(2))]
        shape((x - w // 2, y - h // 2, x + w // 2, y + h // 2), colour(rng), (15, 15, 20), 5)
    return made.rotate(float(rng.integers(-6, 7)), Image.Resampling.BICUBIC, fillcolor=colour(rng)).resize(
        size
    )


_SCENES = (still_life, packshot, landscape, street, quiet, drawing, cloth)


def object_on_nothing(rng: Rng, height: int) -> Image.Image:
    """A bottle, ball, box or figure with its own pattern and shading, RGBA."""
    width = max(24, int(height * (0.3 + 0.6 * rng.random())))
    mask = Image.new("L", (width, height), 0)
    pen = ImageDraw.Draw(mask)
    match int(rng.integers(4)):
        case 0:
            pen.rounded_rectangle((0, height // 4, width, height), width // 6, 255)
            pen.rectangle((width * 0.36, 0, width * 0.64, height // 3), 255)
        case 1:
            pen.ellipse((0, height - width, width, height), 255)
        case 2:
            pen.polygon(
                [(width * 0.08, height * 0.1), (width * 0.95, 0), (width, height * 0.96), (0, height)], 255
            )
        case _:
            pen.ellipse((width * 0.3, 0, width * 0.7, height * 0.26), 255)
            pen.rounded_rectangle((0, height * 0.24, width, height), width // 4, 255)
    skin = _patterned(rng, (width, height))
    side = np.linspace(-1, 1, width)
    shade = (60 * (1 - np.abs(side + 0.3)) - 25).astype(np.int16)[None, :, None]
    shaded = Image.fromarray((np.asarray(skin, np.int16) + shade).clip(0, 255).astype(np.uint8))
    shaded.putalpha(mask.filter(ImageFilter.GaussianBlur(0.8)))
    return shaded


def _patterned(rng: Rng, size: Size) -> Image.Image:
    if rng.random() < 0.3:
        return covering(photographs()[rng.integers(len(_NAMES))], size, rng)
    made = Image.new("RGB", size, colour(rng))
    pen = ImageDraw.Draw(made)
    for _ in range(int(rng.integers(3, 14))):
        x, y = int(rng.integers(size[0])), int(rng.integers(size[1]))
        w, h = int(rng.integers(4, max(6, size[0] // 2))), int(rng.integers(4, max(6, size[1] // 4)))
        pen.rectangle((x, y, x + w, y + h), colour(rng))
    return made


def _shadow(made: Image.Image, foot: tuple[int, int], width: int) -> None:
    left, y = foot
    dark = Image.new("L", made.size, 0)
    ImageDraw.Draw(dark).ellipse(
        (left - width // 8, y - width // 10, left + width * 9 // 8, y + width // 10), 110
    )
    made.paste((20, 18, 16), mask=dark.filter(ImageFilter.BoxBlur(max(4, width // 12))))


def _soft(rng: Rng, size: Size, cells: int, strength: int) -> np.ndarray:
    small = Image.fromarray(rng.integers(0, 256, (cells, cells)).astype(np.uint8))
    large = np.asarray(small.resize(size, Image.Resampling.BICUBIC), np.int16)
    return (large - 128) * strength // 128


def _grain(rng: Rng, size: Size, strength: int) -> np.ndarray:
    if strength == 0:
        return np.zeros(size[::-1], np.int16)
    return rng.integers(-strength, strength + 1, size[::-1]).astype(np.int16)


def _photographed(rng: Rng, made: Image.Image, grain: int = 2) -> Image.Image:
    """A lens is never as sharp as a pen."""
    soft = made.filter(ImageFilter.GaussianBlur(0.8))
    values = np.asarray(soft, np.int16) + _grain(rng, soft.size, grain)[..., None]
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))
