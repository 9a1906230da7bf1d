"""`python -m tests.fuzz.colours`: pictures whose profiles, colour numbers and bytes nobody made on purpose.

Whatever a file says of its colours, it becomes an RGB picture of its own shape or is refused with a sentence:
no other exception leaves, nothing of the profile goes on to the provider, and a profile that cannot be used
leaves the pixels as they are.
"""

import io
import random
import struct
import sys
import warnings
import zlib
from collections import Counter
from collections.abc import Callable

from PIL import Image, ImageCms

from quel.adapters.imaging import PillowImaging, Workbench
from quel.adapters.imaging.rgb_profile import RgbSpace, profile_bytes
from quel.core.errors import ReferenceUnavailable
from quel.core.outcome import PictureBytes
from tests.fuzz.runner import refusal_of, run

SIZE_PX = (24, 16)
MODES = ("RGB", "RGBA", "P", "L", "LA", "CMYK", "1", "I;16")
FORMATS = {
    "PNG": {"RGB", "RGBA", "P", "L", "LA", "1", "I;16"},
    "JPEG": {"RGB", "L", "CMYK"},
    "TIFF": {"RGB", "RGBA", "P", "L", "LA", "CMYK", "1", "I;16"},
    "WEBP": {"RGB", "RGBA"},
    "AVIF": {"RGB", "RGBA"},
    "HEIF": {"RGB", "RGBA"},
}
_D65 = (0.3127, 0.329)
_PROFILES = (
    profile_bytes(RgbSpace(_D65, (0.68, 0.32), (0.265, 0.69), (0.15, 0.06))),
    profile_bytes(
        RgbSpace((0.3457, 0.3585), (0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001), gamma=1.8)
    ),
    ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes(),
    ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes(),
)
_WORDS = (
    *(b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\x00\x00\x00"),
    *(b"GRAY", b"CMYK", b"RGB ", b"abst", b"link", b"mft2", b"curv", b"para"),
)


class Colours:
    """Pictures decided by dice; `seen` counts how each ended."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._imaging = PillowImaging(Workbench(max_pixels=100_000))
        self.seen: Counter[str] = Counter()

    def live(self, number: int) -> None:
        """One picture from its file to what is sent. Raises AssertionError, or what left the imaging."""
        dice = random.Random(f"{self._seed}:{number}")
        data = hostile_picture(dice)
        sent: list[PictureBytes] = []
        refusal = refusal_of(lambda: sent.append(self._imaging.normalise(data)), ReferenceUnavailable)
        if refusal is not None:
            assert refusal.startswith("The file "), refusal
            assert len(refusal) < 200, refusal
            self.seen["refused"] += 1
            return
        with Image.open(io.BytesIO(sent[0].data)) as picture:
            picture.load()
            assert picture.mode == "RGB", picture.mode
            assert not {"icc_profile", "exif", "xmp"} & set(picture.info), picture.info.keys()
        self.seen[sent[0].mime_type] += 1

    def close(self) -> None:
        """Holds nothing."""


def hostile_picture(dice: random.Random) -> bytes:
    """A file decided by the dice alone."""
    kind = dice.choice(list(FORMATS))
    mode = dice.choice(sorted(FORMATS[kind]))
    noise = Image.effect_noise(SIZE_PX, 90)
    picture = Image.merge("RGB", [noise, noise.rotate(180), noise.transpose(Image.Transpose.FLIP_LEFT_RIGHT)])
    buffer = io.BytesIO()
    options = {"icc_profile": _hostile_profile(dice)} if dice.random() < 0.9 else {}
    _in_mode(picture, mode).save(buffer, kind, **options)
    data = buffer.getvalue()
    if kind == "PNG" and dice.random() < 0.4:
        data = _with_chunk(dice, data)
    for _ in range(dice.choice([0, 0, 0, 1, 3])):
        data = _flipped(dice, data)
    return data if dice.random() < 0.95 else data[: dice.randrange(len(data))]


def _in_mode(picture: Image.Image, mode: str) -> Image.Image:
    return picture.convert("L").convert("I;16") if mode == "I;16" else picture.convert(mode)


def _hostile_profile(dice: random.Random) -> bytes:
    profile = dice.choice(_PROFILES)
    for _ in range(dice.choice([0, 1, 1, 2, 8])):
        profile = dice.choice(_CHANGES)(dice, profile)
    return profile or b"\x00"


def _flipped(dice: random.Random, data: bytes) -> bytes:
    changed = bytearray(data or b"?")
    changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def _worded(dice: random.Random, data: bytes) -> bytes:
    at = dice.randrange(max(1, len(data) // 4)) * 4
    return data[:at] + dice.choice(_WORDS) + data[at + 4 :]


_CHANGES: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    _flipped,
    _worded,
    lambda dice, data: data[: dice.randrange(len(data) + 1)],
    lambda dice, data: data + dice.randbytes(dice.randrange(300)),
    lambda dice, data: data[:128] + dice.randbytes(max(0, len(data) - 128)),
)


def _with_chunk(dice: random.Random, data: bytes) -> bytes:
    """A colour chunk behind the header: space coding, gamma, chromaticities or a bare sRGB."""
    name, body = dice.choice(
        [
            (b"cICP", dice.randbytes(4)),
            (b"cICP", bytes([dice.choice([1, 2, 9, 12]), dice.choice([1, 8, 13, 16, 18]), 0, 1])),
            (b"gAMA", struct.pack(">I", dice.choice([0, 1, 45455, 100000, 2**32 - 1]))),
            (b"cHRM", struct.pack(">8I", *(dice.choice([0, 1, 31270, 33000, 2**32 - 1]) for _ in range(8)))),
            (b"sRGB", dice.randbytes(1)),
            (b"iCCP", b"x\x00\x00" + zlib.compress(dice.randbytes(300))),
        ]
    )
    chunk = struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    return data[:33] + chunk + data[33:]


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # Pillow's on broken tags
    sys.exit(run("colours", Colours))
