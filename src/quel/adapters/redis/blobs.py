"""Bytes on their way between stages: a cache with a lifetime, of what can be fetched or bought again.

Two pools, prepared inputs and provider answers, each with a known sum of bytes that gates new work. A put
is never refused: what has been paid for is kept.
"""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from uuid import UUID

import redis

from quel.adapters.redis.client import redis_errors
from quel.core.outcome import PictureBytes

_TTL_MS = {"in": 24 * 3600 * 1000, "out": 48 * 3600 * 1000}
_SCRIPT = Path(__file__).with_name("blobs.lua").read_text(encoding="utf-8")


class Pool(StrEnum):
    """What a blob is: a picture the provider will be shown, or its answer."""

    INPUTS = "in"
    OUTPUTS = "out"


def total_key(pool: Pool) -> str:
    """The key that holds a pool's sum of bytes."""
    return f"quel:blobs:{pool}:bytes"


class Blobs:
    """Puts, gets and drops encoded pictures. Every method raises ServiceUnavailable."""

    def __init__(self, client: redis.Redis, *, budget_bytes: int) -> None:
        self._client = client
        self._script = client.register_script(_SCRIPT)
        self._pool_budget_bytes = budget_bytes // 2

    def put_input(self, job_id: UUID, digest: str, picture: PictureBytes) -> str:
        """Keeps a picture of a job under its content's digest; the key."""
        key = f"quel:blob:in:{job_id}:{digest}"
        self._put(Pool.INPUTS, key, picture)
        return key

    def put_output(self, job_id: UUID, image_no: int, picture: PictureBytes) -> None:
        """Keeps the provider's answer for an image."""
        self._put(Pool.OUTPUTS, _output_key(job_id, image_no), picture)

    def output(self, job_id: UUID, image_no: int) -> PictureBytes | None:
        """The provider's answer for an image, if it is kept."""
        return self.get([_output_key(job_id, image_no)])[0]

    def inputs_and_output(
        self, keys: Sequence[str], job_id: UUID, image_no: int
    ) -> tuple[list[PictureBytes | None], PictureBytes | None]:
        """The pictures of a request and the image's answer, in one round trip; None for what is gone."""
        *inputs, output = self.get([*keys, _output_key(job_id, image_no)])
        return inputs, output

    def get(self, keys: Sequence[str]) -> list[PictureBytes | None]:
        """The blobs under `keys`, None for those that are gone."""
        with redis_errors():
            return [_unpack(value) for value in self._client.mget(list(keys))]

    def has_outputs(self, images: Sequence[tuple[UUID, int]]) -> list[bool]:
        """For each (job_id, image_no), whether its answer is kept."""
        with redis_errors():
            pipeline = self._client.pipeline(transaction=False)
            for job_id, image_no in images:
                pipeline.exists(_output_key(job_id, image_no))
            return [bool(exists) for exists in pipeline.execute()]

    def drop_output(self, job_id: UUID, image_no: int) -> None:
        """Forgets the answer for an image."""
        self._drop(Pool.OUTPUTS, [_output_key(job_id, image_no)])

    def drop_job(self, job_id: UUID, picture_keys: Sequence[str], images: int) -> None:
        """Forgets everything of a job with `images` images."""
        if picture_keys:
            self._drop(Pool.INPUTS, picture_keys)
        if images:
            self._drop(Pool.OUTPUTS, [_output_key(job_id, number) for number in range(images)])

    def inputs_full(self) -> bool:
        """Whether prepared inputs fill their half of the budget, so that no further job is prepared."""
        with redis_errors():
            return int(self._client.get(total_key(Pool.INPUTS)) or 0) >= self._pool_budget_bytes

    def _put(self, pool: Pool, key: str, picture: PictureBytes) -> None:
        packed = picture.mime_type.encode() + b"\n" + picture.data
        with redis_errors():
            self._script(keys=[*_pool_keys(pool), key], args=["put", _TTL_MS[pool], packed])

    def _drop(self, pool: Pool, keys: Sequence[str]) -> None:
        with redis_errors():
            self._script(keys=[*_pool_keys(pool), *keys], args=["drop", _TTL_MS[pool]])


def _pool_keys(pool: Pool) -> tuple[str, str, str]:
    return f"quel:blobs:{pool}:expiry", f"quel:blobs:{pool}:sizes", total_key(pool)


def _output_key(job_id: UUID, image_no: int) -> str:
    return f"quel:blob:out:{job_id}:{image_no}"


def _unpack(value: object) -> PictureBytes | None:
    if not isinstance(value, bytes):
        return None
    mime_type, _, data = value.partition(b"\n")
    return PictureBytes(data, mime_type.decode())
