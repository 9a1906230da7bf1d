"""Ten ComfyUI servers that take two seconds an image: how much of what they could make quel has them make."""

import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from uuid import UUID

from bench.bed import Bed
from bench.figures import Figure, Measured, Options
from quel.sandbox.comfy.client import Comfy

TITLE = "Ten ComfyUI servers of 2 s an image"
_SERVERS, _RUN_S, _JOBS = 10, 2.0, 10
_PROCESSES, _THREADS = 2, 9
_GROUPS = (("generate_image",), ("fetch_job", "prepare_inputs", "persist_output", "finalize_job"))
_WORKFLOWS = Path(__file__).parents[2] / "workflows"


def measure(options: Options) -> Measured:
    """Ten jobs at once; the servers are simulated and share the machine with quel and its neighbours."""
    with ordered(options.choose(25, 10)) as (bed, servers, jobs):
        bed.finish(jobs)
        runs = [server.runs() for server in servers]
    every = [run for each in runs for run in each]
    seconds = max(run["ended_at"] for run in every) - min(run["began_at"] for run in every)
    gaps_s = [after["began_at"] - before["ended_at"] for each in runs for before, after in pairwise(each)]
    made, could_make = len(every) / seconds, _SERVERS / _RUN_S
    return Measured(
        [
            Figure("images of ten servers", made, "images/s"),
            Figure("made ÷ what the servers could make", made / could_make, "×", at_least=0.9),
            Figure("a server between two images, p50", median(gaps_s), "s"),
        ],
        {"gaps_s": gaps_s},
    )


@contextmanager
def ordered(images: int) -> Iterator[tuple[Bed, list[Comfy], list[UUID]]]:
    """The servers, workers, and ten jobs of so many images of words alone, which are to be pushed."""
    with (
        _servers() as servers,
        _settings(servers) as config,
        Bed(QUEL_CONFIG=str(config)) as bed,
        ExitStack() as workers,
    ):
        for group in _GROUPS:
            workers.enter_context(bed.workers(queues=group, processes=_PROCESSES, threads=_THREADS))
        yield bed, servers, [_words_alone(bed, images) for _ in range(_JOBS)]


def _words_alone(bed: Bed, images: int) -> UUID:
    return bed.studio.job("simple_general", {"prompt": "a mast"}, total_images=images, member=bed.member)


@contextmanager
def _servers() -> Iterator[list[Comfy]]:
    servers = [Comfy(latency_s=_RUN_S) for _ in range(_SERVERS)]
    with ExitStack() as stack, ThreadPoolExecutor(_SERVERS) as pool:
        list(pool.map(stack.enter_context, servers))
        yield servers


@contextmanager
def _settings(servers: Sequence[Comfy]) -> Iterator[Path]:
    """The settings file that has them make every path's images."""
    addresses = "\n".join(f"    - {{name: gpu-{n}, url: '{one.url}'}}" for n, one in enumerate(servers))
    with TemporaryDirectory() as folder:
        shutil.copytree(_WORKFLOWS, folder, dirs_exist_ok=True)
        file = Path(folder, "quel.yaml")
        file.write_text(f"""
engines:
  comfyui:
    poll_s: 0.5
    servers:
{addresses}
workflows:
  edit: {{variants: [edit_pictures.json], timeout_s: 20, usd_per_hour: 3600}}
routes:
  default: {{engine: comfyui, workflow: edit}}
""")
        yield file
