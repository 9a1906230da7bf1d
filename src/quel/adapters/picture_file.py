"""Pictures of a job on disk: the first few megabytes stay in memory, and nothing outlives the process.

The file has no name, so that whatever dies leaves nothing behind in the pod's /tmp.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import SpooledTemporaryFile
from threading import Lock
from typing import IO

from quel.core.errors import ServiceUnavailable
from quel.core.outcome import PictureBytes
from quel.core.prompting.picture import PictureId

_IN_MEMORY_BYTES = 8 * 1024 * 1024  # what most jobs show needs no disk


@contextmanager
def picture_file() -> Iterator["PictureFile"]:
    """An empty file for one job, gone when the block ends. Raises ServiceUnavailable (see `PictureFile`)."""
    with SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as file:
        yield PictureFile(file)


class PictureFile:
    """Implements the port over an open file. Thread-safe."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._lock = Lock()
        self._end = 0
        self._places: dict[PictureId, tuple[int, int, str]] = {}  # which -> first byte, bytes, MIME type

    def add(self, which: PictureId, picture: PictureBytes) -> None:
        """Keeps a picture. Raises ServiceUnavailable where the disk is full or not to be written."""
        with self._lock:
            try:
                self._file.seek(self._end)
                self._file.write(picture.data)
                self._file.flush()
            except OSError as error:
                raise ServiceUnavailable(
                    f"The folder for temporary files takes no more pictures ({error.strerror})."
                ) from None
            self._places[which] = (self._end, len(picture.data), picture.mime_type)
            self._end += len(picture.data)

    def __contains__(self, which: PictureId) -> bool:
        return which in self._places

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, which: PictureId) -> PictureBytes:
        """The picture, read anew. Raises KeyError."""
        at, size_bytes, mime_type = self._places[which]
        with self._lock:
            self._file.seek(at)
            return PictureBytes(self._file.read(size_bytes), mime_type)
