"""Images a second with an instant provider, against the codec alone and against Celery with the same stages.

The three take turns on the same cores, round after round, and the medians are compared: a busy machine then
slows all of them alike.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median

from bench.bed import Bed
from bench.figures import Figure, Measured, Options
from bench.machine import cores
from bench.peer import Peer
from quel.adapters.imaging import PillowImaging
from quel.sandbox.gemini.drawing import ready_made

TITLE = "Throughput with an instant provider"
_WARM_UP = 16
_JOB = 25
_MAX_PIXELS = 50_000_000


def measure(options: Options) -> Measured:
    """quel, the codec and Celery in turn."""
    images, rounds = options.choose(200, 50), options.choose(3, 1)
    rates: dict[str, list[float]] = {"codec": [], "quel": [], "celery": []}
    with Bed() as bed:
        peer = Peer(bed)
        for _ in range(rounds):
            rates["codec"].append(_codec(images))
            rates["quel"].append(_quel(bed, images))
            rates["codec"].append(_codec(images))
            rates["celery"].append(_celery(bed, peer, images))
    codec, quel, celery = (median(rates[name]) for name in ("codec", "quel", "celery"))
    return Measured(
        [
            Figure("codec alone", codec, "images/s"),
            Figure("quel", quel, "images/s"),
            Figure("Celery 5 with the same stages", celery, "images/s"),
            Figure("quel ÷ codec alone", quel / codec, "×", at_least=0.6),
            Figure("quel ÷ Celery", quel / celery, "×", at_least=1.0),
        ],
        rates,
    )


def _codec(images: int) -> float:
    """Decoding the PNG and encoding the WebP, a thread a core and nothing else."""
    png, imaging = ready_made(), PillowImaging(max_pixels=_MAX_PIXELS)
    with ThreadPoolExecutor(cores()) as pool:
        began = time.monotonic()
        for _ in pool.map(imaging.to_webp, [png] * images):
            pass
        return images / (time.monotonic() - began)


def _quel(bed: Bed, images: int) -> float:
    with bed.workers():
        bed.finish(bed.jobs(_WARM_UP, each=_WARM_UP))
        return images / bed.finish(bed.jobs(images, each=_JOB))


def _celery(bed: Bed, peer: Peer, images: int) -> float:
    with peer.workers():
        peer.finish(bed.jobs(_WARM_UP, each=_WARM_UP))
        return images / peer.finish(bed.jobs(images, each=_JOB))
