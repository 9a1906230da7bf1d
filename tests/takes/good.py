"""Takes that a studio would keep, a function a class: what resembles a fault and is none."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from tests.takes import sources
from tests.takes.bad import ratio_and_size, references, regraded
from tests.takes.sources import Rng
from tests.takes.take import Take


def another_scene(rng: Rng) -> Take:
    """The references went into something wholly new."""
    ratio, size = ratio_and_size(rng)
    return Take(sources.picture(rng, size), None, tuple(references(rng)), aspect_ratio=ratio)


def put_into_the_place(rng: Rng) -> Take:
    """Somebody stands in the place of a reference, which was what was ordered."""
    ratio, size = ratio_and_size(rng)
    place, who = sources.picture(rng, (1280, 900)), sources.object_on_nothing(rng, int(size[1] * 0.75))
    who = who.resize((max(who.width, size[0] // 4), who.height))
    alone = sources.backdrop(rng, (900, 1200))
    alone.paste(who.resize((500, 1000)), (200, 150), who.resize((500, 1000)))
    zoom = 0.7 + 0.2 * float(rng.random())
    part = place.crop((0, 0, int(place.width * zoom), int(place.height * zoom)))
    image = regraded(rng, sources.covering(part, size, rng).filter(ImageFilter.GaussianBlur(1.5)), 0.3)
    left = int((size[0] - who.width) * (0.2 + 0.6 * rng.random()))
    image.paste(who, (left, size[1] - who.height), who)
    return Take(image, None, (alone, place), aspect_ratio=ratio)


def on_another_ground(rng: Rng) -> Take:
    """The product of a reference, at another size and place, on another ground."""
    ratio, size = ratio_and_size(rng)
    thing = sources.object_on_nothing(rng, 800)
    shown = sources.backdrop(rng, (1000, 1000))
    shown.paste(thing, ((1000 - thing.width) // 2, 120), thing)
    image = sources.picture(rng, size) if rng.random() < 0.5 else sources.backdrop(rng, size)
    height = int(size[1] * (0.35 + 0.3 * rng.random()))
    small = regraded_thing(rng, thing.resize((max(8, thing.width * height // 800), height)))
    image.paste(small, (int((size[0] - small.width) * rng.random()), size[1] - height - size[1] // 12), small)
    return Take(image, None, (shown,), aspect_ratio=ratio)


def regraded_thing(rng: Rng, thing: Image.Image) -> Image.Image:
    """In another light, turned a little."""
    lit = regraded(rng, thing.convert("RGB"), 0.3)
    lit.putalpha(thing.getchannel("A"))
    return lit.rotate(float(rng.uniform(-8, 8)), Image.Resampling.BICUBIC, expand=True)


def sibling_in_another_pose(rng: Rng) -> Take:
    """Two takes of one item: the same person on the same ground, standing otherwise."""
    ratio, size = ratio_and_size(rng)
    ground, who = sources.backdrop(rng, size), sources.object_on_nothing(rng, int(size[1] * 0.75))
    takes = []
    for turn in (float(rng.uniform(-14, -3)), float(rng.uniform(3, 14))):
        posed = regraded(rng, ground, 0.05)
        moved = who.rotate(turn, Image.Resampling.BICUBIC, expand=True)
        left = int((size[0] - moved.width) * (0.35 + 0.3 * rng.random()))
        posed.paste(moved, (left, size[1] - moved.height), moved)
        takes.append(posed)
    return Take(takes[0], None, (), (takes[1],), ratio)


def packshot(rng: Rng) -> Take:
    ratio, size = ratio_and_size(rng)
    return Take(sources.packshot(rng, size), None, tuple(references(rng)), aspect_ratio=ratio)


def packshot_of_a_packshot(rng: Rng) -> Take:
    """Products on white, ordered with products on white: only the ground is the same."""
    ratio, size = ratio_and_size(rng)
    shown = tuple(sources.packshot(rng, (1000, 1000)) for _ in range(int(rng.integers(1, 4))))
    return Take(sources.packshot(rng, size), None, shown, aspect_ratio=ratio)


def table(rng: Rng) -> Take:
    """A straight table's edge before a wall, as level as a studio has it."""
    ratio, size = ratio_and_size(rng)
    return Take(sources.still_life(rng, size), None, tuple(references(rng)), aspect_ratio=ratio)


