"""Draws all results on one sheet, a card a job, to see at a glance what was made."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

SHEET_WIDTH_PX = 1640
THUMB_HEIGHT_PX = 220
MARGIN_PX, GAP_PX, PADDING_PX = 36, 20, 16
HEADING_PX, LABEL_PX = 72, 52
CARD_HEIGHT_PX = 2 * PADDING_PX + LABEL_PX + THUMB_HEIGHT_PX

PAPER, CARD, EDGE = (244, 242, 238), (255, 255, 255), (226, 222, 214)
INK, FAINT = (30, 30, 34), (122, 120, 116)


@dataclass(frozen=True)
class Card:
    """One job's pictures, in order, under a title and a line of facts."""

    title: str
    facts: str
    pictures: Sequence[Path]


def draw_contact_sheet(heading: str, cards: Sequence[Card], file: Path) -> None:
    """Writes a PNG: the cards in their order, as many in a row as fit."""
    rows = list(_rows([_draw_card(card) for card in cards]))
    step_px = CARD_HEIGHT_PX + GAP_PX
    height = 2 * MARGIN_PX + HEADING_PX + len(rows) * step_px - GAP_PX
    sheet = Image.new("RGB", (SHEET_WIDTH_PX, height), PAPER)
    ImageDraw.Draw(sheet).text((MARGIN_PX, MARGIN_PX), heading, INK, _font(34))
    for number, row in enumerate(rows):
        left = MARGIN_PX
        for card in row:
            sheet.paste(card, (left, MARGIN_PX + HEADING_PX + number * step_px))
            left += card.width + GAP_PX
    sheet.save(file, "PNG")


def _rows(cards: Sequence[Image.Image]) -> Iterator[list[Image.Image]]:
    room = SHEET_WIDTH_PX - 2 * MARGIN_PX
    row: list[Image.Image] = []
    for card in cards:
        if row and sum(one.width + GAP_PX for one in row) + card.width > room:
            yield row
            row = []
        row.append(card)
    yield row


def _draw_card(card: Card) -> Image.Image:
    thumbs = _within([_thumbnail(picture) for picture in card.pictures])
    title, facts = _font(21), _font(15)
    label_width = int(max(title.getlength(card.title), facts.getlength(card.facts)))
    strip_width = _strip_width(thumbs)
    width = 2 * PADDING_PX + max(label_width, strip_width)
    canvas = Image.new("RGB", (width, CARD_HEIGHT_PX), PAPER)
    pen = ImageDraw.Draw(canvas)
    pen.rounded_rectangle((0, 0, width - 1, CARD_HEIGHT_PX - 1), 10, CARD, EDGE)
    pen.text((PADDING_PX, PADDING_PX - 4), card.title, INK, title)
    pen.text((PADDING_PX, PADDING_PX + 22), card.facts, FAINT, facts)
    left = PADDING_PX
    for thumb in thumbs:
        canvas.paste(thumb, (left, PADDING_PX + LABEL_PX))
        left += thumb.width + PADDING_PX // 2
    return canvas


def _strip_width(thumbs: Sequence[Image.Image]) -> int:
    return sum(thumb.width for thumb in thumbs) + PADDING_PX // 2 * (len(thumbs) - 1)


def _within(thumbs: list[Image.Image]) -> list[Image.Image]:
    """The pictures of one card, smaller where they would be wider than the sheet together."""
    share = (SHEET_WIDTH_PX - 2 * MARGIN_PX - 2 * PADDING_PX) / _strip_width(thumbs)
    if share >= 1:
        return thumbs
    return [thumb.resize((int(thumb.width * share), int(thumb.height * share))) for thumb in thumbs]


def _thumbnail(picture: Path) -> Image.Image:
    with Image.open(picture) as full:
        width = round(full.width * THUMB_HEIGHT_PX / full.height)
        return full.convert("RGB").resize((width, THUMB_HEIGHT_PX), Image.Resampling.LANCZOS)


def _font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size_px)
