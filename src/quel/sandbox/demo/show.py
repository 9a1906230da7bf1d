"""Runs the demonstration's jobs through quel's own commands, as real processes in a world of their own."""

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from quel.sandbox.comfy.client import Comfy
from quel.sandbox.demo.accounts import Payers, make_payers
from quel.sandbox.demo.caller import end_if_asked
from quel.sandbox.demo.orders import Order, orders
from quel.sandbox.errors import SandboxError
from quel.sandbox.processes import REPOSITORY, QuelProcess, migrate, scheduler, workers
from quel.sandbox.studio import Studio
from quel.sandbox.world import World

PRICE = 5
COMFY_PATH = "cartoon"
_GPU_S = 0.5
_WORKER_PROCESSES = 2
_MAKERS = {"gemini-banana": "Gemini", "comfyui": "ComfyUI"}


@dataclass(frozen=True)
class Show:
    """Jobs that have been pushed and the processes that work on them."""

    studio: Studio
    payers: Payers
    jobs: Mapping[UUID, Order]
    processes: tuple[QuelProcess, ...]
    environment: Mapping[str, str]
    ends_at: float

    def makers(self, job_id: UUID) -> str:
        """Which engine made a job's pictures, as the ledger has it."""
        rows = self.studio.rows(
            "SELECT DISTINCT c.api_provider FROM public.quel_credits c"
            " JOIN quel.image i ON i.attach_id = c.attach_idx WHERE i.job_id = %s",
            job_id,
        )
        return " and ".join(sorted(_MAKERS[row["api_provider"]] for row in rows))

    def check(self) -> None:
        """Raises SandboxError when a process has ended or the time is over; again, what a signal raised."""
        end_if_asked()
        for process in self.processes:
            if process.exit_code is not None:
                raise SandboxError(f"{process.command[-1]} ended early; its log is {process.log}.")
        if time.monotonic() > self.ends_at:
            raise SandboxError(
                f"The jobs have not ended in time; see the logs in {self.processes[0].log.parent}."
            )


@contextmanager
def pushed_jobs(
    provider: Mapping[str, str], logs: Path, *, patience_s: float, say: Callable[[str], None]
) -> Iterator[Show]:
    """Starts everything, writes the orders and pushes them the way the front end does.

    `provider` holds the real provider's settings, or nothing: then the sandbox's Gemini draws, and its
    ComfyUI what is of COMFY_PATH. Raises SandboxError where something does not start.
    """
    with ExitStack() as stack:
        world = stack.enter_context(World())
        environment = world.environment() | {"IMAGE_PER_PRICE": str(PRICE)}
        if provider:
            del environment["GEMINI_BASE_URL"]
        environment |= provider or _with_comfyui(stack.enter_context(Comfy(latency_s=_GPU_S)), logs)
        _migrate(environment)
        say("PostgreSQL, Redis, Storage and Gemini are up; alembic has made the schema.")
        processes = (
            workers(environment, logs / "workers.log", processes=_WORKER_PROCESSES),
            scheduler(environment, logs / "scheduler.log"),
        )
        for process in processes:
            stack.enter_context(process.ending_with_parent())
        studio = Studio(world.database_url, world.redis_url, world.storage)
        payers = make_payers(studio)
        jobs = {_write(studio, payers, order): order for order in orders(studio.photograph, payers.member)}
        studio.push(*jobs)
        say(f"{len(jobs)} jobs are pushed; `dramatiq quel.actors` and `periodiq quel.actors` are at work.")
        yield Show(studio, payers, jobs, processes, environment, time.monotonic() + patience_s)


def _with_comfyui(server: Comfy, folder: Path) -> dict[str, str]:
    """The settings by which a ComfyUI server makes one path's images."""
    file = folder / "quel.yaml"
    workflow = (REPOSITORY / "workflows" / "edit_pictures.json").resolve()
    file.write_text(
        f"""engines: {{comfyui: {{servers: [{{name: sandbox, url: "{server.url}"}}]}}}}
workflows: {{edit: {{file: "{workflow}"}}}}
routes: {{{COMFY_PATH}: {{engine: comfyui, workflow: edit}}}}
""",
        encoding="utf-8",
    )
    return {"QUEL_CONFIG": str(file.resolve())}


def _write(studio: Studio, payers: Payers, order: Order) -> UUID:
    return studio.job(
        order.job_type,
        order.input_data,
        total_images=order.images,
        member=payers.member,
        org=payers.of(order),
        path=None if order.told_by_keys else order.path,
    )


def _migrate(environment: Mapping[str, str]) -> None:
    try:
        migrate(environment)
    except subprocess.CalledProcessError as error:
        raise SandboxError(f"alembic failed: {error.stderr.decode(errors='replace')[-500:]}") from None
