"""Draws an execution's picture: the size of the graph's latent, a ground of its seed, and who made it."""

import colorsys
import io
import random

from PIL import Image, ImageDraw, ImageFont

from quel.sandbox.comfy.classes import Graph
from quel.sandbox.gradient import gradient

_SIZE_PX = (1024, 1024)


def draw(graph: Graph) -> bytes:
    """A PNG."""
    inputs = [body["inputs"] for body in graph.values()]
    size = next(((i["width"], i["height"]) for i in inputs if "width" in i and "height" in i), _SIZE_PX)
    seed = next((i["seed"] for i in inputs if "seed" in i), 0)
    words = next((str(i[name]) for i in inputs for name in ("prompt", "text") if i.get(name)), "")
    hue = random.Random(seed).random()  # noqa: S311 - neighbouring seeds get colours far apart
    ends = [tuple(round(255 * c) for c in colorsys.hsv_to_rgb(hue, 0.7, value)) for value in (0.35, 0.75)]
    picture = gradient(size, ends[0], ends[1])
    pen, step = ImageDraw.Draw(picture), size[1] // 24
    pen.text((step, step), "sandbox: ComfyUI", "white", ImageFont.load_default(step * 1.5))
    pictures = sum(body["class_type"] == "LoadImage" for body in graph.values())
    pen.text((step, 3 * step), f"seed {seed}   {pictures} pictures", "white", ImageFont.load_default(step))
    pen.text((step, size[1] - 2 * step), _customer(words)[:80], "white", ImageFont.load_default(step))
    return _png(picture)


def bend(picture: bytes, shape: str | None) -> bytes:
    """The file as a fault leaves it."""
    if shape == "truncated":
        return picture[: len(picture) // 2]
    if shape == "black":
        with Image.open(io.BytesIO(picture)) as whole:
            return _png(Image.new("RGB", whole.size))
    return picture


def _customer(prompt: str) -> str:
    """The customer's own words, which quel sets between lines of quotation marks."""
    lines = prompt.splitlines()
    fences = [number for number, line in enumerate(lines) if line and set(line) == {'"'}]
    return " ".join(lines[fences[0] + 1 : fences[1]]) if len(fences) > 1 else prompt[:80]


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
