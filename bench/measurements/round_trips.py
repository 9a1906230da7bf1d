"""SQL statements, transactions, Redis commands and HTTP requests, an image and a job."""

from collections import Counter

from bench.bed import Bed
from bench.counts import counting_workers
from bench.figures import Figure, Measured, Options

TITLE = "Statements and round trips"
_IMAGE_STAGES = ("generate_image", "persist_output")
_JOB_STAGES = ("fetch_job", "prepare_inputs", "finalize_job")
_KINDS = (
    ("SQL statements", ("statements",), 10.0),
    ("SQL transactions", ("transactions",), 4.0),
    ("Redis commands", ("redis",), None),
    ("HTTP requests", ("http GET", "http POST", "http DELETE"), None),
)


def measure(options: Options) -> Measured:
    """Counted in the workers, under the actor they are made for; polls of idle queues are not among them."""
    images, each = options.choose(200, 40), 20
    with Bed() as bed, counting_workers(bed) as counts:
        bed.finish(bed.jobs(images, each=each))
    figures = []
    for name, kinds, most in _KINDS:
        an_image = _sum(counts, _IMAGE_STAGES, kinds) / images
        figures.append(Figure(f"{name} an image", an_image, "", at_most=most))
        figures.append(
            Figure(f"{name} a job, beside its images", _sum(counts, _JOB_STAGES, kinds) / (images / each), "")
        )
    messages = counts["generate_image messages"] + counts["persist_output messages"]
    figures.append(Figure("messages an image", messages / images, ""))
    return Measured(figures, dict(sorted(counts.items())))


def _sum(counts: Counter[str], stages: tuple[str, ...], kinds: tuple[str, ...]) -> int:
    return sum(counts[f"{stage} {kind}"] for stage in stages for kind in kinds)
