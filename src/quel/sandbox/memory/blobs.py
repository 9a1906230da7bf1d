"""The cache of bytes, in memory: what is put stays until it is dropped or lost."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from quel.core.outcome import PictureBytes
from quel.core.persist_output import ENCODED
from quel.core.series import lead_digest
from quel.core.takes import COMPARED
from quel.sandbox.memory.trouble import Trouble

_PLENTY_BYTES = 10**9


class Blobs:
    """As quel.adapters.redis.blobs has it, but for lifetimes. Each pool has half of `budget_bytes`."""

    def __init__(self, *, budget_bytes: int = _PLENTY_BYTES) -> None:
        self.budget_bytes = budget_bytes
        self.inputs: dict[str, PictureBytes] = {}
        self.outputs: dict[tuple[UUID, int], PictureBytes] = {}
        self.looks: dict[tuple[UUID, int], dict[tuple[str, int], bytes]] = {}
        self.trouble = Trouble()

    def put_input(self, job_id: UUID, digest: str, picture: PictureBytes) -> str:
        """Keeps a picture the provider will be shown; the key."""
        self.trouble.meet("put_input")
        key = self.input_key(job_id, digest)
        self.inputs[key] = picture
        return key

    def input_key(self, job_id: UUID, digest: str) -> str:
        """What a job's picture of that digest is kept under."""
        return f"{job_id}:{digest}"

    def put_output(self, job_id: UUID, image_no: int, picture: PictureBytes) -> None:
        """Keeps the provider's answer; one that is kept already stays."""
        self.trouble.meet("put_output")
        self.outputs.setdefault((job_id, image_no), picture)

    def keep_webp(self, job_id: UUID, image_no: int, webp: bytes) -> None:
        """Keeps an answer as the WebP it will be stored as, in its place."""
        self.trouble.meet("keep_webp")
        self.outputs[job_id, image_no] = PictureBytes(webp, ENCODED)

    def output(self, job_id: UUID, image_no: int) -> PictureBytes | None:
        """The provider's answer, if it is kept."""
        self.trouble.meet("output")
        return self.outputs.get((job_id, image_no))

    def size_bytes(self, keys: Sequence[str]) -> int:
        """What the pictures under `keys` have together."""
        return sum(len(self.inputs[key].data) for key in keys if key in self.inputs)

    def inputs_and_output(
        self, keys: Sequence[str], job_id: UUID, image_no: int
    ) -> tuple[list[PictureBytes | None], PictureBytes | None]:
        """A request's pictures and the image's answer; None for what is gone."""
        self.trouble.meet("inputs_and_output")
        return [self.inputs.get(key) for key in keys], self.outputs.get((job_id, image_no))

    def has_outputs(self, images: Sequence[tuple[UUID, int]]) -> list[bool]:
        """For each (job_id, image_no), whether its answer is kept."""
        self.trouble.meet("has_outputs")
        return [image in self.outputs for image in images]

    def drop_output(self, job_id: UUID, image_no: int) -> None:
        """Forgets the answer for an image."""
        self.trouble.meet("drop_output")
        self.outputs.pop((job_id, image_no), None)

    def exchange_thumbnails(self, job_id: UUID, item: str, image_no: int, thumbnail: bytes) -> list[bytes]:
        """Adds what a take looks like to its item's, and tells what was there of others."""
        self.trouble.meet("exchange_thumbnails")
        kept = self.looks.setdefault((job_id, image_no // COMPARED), {})
        others = [look for (of, number), look in kept.items() if of == item and number != image_no]
        kept[item, image_no] = thumbnail
        return others

    def drop_thumbnail(self, job_id: UUID, item: str, image_no: int) -> None:
        """Forgets what a take looked like that was not kept."""
        self.trouble.meet("drop_thumbnail")
        self.looks.get((job_id, image_no // COMPARED), {}).pop((item, image_no), None)

    def drop_job(self, job_id: UUID, picture_keys: Sequence[str], images: int) -> None:
        """Forgets everything of a job."""
        self.trouble.meet("drop_job")
        for key in picture_keys:
            self.inputs.pop(key, None)
        for image_no in range(images):
            self.inputs.pop(self.input_key(job_id, lead_digest(image_no)), None)
            self.outputs.pop((job_id, image_no), None)
            self.looks.pop((job_id, image_no // COMPARED), None)

    def inputs_full(self) -> bool:
        """Whether no further job should be prepared for now."""
        return _bytes(self.inputs.values()) >= self.budget_bytes // 2

    def outputs_full(self) -> bool:
        """Whether too many answers wait to be stored for another call to begin."""
        return _bytes(self.outputs.values()) >= self.budget_bytes // 2

    def lose_everything(self) -> None:
        """What a flushed Redis has of them."""
        self.inputs.clear()
        self.outputs.clear()
        self.looks.clear()


def _bytes(pictures: Iterable[PictureBytes]) -> int:
    return sum(len(picture.data) for picture in pictures)
