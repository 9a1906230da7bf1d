"""Draws one picture of all results, grouped by job, to see at a glance whether they are right."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

_THUMB_PX = 260
_GAP_PX = 16
_LABEL_PX = 34
_COLUMNS = 5
_PAPER, _INK, _FAINT = (250, 249, 246), (32, 32, 36), (120, 120, 128)


def draw_contact_sheet(groups: Sequence[tuple[str, str, Sequence[Path]]], file: Path) -> None:
    """Writes a PNG: for each (title, subtitle, pictures) its pictures side by side under a label."""
    cells = [
        (title if number == 0 else "", subtitle if number == 0 else f"image {number + 1}", picture)
        for title, subtitle, pictures in groups
        for number, picture in enumerate(pictures)
    ]
    rows = -(-len(cells) // _COLUMNS)
    step_x, step_y = _THUMB_PX + _GAP_PX, _THUMB_PX + _LABEL_PX + _GAP_PX
    sheet = Image.new("RGB", (_COLUMNS * step_x + _GAP_PX, rows * step_y + _GAP_PX), _PAPER)
    for place, (title, subtitle, picture) in enumerate(cells):
        corner = (_GAP_PX + place % _COLUMNS * step_x, _GAP_PX + place // _COLUMNS * step_y)
        _draw_cell(sheet, corner, title, subtitle, picture)
    sheet.save(file, "PNG", optimize=True)


def _draw_cell(sheet: Image.Image, corner: tuple[int, int], title: str, subtitle: str, picture: Path) -> None:
    x, y = corner
    draw = ImageDraw.Draw(sheet)
    draw.text((x, y), title, fill=_INK, font=ImageFont.load_default(15))
    draw.text((x, y + 17), subtitle, fill=_FAINT, font=ImageFont.load_default(12))
    with Image.open(picture) as full:
        thumb = full.convert("RGB")
    thumb.thumbnail((_THUMB_PX, _THUMB_PX), Image.Resampling.LANCZOS)
    left, top = x + (_THUMB_PX - thumb.width) // 2, y + _LABEL_PX + (_THUMB_PX - thumb.height) // 2
    sheet.paste(thumb, (left, top))
