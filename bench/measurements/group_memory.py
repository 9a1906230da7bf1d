"""The peak memory of each actor group at its manifest's threads, under the worst job that is legal.

Each of the first jobs names more references than are used, as large in bytes or pixels as they may be; the
last one's images are made at once, each from as many pictures of four megabytes as a model is shown.
"""

import io
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from uuid import UUID

from deploy import ROOT
from deploy.manifests import render
from deploy.policies import option, queues, workloads
from PIL import Image

from bench.bed import Bed
from bench.figures import Figure, Measured, Options
from bench.usage import largest_peak_bytes
from bench.worst_pictures import WORST

TITLE = "Memory of each actor group under the worst legal job"
_SHARE = 0.7  # of the manifest's limit: the rest is for what nobody thought of
_PROVIDER_S = 5.0
_UNITS = {"Mi": 2**20, "Gi": 2**30}
_REFERENCES = 300
_MOST_PIXELS = (8000, 6400)
_NOISE_PX = 2880  # 24.9 MB as RGB
_QUALITY = 78  # 3.85 MB of a 3072×3072 picture of coarse noise


@dataclass(frozen=True)
class _Group:
    name: str
    queues: tuple[str, ...]
    threads: int
    limit_bytes: int


def measure(options: Options) -> Measured:
    """All groups work side by side, a process each, as many as there are CPUs for."""
    with Bed(latency_s=_PROVIDER_S, QUEL_BLOB_BUDGET_BYTES=str(2**30)) as bed, ExitStack() as stack:
        running = {
            group: stack.enter_context(bed.workers(processes=1, threads=group.threads, queues=group.queues))
            for group in _groups()
        }
        prepared, shown = _preparing(bed, options), _showing(bed, options)
        bed.finish([shown], timeout_s=900)
        bed.finish(prepared, timeout_s=1800)
        peaks = {group: largest_peak_bytes(process.pid) for group, process in running.items()}
    return Measured(
        [
            Figure(
                f"{group.name}, {group.threads} threads",
                peak / 1e6,
                "MB",
                at_most=round(_SHARE * group.limit_bytes / 1e6),
            )
            for group, peak in peaks.items()
        ]
    )


def _groups() -> Iterator[_Group]:
    for name, _, container in workloads(render(ROOT / "deploy/base")):
        if queues(container):
            number, unit = re.fullmatch(r"(\d+)(\w+)", container["resources"]["limits"]["memory"]).groups()  # type: ignore[union-attr]
            threads = int(option(container, "--threads") or 8)
            role = name.rpartition("quel-")[2]
            yield _Group(role, tuple(queues(container)), threads, int(number) * _UNITS[unit])


def _preparing(bed: Bed, options: Options) -> list[UUID]:
    """As many jobs as there are threads to prepare them: most bytes, most pixels, most bytes kept."""
    kinds = [_most_bytes(), WORST["PNG, RGBA"](_MOST_PIXELS), _most_kept(), _most_kept()]
    paths = [bed.studio.attach(data, "reference.png") for data in kinds]
    rows = {
        id_: bed.studio.rows("SELECT attach_file_path AS path FROM quel_attach WHERE attach_id = %s", id_)
        for id_ in paths
    }
    stored = [str(rows[id_][0]["path"]) for id_ in paths]
    jobs = []
    for _ in range(options.choose(4, 1)):
        ids = [bed.studio.attachment_row(stored[number % 4]) for number in range(_REFERENCES)]
        references = [{"attachId": id_, "type": "prop"} for id_ in ids]
        jobs.append(_job(bed, references, images=1))
    return jobs


def _showing(bed: Bed, options: Options) -> UUID:
    """Six pictures to be shown with every image: the place, three actors, a garment and a prop."""
    types = ("background", "actor", "actor", "actor", "top", "prop")
    references = [{"attachId": bed.studio.attach(_most_kept(), "it.jpg"), "type": type_} for type_ in types]
    return _job(bed, references, images=options.choose(48, 16))


def _job(bed: Bed, references: list[dict[str, object]], *, images: int) -> UUID:
    order = {
        "basePrompt": "A quiet street",
        "individualImageAttachIds": references,
        "combinations": [{"angle": "front", "shot": "full", "quantity": images}],
        "aspect-ratio": "16:9",
    }
    return bed.studio.job("single_batch", order, total_images=images, member=bed.member, path="cinema")


def _most_bytes() -> bytes:
    """A PNG of noise, just below the 25 MB that a reference may have."""
    picture = Image.frombytes("RGB", (_NOISE_PX, _NOISE_PX), os.urandom(3 * _NOISE_PX**2))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=0)
    return buffer.getvalue()


def _most_kept() -> bytes:
    """A JPEG of just below 4 MB at the largest edge that is sent, which therefore goes through as it is."""
    picture = Image.frombytes("L", (1536, 1536), os.urandom(1536**2)).resize((3072, 3072)).convert("RGB")
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()
