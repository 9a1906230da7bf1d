"""Bytes on their way between stages: a cache with a lifetime, of what can be fetched or bought again.

Two pools, prepared inputs and provider answers, each with a known sum of bytes that gates new work. A put is
refused only where the server would be left without its reserve. Pictures are sent and read in slices: what is
on its way lies in the server's memory, and many at once would fill it.

quel:blob:{pool}:…       string: MIME type, line feed, picture
quel:blob:coming:{uuid}  string: a picture that is being sent
quel:takes:{job}:{eight} hash: item/image number → thumbnail of its take, for its siblings (ten kilobytes)
"""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from uuid import UUID, uuid4

import redis
from redis.exceptions import OutOfMemoryError

from quel.adapters.redis.client import redis_errors
from quel.adapters.redis.room import ASKED, Room
from quel.core.errors import NoRoom
from quel.core.outcome import PictureBytes
from quel.core.persist_output import ENCODED
from quel.core.redis_room import BEFORE_INPUTS, FOR_ANSWERS, FOR_INPUTS
from quel.core.series import lead_digest
from quel.core.takes import COMPARED

_TTL_MS = {"in": 24 * 3600 * 1000, "out": 48 * 3600 * 1000}
_COMING_MS = 60_000
_TAKES_MS = 6 * 3600 * 1000
_READ_BYTES = 64 * 1024
_WRITE_BYTES = 32 * 1024
_WIDE_BYTES = 1024 * 1024  # of a slice while the server has plenty of room
_SCRIPT = Path(__file__).with_name("blobs.lua").read_text(encoding="utf-8")


class Pool(StrEnum):
    """What a blob is: a picture the provider will be shown, or its answer."""

    INPUTS = "in"
    OUTPUTS = "out"


def total_key(pool: Pool) -> str:
    """The key that holds a pool's sum of bytes."""
    return f"quel:blobs:{pool}:bytes"


