"""Draws the sandbox's answer: a picture that shows a person what the model was sent.

The received pictures as numbered thumbnails in order, the customer's own words, aspect ratio and seed, on a
ground whose colours come from the seed. Any text can be drawn: signs the built-in font lacks become boxes.
"""

import colorsys
import io
import math
import random
import re
import textwrap
from functools import cache, lru_cache
from importlib.resources import files

from PIL import Image, ImageDraw, ImageFont, ImageOps

from quel.sandbox.gemini.request import GenerateContent
from quel.sandbox.gradient import gradient

QUOTE = re.compile("[«»]+")  # quel's prompts set the customer's own text between such marks
WHITE, INK = (255, 255, 255), (24, 24, 27)
READY_MADE_PHOTOGRAPH = "coffee.png"
READY_MADE_SIZE_PX = (1344, 768)
CAPTION_LINES = 4
JPEG_QUALITY = 90
SKETCH = 3  # times smaller, along each side


def draw(asked: GenerateContent, *, as_sketch: bool = False) -> Image.Image:
    """The answer's picture, at the size of the aspect ratio asked for.

    A sketch shows the same and is a third as wide and high: a sixth of the work to draw and to store, and too
    small for a customer (core.takes).
    """
    width, height = (edge // SKETCH if as_sketch else edge for edge in asked.size_px)
    margin = min(width, height) // 24
    canvas = _ground((width, height), asked.seed or 0)
    caption = _caption(asked.prompt, width - 2 * margin, margin)
    caption_height = round(1.4 * margin * len(caption)) + margin
    top = 3 * margin
    _thumbnails(canvas, asked, (margin, top, width - margin, height - caption_height - margin))
    pen = ImageDraw.Draw(canvas)
    about = f"{asked.aspect_ratio}   seed {asked.seed}   {asked.picture_count} pictures"
    pen.text((margin, margin), "sandbox", WHITE, _font(round(1.5 * margin)))
    pen.text((width - margin, margin * 1.2), about, WHITE, _font(margin), anchor="ra")
    _shade(canvas, height - caption_height - 2 * margin)
    for number, line in enumerate(caption):
        at = (margin, height - caption_height + margin / 2 + number * 1.4 * margin)
        pen.text(at, line, WHITE, _font(margin))
    return canvas


def encode(picture: Image.Image, mime_type: str) -> bytes:
    """The picture as image/png or image/jpeg."""
    buffer = io.BytesIO()
    if mime_type == "image/jpeg":
        picture.save(buffer, "JPEG", quality=JPEG_QUALITY)
    else:
        picture.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


@cache
def ready_made() -> bytes:
    """A photograph as a PNG of 1344×768 and about 1.4 MB, as a real answer would be."""
    source = files("quel.sandbox") / "photographs" / READY_MADE_PHOTOGRAPH
    with Image.open(io.BytesIO(source.read_bytes())) as photograph:
        large = photograph.convert("RGB").resize(READY_MADE_SIZE_PX, Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    large.save(buffer, "PNG")
    return buffer.getvalue()


def _ground(size_px: tuple[int, int], seed: int) -> Image.Image:
    hue = random.Random(seed).random()  # noqa: S311 - neighbouring seeds get colours far apart
    dark, light = (
        tuple(round(255 * part) for part in colorsys.hls_to_rgb(hue + turn, lightness, 0.55))
        for turn, lightness in ((0.0, 0.28), (0.08, 0.58))
    )
    return gradient(size_px, dark, light)


def _thumbnails(canvas: Image.Image, asked: GenerateContent, box: tuple[int, int, int, int]) -> None:
    """Lays the pictures out in rows within `box`, each fitted into its cell with its number in the corner.

    Askew, like prints on a table: side by side and straight they would be a contact sheet, which is a fault.
    """
    pictures, hand = asked.pictures, random.Random(asked.seed)  # noqa: S311 - no two takes lie alike
    if not pictures:
        return
    left, top, right, bottom = box
    widest = max(1, round(math.sqrt(len(pictures) * (right - left) / (bottom - top))))
    rows = math.ceil(len(pictures) / widest)
    columns = math.ceil(len(pictures) / rows)
    cell = ((right - left) // columns, (bottom - top) // rows)
    gap = min(cell) // 20
    pen = ImageDraw.Draw(canvas)
    for index, picture in enumerate(pictures):
        fitted = _fitted(picture.data, (round(0.85 * cell[0]) - 2 * gap, round(0.85 * cell[1]) - 2 * gap))
        thumbnail = _askew(fitted, hand.choice((-1, 1)) * hand.uniform(2, 7))
        x = left + index % columns * cell[0] + round((cell[0] - thumbnail.width) * hand.random())
        y = top + index // columns * cell[1] + round((cell[1] - thumbnail.height) * hand.random())
        canvas.paste(thumbnail, (x, y), thumbnail)
        side = max(24, min(cell) // 8)
        pen.rectangle((x, y, x + side, y + side), INK)
        pen.text((x + side / 2, y + side / 2), str(index + 1), WHITE, _font(side * 2 // 3), anchor="mm")


def _askew(picture: Image.Image, degrees: float) -> Image.Image:
    """A print with a white edge, turned; what is beside it is transparent."""
    edge = max(2, min(picture.size) // 40)
    print_ = ImageOps.expand(picture, edge, WHITE).convert("RGBA")
    return print_.rotate(degrees, Image.Resampling.BICUBIC, expand=True)


def _shade(canvas: Image.Image, top: int) -> None:
    """Darkens the picture softly from there down, so that a caption can be read on it."""
    dark = Image.new("L", (1, canvas.height - top))
    dark.putdata([min(215, 4 * row) for row in range(dark.height)])
    canvas.paste(INK, (0, top), dark.resize((canvas.width, dark.height)))


@lru_cache(maxsize=16)  # a job's images show the same references; each is kept as it came
def _fitted(data: bytes, box: tuple[int, int]) -> Image.Image:
    """A picture shrunk or enlarged to fill the box without losing its shape."""
    with Image.open(io.BytesIO(data)) as received:
        scale = min(box[0] / received.width, box[1] / received.height)
        size = (max(1, round(received.width * scale)), max(1, round(received.height * scale)))
        received.draft("RGB", size)
        return received.convert("RGB").resize(size)


def _caption(prompt: str, width_px: int, size_px: int) -> list[str]:
    """The first lines of the customer's own words, or of the whole prompt where nothing marks them."""
    words = quoted[1] if len(quoted := QUOTE.split(prompt)) > 2 else prompt
    drawable = "".join(sign if sign.isprintable() else " " for sign in words)
    characters = max(20, round(width_px / (0.55 * size_px)))
    return textwrap.wrap(drawable.strip(), characters, max_lines=CAPTION_LINES, placeholder=" …")


def _font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size_px)
