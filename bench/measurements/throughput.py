"""Images a second with an instant provider, against the codec alone and against Celery with the same stages.

The three take turns on the same cores, round after round, and the medians are compared: a busy machine then
slows all of them alike.
"""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import repeat
from statistics import median

from bench.bed import Bed
from bench.figures import Figure, Measured, Options
from bench.machine import cores
from bench.peer import Peer
from bench.usage import cpu_s
from quel.adapters.imaging import PillowImaging
from quel.core.provenance import DigitalSourceType
from quel.sandbox.gemini.drawing import ready_made

TITLE = "Throughput with an instant provider"
_WARM_UP = 16
_JOB = 25


@dataclass(frozen=True)
class _Rate:
    images_per_s: float
    cpu_ms: float  # of an image: workers, PostgreSQL, Redis, provider and Storage together


def measure(options: Options) -> Measured:
    """quel, the codec and Celery in turn."""
    images = options.choose(400, 50)
    rounds: list[dict[str, _Rate]] = []
    with Bed() as bed:
        peer = Peer(bed)
        for _ in range(options.choose(3, 1)):
            rounds.append({"codec": _codec(images), "quel": _quel(bed, images)})
            rounds.append({"codec": _codec(images), "celery": _celery(bed, peer, images)})
    codec, quel, celery = (_median(rounds, name) for name in ("codec", "quel", "celery"))
    return Measured(
        [
            Figure("codec alone", codec.images_per_s, "images/s"),
            Figure("quel", quel.images_per_s, "images/s"),
            Figure("Celery 5 with the same stages", celery.images_per_s, "images/s"),
            Figure("quel ÷ codec alone", quel.images_per_s / codec.images_per_s, "×", at_least=0.6),
            Figure("quel ÷ Celery", quel.images_per_s / celery.images_per_s, "×", at_least=1.0),
            Figure("CPU an image, codec alone", codec.cpu_ms, "ms"),
            Figure("CPU an image, quel with all its neighbours", quel.cpu_ms, "ms"),
            Figure("CPU an image, Celery with all its neighbours", celery.cpu_ms, "ms"),
        ],
        {"rounds": [{name: asdict(rate) for name, rate in each.items()} for each in rounds]},
    )


def _median(rounds: list[dict[str, _Rate]], name: str) -> _Rate:
    rates = [each[name] for each in rounds if name in each]
    return _Rate(median(rate.images_per_s for rate in rates), median(rate.cpu_ms for rate in rates))


def _rate(images: int, work: Callable[[], object]) -> _Rate:
    """How fast `work` makes `images` images; everything that runs is a descendant of this process."""
    began_s, began_cpu_s = time.monotonic(), cpu_s(os.getpid())
    work()
    return _Rate(
        images_per_s=images / (time.monotonic() - began_s),
        cpu_ms=1000 * (cpu_s(os.getpid()) - began_cpu_s) / images,
    )


def _codec(images: int) -> _Rate:
    """Decoding the PNG and encoding the WebP, a thread a core and nothing else."""
    answers, imaging = [ready_made()] * images, PillowImaging()
    says = repeat(DigitalSourceType.GENERATED)
    with ThreadPoolExecutor(cores()) as pool:
        return _rate(images, lambda: list(pool.map(imaging.to_webp, answers, says)))


def _quel(bed: Bed, images: int) -> _Rate:
    with bed.workers():
        bed.finish(bed.jobs(_WARM_UP, each=_WARM_UP))
        jobs = bed.jobs(images, each=_JOB)
        return _rate(images, lambda: bed.finish(jobs))


def _celery(bed: Bed, peer: Peer, images: int) -> _Rate:
    with peer.workers():
        peer.finish(bed.jobs(_WARM_UP, each=_WARM_UP))
        jobs = bed.jobs(images, each=_JOB)
        return _rate(images, lambda: peer.finish(jobs))
