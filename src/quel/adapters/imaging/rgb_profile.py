"""Builds the colour profile of an RGB space from its primaries and its curve.

ICC.1:2022: a matrix and one curve for all three colours; white is adapted to D50 by Bradford's matrix.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

Matrix = tuple[tuple[float, ...], ...]
Chromaticity = tuple[float, float]

_D50 = (0.9642, 1.0, 0.8249)
_BRADFORD: Matrix = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))


@dataclass(frozen=True)
class RgbSpace:
    """Chromaticities of white, red, green and blue, and the exponent that makes light of a value.

    `gamma` None is sRGB's own curve.
    """

    white: Chromaticity
    red: Chromaticity
    green: Chromaticity
    blue: Chromaticity
    gamma: float | None = None


def profile_bytes(space: RgbSpace) -> bytes:
    """An ICC profile of the space. Raises ValueError for primaries that span none."""
    colorants = _adapted_colorants(space)
    curve = _curve(space.gamma)
    bodies = {b"wtpt": _xyz(_D50)}
    bodies |= zip((b"rXYZ", b"gXYZ", b"bXYZ"), map(_xyz, colorants), strict=True)
    bodies |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    at = 128 + 4 + 12 * len(bodies)
    table, content = struct.pack(">I", len(bodies)), b""
    for name, body in bodies.items():
        table += name + struct.pack(">II", at + len(content), len(body))
        content += body
    header = struct.pack(">II4s4s4s4s", at + len(content), 0, b"\x04\x00\x00\x00", b"mntr", b"RGB ", b"XYZ ")
    header += bytes(12) + b"acsp" + bytes(28) + _fixed(_D50) + bytes(48)
    return header + table + content


def _curve(gamma: float | None) -> bytes:
    srgb = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)  # IEC 61966-2-1
    kind, numbers = (3, srgb) if gamma is None else (0, (gamma,))
    return b"para" + bytes(4) + struct.pack(">HH", kind, 0) + _fixed(numbers)


def _xyz(values: Sequence[float]) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(values)


def _fixed(values: Sequence[float]) -> bytes:
    try:
        return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))
    except (struct.error, OverflowError) as error:
        raise ValueError("A colour beyond what a profile can hold.") from error


def _adapted_colorants(space: RgbSpace) -> Matrix:
    """XYZ of red, green and blue at full strength, as the eye that is used to D50 sees them."""
    white = _from_chromaticity(space.white)
    primaries = _columns([_from_chromaticity(each) for each in (space.red, space.green, space.blue)])
    strengths = _times(_inverse(primaries), white)
    wide = _times(_BRADFORD, white)
    ratios = [to / of for to, of in zip(_times(_BRADFORD, _D50), wide, strict=True)]
    back = _inverse(_BRADFORD)
    colorants = []
    for primary, strength in zip(_columns(primaries), strengths, strict=True):
        cones = _times(_BRADFORD, [value * strength for value in primary])
        colorants.append(_times(back, [value * ratio for value, ratio in zip(cones, ratios, strict=True)]))
    return tuple(colorants)


def _from_chromaticity(chromaticity: Chromaticity) -> tuple[float, ...]:
    x, y = chromaticity
    if y <= 0:
        raise ValueError("A chromaticity without brightness.")
    return (x / y, 1.0, (1 - x - y) / y)


def _columns(rows: Sequence[Sequence[float]]) -> Matrix:
    return tuple(zip(*rows, strict=True))


def _times(matrix: Matrix, vector: Sequence[float]) -> tuple[float, ...]:
    return tuple(sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix)


def _inverse(matrix: Matrix) -> Matrix:
    (a, b, c), (d, e, f), (g, h, i) = matrix
    cofactors = (
        (e * i - f * h, c * h - b * i, b * f - c * e),
        (f * g - d * i, a * i - c * g, c * d - a * f),
        (d * h - e * g, b * g - a * h, a * e - b * d),
    )
    determinant = a * cofactors[0][0] + b * cofactors[1][0] + c * cofactors[2][0]
    if abs(determinant) < 1e-9:
        raise ValueError("Primaries on one line.")
    return tuple(tuple(value / determinant for value in row) for row in cofactors)