def horizon(rng: Rng) -> Take:
    """A sea under a sky: one level line, nothing across it."""
    ratio, size = ratio_and_size(rng)
    line = int(size[1] * (0.35 + 0.3 * rng.random()))
    image = sources.quiet(rng, size)
    sea = sources.backdrop(rng, (size[0], size[1] - line), (30, 70, 110))
    pen = ImageDraw.Draw(sea)
    for _ in range(500):
        x, y, w = int(rng.integers(size[0])), int(rng.integers(sea.height)), int(rng.integers(6, 60))
        pen.line((x, y, x + w, y), sources.colour(rng, 60, 190), 1 + y // 90)
    image.paste(sea, (0, line))
    tilted = image.rotate(float(rng.uniform(-0.5, 0.5)), Image.Resampling.BICUBIC)
    inner = tilted.crop((10, 10, size[0] - 10, size[1] - 10)).resize(size)
    return Take(inner.filter(ImageFilter.GaussianBlur(1)), None, tuple(references(rng)), aspect_ratio=ratio)


def window(rng: Rng) -> Take:
    """One view behind glazing bars, some of them as even as a gutter."""
    ratio, size = ratio_and_size(rng)
    image = (sources.landscape, sources.street)[int(rng.integers(2))](rng, size)
    pen = ImageDraw.Draw(image)
    tone, thick = sources.colour(rng, 10, 250), int(size[0] * (0.01 + 0.02 * rng.random()))
    for part in range(1, int(rng.integers(2, 4))):
        x = size[0] * part // 3 + int(rng.integers(-60, 60))
        pen.rectangle((x, 0, x + thick, size[1]), tone)
    if rng.random() < 0.5:
        y = size[1] // 2 + int(rng.integers(-60, 60))
        pen.rectangle((0, y, size[0], y + thick), tone)
    if rng.random() < 0.5:
        return Take(_shaded(image), None, tuple(references(rng)), aspect_ratio=ratio)
    return Take(image, None, tuple(references(rng)), aspect_ratio=ratio)


def dark(rng: Rng) -> Take:
    """A low key: most of it black."""
    ratio, size = ratio_and_size(rng)
    lit = sources.still_life(rng, size)
    light = Image.radial_gradient("L").resize((size[0], size[1]))
    mask = ImageOps.invert(light).point(lambda value: max(0, (value - 90) * 2))
    image = Image.composite(lit, Image.new("RGB", size, (6, 6, 8)), mask)
    return Take(image, None, tuple(references(rng)), aspect_ratio=ratio)


def illustration(rng: Rng) -> Take:
    """A drawing after a photograph: other lines, other colours."""
    ratio, size = ratio_and_size(rng)
    return Take(sources.drawing(rng, size), None, tuple(references(rng)), aspect_ratio=ratio)


def retouch(rng: Rng) -> Take:
    """What a retouch is: the same picture, cleaner, brighter; ordered as such."""
    ratio, size = ratio_and_size(rng)
    shown = sources.picture(rng, (1200, 900))
    lift = 1.12 + 0.2 * float(rng.random())
    lighter = sources.covering(shown, size).point(lambda value: min(255, int(value * lift) + 6))
    return Take(lighter, None, (shown,), aspect_ratio=ratio, may_stay_near=True)


def _shaded(image: Image.Image) -> Image.Image:
    """Light that falls off across the picture, bars included."""
    slope = np.linspace(1.15, 0.7, image.width)[None, :, None]
    return Image.fromarray((np.asarray(image, np.float64) * slope).clip(0, 255).astype(np.uint8))


CLASSES: tuple[Callable[[Rng], Take], ...] = (
    another_scene,
    put_into_the_place,
    on_another_ground,
    sibling_in_another_pose,
    packshot,
    packshot_of_a_packshot,
    table,
    horizon,
    window,
    dark,
    illustration,
    retouch,
)
REPORTED_ALONE = (window, retouch)
"""Classes made to fool the check, told apart from the others (they count in none of their figures)."""
