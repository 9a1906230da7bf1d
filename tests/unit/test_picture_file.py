"""Pictures of a job on disk: each comes back as it was, whoever asks, and nothing is left behind."""

import errno
import os
import resource
from concurrent.futures import ThreadPoolExecutor

import pytest

from quel.adapters.picture_file import PictureFile, picture_file
from quel.core.errors import ServiceUnavailable
from quel.core.outcome import PictureBytes

MB = 1024 * 1024


def picture(number: int, size_bytes: int = MB) -> PictureBytes:
    return PictureBytes(bytes([number]) * size_bytes, f"image/{number}")


def test_pictures_come_back_as_they_were_whoever_adds_and_reads_them():
    with picture_file() as pictures, ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: pictures.add(number, picture(number)), range(40)))
        assert list(threads.map(pictures.__getitem__, range(40))) == [picture(number) for number in range(40)]
        assert (len(pictures), 39 in pictures, 40 in pictures) == (40, True, False)


def test_a_file_of_many_pictures_holds_little_memory_and_has_no_name(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with picture_file() as pictures:
        for number in range(200):
            pictures.add(number, picture(number))
        assert list(tmp_path.iterdir()) == []
        assert pictures[199] == picture(199)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 1024  # kilobytes


def test_a_full_disk_is_an_outage_that_says_so():
    class Full:
        def seek(self, at):
            return at

        def write(self, data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    pictures = PictureFile(Full())  # type: ignore[arg-type]
    with pytest.raises(ServiceUnavailable, match="temporary files takes no more pictures"):
        pictures.add(1, picture(1))
    assert 1 not in pictures
