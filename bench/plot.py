"""Draws every figure that has an aim as a bar whose length is how much of the aim it uses, as an SVG."""

from html import escape

from bench.figures import Figure

_WIDTH, _ROW, _LEFT, _TOP = 1000, 26, 430, 56
_SCALE = 240  # pixels that stand for the aim itself
_LONGEST = 1.9
_REACHED, _MISSED, _INK, _FAINT = "#2f7d5b", "#c2542d", "#1c1c1e", "#8a8a90"


def draw(figures: list[Figure], machine: str) -> str:
    """The plot; `machine` is one line under the title."""
    held = [figure for figure in figures if figure.reached is not None]
    height = _TOP + _ROW * len(held) + 24
    aim_x = _LEFT + _SCALE
    rows = "".join(_bar(number, figure) for number, figure in enumerate(held))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'font-family="sans-serif" font-size="13" fill="{_INK}">'
        '<rect width="100%" height="100%" fill="#ffffff"/>'
        '<text x="16" y="24" font-size="16">Measured against the aim (the line)</text>'
        f'<text x="16" y="42" fill="{_FAINT}">{escape(machine)}</text>{rows}'
        f'<line x1="{aim_x}" x2="{aim_x}" y1="{_TOP - 4}" y2="{height - 16}" stroke="{_INK}"/></svg>\n'
    )


def _bar(number: int, figure: Figure) -> str:
    y = _TOP + _ROW * number
    length = round(_SCALE * min(_LONGEST, _share(figure)))
    colour = _REACHED if figure.reached else _MISSED
    value = f"{figure.value:.4g} {figure.unit} (aim {figure.aim})"
    return (
        f'<text x="{_LEFT - 10}" y="{y + 16}" text-anchor="end">{escape(figure.name)}</text>'
        f'<rect x="{_LEFT}" y="{y + 3}" width="{length}" height="{_ROW - 8}" fill="{colour}"/>'
        f'<text x="{_LEFT + max(length, _SCALE) + 8}" y="{y + 16}" fill="{_FAINT}">{escape(value)}</text>'
    )


def _share(figure: Figure) -> float:
    aim = figure.at_least if figure.at_least is not None else figure.at_most
    return figure.value / aim if aim else float(figure.value > 0)
