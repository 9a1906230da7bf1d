"""A world that stays until it is told to go, for the command line, a front end or a dashboard to play with.

One a user: where it is stands in a file that only that user reads. Its processes are gone when the one that
holds it is.
"""

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import UUID

from quel.sandbox.demo.accounts import make_payers
from quel.sandbox.demo.orders import orders
from quel.sandbox.errors import SandboxError
from quel.sandbox.faults import Fault
from quel.sandbox.gemini import faults
from quel.sandbox.gemini.client import Gemini
from quel.sandbox.processes import migrate, scheduler, workers
from quel.sandbox.studio import Studio
from quel.sandbox.world import World

FAULTS: Mapping[str, Fault | None] = {
    "quota": faults.quota_minute("5s"),
    "500": faults.server_error(500),
    "blocked": faults.blocked_prompt(),
    "none": None,
}
"""What every call to the provider gets, by the word for it."""

_END_DEADLINE_S = 60.0


@dataclass(frozen=True)
class Standing:
    """A world that is up: the process that holds it, where its provider is told things, and its settings.

    `member` and `organization` have credits; `jobs` were pushed when it came up.
    """

    pid: int
    provider_url: str
    environment: dict[str, str]
    member: UUID | None = None
    organization: UUID | None = None
    jobs: tuple[UUID, ...] = ()


def state_file() -> Path:
    """Where this user's world is written down."""
    return Path(tempfile.gettempdir()) / f"quel-sandbox-{os.getuid()}.json"


def find_standing() -> Standing | None:
    """The world that is up; None where there is none. What a killed one left behind is removed.

    Raises SandboxError where the note is somebody else's: it names a process to end.
    """
    try:
        with os.fdopen(os.open(state_file(), os.O_RDONLY | os.O_NOFOLLOW), encoding="utf-8") as file:
            if os.fstat(file.fileno()).st_uid != os.getuid():
                raise SandboxError(f"{state_file()} is somebody else's: remove it.")
            standing = _read(file.read())
        _provider(standing).calls(since=10**9)
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        state_file().unlink(missing_ok=True)
        return None
    return standing


@contextmanager
def written_down(standing: Standing) -> Iterator[Standing]:
    """Lets others find the world for as long as the block runs. Raises SandboxError where one is up."""
    if find_standing() is not None:
        raise SandboxError("A sandbox is up already: `quel sandbox down` ends it.")
    descriptor = os.open(state_file(), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(standing), file, default=str)
    try:
        yield standing
    finally:
        state_file().unlink(missing_ok=True)


@contextmanager
def world_that_stays(*, latency_s: float, rpm: int | None, jobs: int, logs: Path) -> Iterator[Standing]:
    """A world with workers and scheduler at work, and so many jobs pushed. Raises SandboxError."""
    with ExitStack() as stack:
        world = stack.enter_context(World(latency_s=latency_s, rpm=rpm))
        environment = world.environment()
        try:
            migrate(environment)
        except subprocess.CalledProcessError as error:
            raise SandboxError(f"alembic failed: {error.stderr.decode(errors='replace')[-500:]}") from None
        stack.enter_context(workers(environment, logs / "workers.log").ending_with_parent())
        stack.enter_context(scheduler(environment, logs / "scheduler.log").ending_with_parent())
        studio = Studio(world.database_url, world.redis_url, world.storage)
        payers = make_payers(studio)
        every = orders(studio.photograph, payers.member)
        pushed = [
            studio.job(
                order.job_type,
                order.input_data,
                total_images=order.images,
                member=payers.member,
                org=payers.of(order),
                path=order.path,
            )
            for order in (every[number % len(every)] for number in range(jobs))
        ]
        studio.push(*pushed)
        up = Standing(os.getpid(), world.gemini.url, environment, payers.member, payers.org, tuple(pushed))
        yield stack.enter_context(written_down(up))


def set_fault(standing: Standing, name: str) -> None:
    """Every call to the provider gets the fault of that name from now on; "none" ends them."""
    provider, fault = _provider(standing), FAULTS[name]
    provider.clear_faults()
    if fault is not None:
        provider.fail_when("", fault, operation="generate")


def stop_standing(standing: Standing) -> None:
    """Ends the world and waits until it is gone. Raises SandboxError where it does not go."""
    until = time.monotonic() + _END_DEADLINE_S
    try:
        os.kill(standing.pid, signal.SIGTERM)
        while time.monotonic() < until:
            os.kill(standing.pid, 0)
            if find_standing() is None:
                return
            time.sleep(0.1)
    except ProcessLookupError:
        state_file().unlink(missing_ok=True)
        return
    raise SandboxError(f"The sandbox (process {standing.pid}) does not end.")


def _read(text: str) -> Standing:
    """Raises ValueError where it was not written to its end."""
    found = json.loads(text)
    return Standing(**{**found, "jobs": tuple(found["jobs"])})


def _provider(standing: Standing) -> Gemini:
    provider = Gemini(api_key=standing.environment["GEMINI_API_KEY"])
    provider.url = standing.provider_url
    return provider