class Blobs:
    """Puts, gets and drops encoded pictures. Every method raises ServiceUnavailable, a put also NoRoom."""

    def __init__(self, client: redis.Redis, *, budget_bytes: int) -> None:
        self._client = client
        self._room = Room(client)
        self._script = client.register_script(_SCRIPT)
        self._pool_budget_bytes = budget_bytes // 2

    def put_input(self, job_id: UUID, digest: str, picture: PictureBytes) -> str:
        """Keeps a picture of a job under its content's digest; the key."""
        key = self.input_key(job_id, digest)
        self._put(Pool.INPUTS, key, picture, leaving=FOR_INPUTS)
        return key

    def input_key(self, job_id: UUID, digest: str) -> str:
        """What a job's picture of that digest is kept under."""
        return f"quel:blob:in:{job_id}:{digest}"

    def put_output(self, job_id: UUID, image_no: int, picture: PictureBytes) -> None:
        """Keeps the provider's answer for an image."""
        self._put(Pool.OUTPUTS, _output_key(job_id, image_no), picture, leaving=FOR_ANSWERS)

    def keep_webp(self, job_id: UUID, image_no: int, webp: bytes) -> None:
        """Keeps an answer as the WebP it will be stored as, and then forgets the answer."""
        picture = PictureBytes(webp, ENCODED)
        self._put(Pool.OUTPUTS, _webp_key(job_id, image_no), picture, leaving=FOR_ANSWERS)
        self._drop(Pool.OUTPUTS, [_output_key(job_id, image_no)])

    def output(self, job_id: UUID, image_no: int) -> PictureBytes | None:
        """The provider's answer for an image, if it is kept: as WebP where it is encoded already."""
        with redis_errors():
            return self._read(_output_key(job_id, image_no)) or self._read(_webp_key(job_id, image_no))

    def size_bytes(self, keys: Sequence[str]) -> int:
        """What the pictures under `keys` have together; one that is gone has nothing."""
        with redis_errors():
            pipeline = self._client.pipeline(transaction=False)
            for key in keys:
                pipeline.strlen(key)
            return sum(pipeline.execute())

    def inputs_and_output(
        self, keys: Sequence[str], job_id: UUID, image_no: int
    ) -> tuple[list[PictureBytes | None], PictureBytes | None]:
        """The pictures of a request and the image's answer; None for what is gone."""
        return self.get(keys), self.output(job_id, image_no)

    def get(self, keys: Sequence[str]) -> list[PictureBytes | None]:
        """The blobs under `keys`, None for those that are gone."""
        with redis_errors():
            return [self._read(key) for key in keys]

    def has_outputs(self, images: Sequence[tuple[UUID, int]]) -> list[bool]:
        """For each (job_id, image_no), whether its answer is kept."""
        with redis_errors():
            pipeline = self._client.pipeline(transaction=False)
            for job_id, image_no in images:
                pipeline.exists(*_answer_keys(job_id, image_no))
            return [bool(exists) for exists in pipeline.execute()]

    def drop_output(self, job_id: UUID, image_no: int) -> None:
        """Forgets the answer for an image."""
        self._drop(Pool.OUTPUTS, _answer_keys(job_id, image_no))

    def exchange_thumbnails(self, job_id: UUID, item: str, image_no: int, thumbnail: bytes) -> list[bytes]:
        """Adds what a take looks like to its item's, and tells those that were there before it."""
        key, own = _takes_key(job_id, image_no), _take_field(item, image_no)
        with redis_errors():
            pipeline = self._client.pipeline(transaction=True)
            pipeline.hgetall(key)
            pipeline.hset(key, own, thumbnail)
            pipeline.pexpire(key, _TAKES_MS)
            before: dict[bytes, bytes] = pipeline.execute()[0]
        of_item = _take_field(item, "").encode()
        return [
            look
            for field, look in sorted(before.items())
            if field.startswith(of_item) and field != own.encode()
        ]

    def drop_thumbnail(self, job_id: UUID, item: str, image_no: int) -> None:
        """Forgets what a take looked like that was not kept."""
        with redis_errors():
            self._client.hdel(_takes_key(job_id, image_no), _take_field(item, image_no))

    def drop_job(self, job_id: UUID, picture_keys: Sequence[str], images: int) -> None:
        """Forgets everything of a job with `images` images."""
        leads = [self.input_key(job_id, lead_digest(number)) for number in range(images)]
        if picture_keys or leads:
            self._drop(Pool.INPUTS, [*picture_keys, *leads])
        if images:
            answers = [key for number in range(images) for key in _answer_keys(job_id, number)]
            self._drop(Pool.OUTPUTS, answers)
            with redis_errors():
                self._client.unlink(*(_takes_key(job_id, number) for number in range(0, images, COMPARED)))

    def inputs_full(self) -> bool:
        """Whether inputs fill their half of the budget or the server, so that no further job is prepared."""
        with redis_errors():
            kept_bytes = int(self._client.get(total_key(Pool.INPUTS)) or 0)
        return kept_bytes >= self._pool_budget_bytes or not self._room.has(leaving=BEFORE_INPUTS)

    def _put(self, pool: Pool, key: str, picture: PictureBytes, *, leaving: float) -> None:
        packed = picture.mime_type.encode() + b"\n" + picture.data
        asked = self._room.ask(len(packed), leaving=leaving)
        if asked is None:
            raise NoRoom("Redis has no room for a picture.")
        coming = f"quel:blob:coming:{uuid4().hex}"
        with redis_errors():
            try:
                self._send(coming, packed)
            except OutOfMemoryError:
                self._client.unlink(coming)
                raise NoRoom("Redis is full.") from None
            self._script(keys=[*_pool_keys(pool), key], args=["kept", _TTL_MS[pool], asked, coming])

    def _send(self, key: str, packed: bytes) -> None:
        """Writes in slices: for a long argument the server would keep a buffer of twice its length.

        The last one comes first, so that the value has its length at once and never grows by doubling.
        """
        size = _WIDE_BYTES if self._room.is_wide() else _WRITE_BYTES
        pipeline = self._client.pipeline(transaction=False)
        for at in reversed(range(0, len(packed), size)):
            pipeline.setrange(key, at, packed[at : at + size])
        pipeline.pexpire(key, _COMING_MS)
        pipeline.execute()

    def _drop(self, pool: Pool, keys: Sequence[str]) -> None:
        with redis_errors():
            self._script(keys=[*_pool_keys(pool), *keys], args=["drop", _TTL_MS[pool]])

    def _read(self, key: str) -> PictureBytes | None:
        packed = bytearray()
        size = _WIDE_BYTES if self._room.is_wide() else _READ_BYTES
        while True:
            part = self._client.getrange(key, len(packed), len(packed) + size - 1)
            packed += part  # type: ignore[arg-type]  # no client of quel's decodes
            if len(part) < size:
                return _unpack(packed) if packed else None


def _pool_keys(pool: Pool) -> tuple[str, str, str, str]:
    return f"quel:blobs:{pool}:expiry", f"quel:blobs:{pool}:sizes", total_key(pool), ASKED


def _output_key(job_id: UUID, image_no: int) -> str:
    return f"quel:blob:out:{job_id}:{image_no}"


def _takes_key(job_id: UUID, image_no: int) -> str:
    return f"quel:takes:{job_id}:{image_no // COMPARED}"


def _take_field(item: str, image_no: int | str) -> str:
    return f"{item}/{image_no}"


def _webp_key(job_id: UUID, image_no: int) -> str:
    return f"{_output_key(job_id, image_no)}:webp"


def _answer_keys(job_id: UUID, image_no: int) -> list[str]:
    return [_output_key(job_id, image_no), _webp_key(job_id, image_no)]


def _unpack(packed: bytearray) -> PictureBytes:
    end_of_type = packed.index(b"\n")
    return PictureBytes(bytes(memoryview(packed)[end_of_type + 1 :]), packed[:end_of_type].decode())
