"""What a picture costs in memory is bounded, whatever it is: measured in a process of its own each.

`python -m bench decoding` measures every format at the pixel limit; here is what takes a second.
"""

import json
import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from bench.worst_pictures import WORST
from PIL import Image

from quel.adapters.imaging import PillowImaging, trial
from quel.adapters.imaging.cost import cost_bytes
from quel.adapters.imaging.opening import open_picture
from quel.adapters.imaging.part import Part
from quel.adapters.imaging.reference import fitting_size
from quel.core.errors import ServiceUnavailable
from quel.sandbox.processes import REPOSITORY
from tests.unit.test_imaging_reference import encoded

SIZE_PX = (4896, 3672)  # 18 megapixels
MB = 1_000_000


def worked_on(directory, data):
    path = directory / "picture"
    path.write_bytes(data)
    command = [sys.executable, "-m", "bench.decoding_child", str(path)]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return json.loads(result.stdout)


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width, height, *chunks):
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join((chunk(b"IHDR", header), *chunks, chunk(b"IEND", b"")))


@pytest.mark.parametrize(
    ("name", "bytes_a_pixel"), [("PNG, RGBA", 4), ("PNG, grey 16 bit", 2), ("PNG, palette", 1)]
)
def test_a_large_picture_takes_little_more_than_its_pixels_as_decoded(tmp_path, name, bytes_a_pixel):
    done = worked_on(tmp_path, WORST[name](SIZE_PX))
    assert done["said"] == "image/jpeg"
    assert done["grown_bytes"] < done["pixels"] * bytes_a_pixel + 75 * MB  # 28 MB of them the result
    assert done["grown_bytes"] < done["estimated_bytes"]


@pytest.mark.parametrize("name", WORST)
def test_every_format_is_reckoned_with_before_it_is_decoded(name):
    with open_picture(Part(WORST[name]((64, 48))), 52_000_000) as picture:
        small = cost_bytes(picture, fitting_size(picture.size))
    with open_picture(Part(WORST[name]((256, 192))), 52_000_000) as picture:
        assert cost_bytes(picture, fitting_size(picture.size)) > small


def test_poison_is_refused_with_its_sentence_before_it_takes_memory(tmp_path):
    rows = zlib.compress(bytes(150_000_000), 9)
    bomb = png(10_000, 15_000, *[chunk(b"IDAT", rows)] * 4)
    wide = png(26_000_000, 2, chunk(b"IDAT", zlib.compress(bytes(1000))))
    with ThreadPoolExecutor(2) as pool:
        folders = [tmp_path / "bomb", tmp_path / "wide"]
        for folder in folders:
            folder.mkdir()
        refused = list(pool.map(worked_on, folders, [bomb, wide]))
    assert refused[0]["said"] == "The file has 10000×15000 pixels, more than the 52 million allowed."
    assert refused[1]["said"] == "The file has 26000000×2 pixels, and no edge may be longer than 65,535."
    assert all(each["grown_bytes"] < 30 * MB for each in refused)


def coded_larger_than_said(kind):
    """One frame or tile of many megapixels, in a picture that is 64×64 by its header."""
    if kind == "TIFF":
        edge = 5000
        tile = zlib.compress(bytes(edge * edge))
        tags = {
            256: 64,
            257: 64,
            258: 8,
            259: 8,
            262: 1,
            277: 1,
            322: edge,
            323: edge,
            324: 134,
            325: len(tile),
        }
        entries = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items()]
        return struct.pack("<4sIH", b"II*\0", 8, len(entries)) + b"".join((*entries, bytes(4), tile))
    size_px, options = ((6000, 4000), {"speed": 10}) if kind == "AVIF" else ((1200, 1200), {"chroma": 420})
    data = bytearray(encoded(Image.new("RGB", size_px, (90, 20, 200)), kind, quality=10, **options))
    at = data.index(b"ispe") + 8
    data[at : at + 8] = struct.pack(">II", 64, 64)
    return bytes(data)


@pytest.mark.parametrize("kind", ["AVIF", "HEIF", "TIFF"])
def test_a_picture_that_says_it_is_small_is_not_decoded_at_its_true_size(tmp_path, kind):
    done = worked_on(tmp_path, coded_larger_than_said(kind))
    assert done["said"] == "The file is damaged or cut off."
    assert done["grown_bytes"] < 50 * MB  # of them 30 of a process in which it is tried


def test_what_ends_the_process_of_a_trial_from_outside_is_not_the_pictures_fault(monkeypatch):
    monkeypatch.setattr(trial, "_TRY", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(ServiceUnavailable):
        PillowImaging().normalise(encoded(Image.new("RGB", (8, 8)), "TIFF"))


def test_of_thousands_of_frames_only_the_first_is_decoded(tmp_path):
    frames = [Image.new("L", (200, 200), grey % 256) for grey in range(2000)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    done = worked_on(tmp_path, data)
    assert done["said"] == "image/jpeg"
    assert done["grown_bytes"] < 30 * MB
