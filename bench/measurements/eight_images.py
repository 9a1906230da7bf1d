"""A customer's eight images at a provider that takes two seconds: side by side, little longer than one."""

from statistics import median

from bench.bed import Bed
from bench.figures import Figure, Measured, Options

TITLE = "Eight images at a 2 s provider"
_PROVIDER_S = 2.0


def measure(options: Options) -> Measured:
    """From the push to `completed`."""
    with Bed(latency_s=_PROVIDER_S) as bed, bed.workers():
        bed.finish([bed.job(1)])
        walls_s = [bed.finish([bed.job(8)]) for _ in range(options.choose(7, 2))]
    ratio = median(walls_s) / _PROVIDER_S
    return Measured(
        [
            Figure("eight images", median(walls_s), "s"),
            Figure("eight images ÷ one call", ratio, "×", at_most=1.3),
        ],
        {"walls_s": walls_s},
    )
