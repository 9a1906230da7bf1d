"""A world in memory whose images ComfyUI servers make: those are simulated, and Redis is a true one."""

import io
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import redis
from PIL import Image

from quel.adapters.comfy.client import ComfyClient
from quel.adapters.comfy.engine import ComfyEngine
from quel.adapters.comfy.places import LOAD_KNOWN_S, ComfyPlaces, ComfyServers
from quel.adapters.imaging import PillowImaging, Workbench
from quel.adapters.postgres.claim_image import LEASE_S
from quel.core.comfy.answers import Stand, Standing
from quel.core.engines import Maker
from quel.core.pipeline import ImageState
from quel.environment import read_settings
from quel.routing import read_engine_settings, secret_of
from quel.rules import make_rules
from quel.sandbox.comfy.client import Comfy
from quel.sandbox.memory.admission import AdmissionController
from quel.sandbox.memory.lane import MemoryLane
from quel.sandbox.memory.services import MemoryServices
from quel.sandbox.memory.studio import MemoryStudio
from quel.sandbox.memory.tables import PipelineImage
from quel.sandbox.memory.worker import Worker
from quel.settings import Settings
from tests.integration.harness import until

WORKFLOWS = Path(__file__).parents[2] / "workflows"
MakeComfy = Callable[..., "ComfyWorld"]
"""Opens a world with so many servers, and closes it with the test."""

MAKER = Maker("comfyui", "edit")
_WORKFLOW = "timeout_s: 20"
_LONG_S = 600.0
PROMPT = "a mast against the evening sky, seen from below"


def settings_file(
    folder: Path, servers: list[Comfy], workflow: str = _WORKFLOW, server: str = "", route: str = ""
) -> dict[str, str]:
    """The environment that names a settings file for these servers; workflow and server take more keys."""
    for file in WORKFLOWS.iterdir():
        shutil.copy(file, folder)
    names = "\n".join(f"    - {{name: gpu-{n}, url: '{one.url}'{server}}}" for n, one in enumerate(servers))
    text = f"""
engines:
  comfyui:
    poll_s: 0.02
    lost_after_s: 0
    servers:
{names}
workflows:
  edit: {{variants: [edit_pictures.json], usd_per_hour: 3600, {workflow}}}
routes:
  beauty: {{engine: comfyui, workflow: edit{route}}}
"""
    (folder / "quel.yaml").write_text(text)
    return {"QUEL_CONFIG": str(folder / "quel.yaml")}


class ComfyWorld:
    """`workers` of it share rows and servers; each is a process of its own."""

    def __init__(self, servers: list[Comfy], settings: Settings, client: redis.Redis) -> None:
        self.servers, self._settings, self._redis = servers, settings, client
        self._stack = ExitStack()
        self.is_stopping = False
        self.services = MemoryServices(make_rules(settings))
        self.services.imaging = PillowImaging(Workbench())  # type: ignore[assignment]  # pictures are true here
        self.studio = MemoryStudio(self.services)
        self.services.more_lanes = [self.lane()]
        self.worker = Worker(self.services)

    def lane(self) -> MemoryLane:
        """The maker as another process has it."""
        engines = read_engine_settings(self._settings)
        clients = {}
        for name, server in engines.servers.items():
            clients[name] = ComfyClient(server, secret_of(server, self._settings), connections=4)
            self._stack.callback(clients[name].close)
        servers, workflow = ComfyServers(self._redis, clients), engines.workflows["edit"]
        comfy = self._settings.comfy
        engine = ComfyEngine(
            workflow,
            servers,
            poll_s=comfy.poll_s,
            lost_after_s=comfy.lost_after_s,
            bench=Workbench(),
            lets_go_s=0.5,
            sleep=lambda seconds: time.sleep(min(seconds, 0.02)),
            is_stopping=lambda: self.is_stopping,
        )
        quota = ComfyPlaces(servers, workflow.servers, "edit", outputs_full=lambda: False)
        return MemoryLane(MAKER, engine, quota, AdmissionController(self.services.clock))

    def order(
        self,
        images: int = 1,
        *,
        job_type: str = "simple_general",
        data: dict[str, Any] | None = None,
        **more: Any,
    ) -> UUID:
        """A job of the path that ComfyUI makes, worked off."""
        asked = data or {"prompt": PROMPT, "aspect-ratio": "3:4"} | more
        member = self.studio.member(1_000)
        job_id = self.studio.job(job_type, asked, total_images=images, member=member, path="beauty")
        self.studio.push(job_id)
        self.worker.run()
        return job_id

    def take_over(self) -> None:
        """Another process goes on where one has died, once its leases have lapsed."""
        self.services.queues.lose()
        self.services.clock.advance(LEASE_S + 60)
        self.forget_places()
        self.services.more_lanes = [self.lane()]
        self.worker.sweep()
        self.worker.run()

    def forget_places(self) -> None:
        """The places of a dead process have lapsed."""
        for key in self._redis.scan_iter("quel:comfy:place:*"):
            self._redis.delete(key)

    def forget_health(self) -> None:
        """What is known of servers has lapsed."""
        for kind in ("down", "resting", "hung", "unfit", "silent"):
            for key in self._redis.scan_iter(f"quel:comfy:{kind}:*"):
                self._redis.delete(key)
        time.sleep(LOAD_KNOWN_S)

    def age_prompts(self, seconds: float) -> None:
        """What is known to hold others up has done so for longer."""
        for key in self._redis.scan_iter("quel:comfy:seen:*"):
            self._redis.decrby(key, round(seconds * 1000))

    @contextmanager
    def busy_until_sent(self, busy: Comfy, other: Comfy) -> Iterator[None]:
        """Somebody's prompts make `busy` the busier one until one of ours came to `other`."""
        theirs = [busy.submit_foreign(_LONG_S) for _ in range(2)]
        until(lambda: busy.queue()["queue_running"], "one of theirs runs")
        before = len(other.calls("prompt"))

        def free() -> None:
            until(lambda: len(other.calls("prompt")) > before, "a prompt comes to the less busy server")
            for prompt_id in reversed(theirs):
                busy.take_back(prompt_id)

        with ThreadPoolExecutor(1) as pool:
            freeing = pool.submit(free)
            yield
            freeing.result()

    def stored(self, job_id: UUID) -> int:
        """How many of a job's images are stored."""
        return sum(image.state is ImageState.STORED for image in self.images(job_id))

    def images(self, job_id: UUID) -> list[PipelineImage]:
        """A job's images."""
        return self.services.tables.images_of(job_id)

    def runs(self) -> list[dict[str, Any]]:
        """What all servers ran."""
        return [run for server in self.servers for run in server.runs()]

    def close(self) -> None:
        """Closes the connections."""
        self._stack.close()


@contextmanager
def comfy_world(
    folder: Path,
    redis_url: str,
    count: int = 1,
    *,
    workflow: str = "timeout_s: 20",
    server: str = "",
    route: str = "",
    secrets: Mapping[str, str] | None = None,
    **options: Any,
) -> Iterator[ComfyWorld]:
    """A world with so many servers; `workflow` and `server` add keys to the settings file."""
    with ExitStack() as stack:
        servers = [stack.enter_context(Comfy(in_process=True, **options)) for _ in range(count)]
        environment = settings_file(folder, servers, workflow, server, route) | dict(secrets or {})
        client = stack.enter_context(redis.Redis.from_url(redis_url))
        world = ComfyWorld(servers, read_settings(environment), client)
        stack.callback(world.close)
        yield world


class Killed(BaseException):
    """What kill -9 looks like from inside."""


def die(patch: pytest.MonkeyPatch, death: str) -> None:
    """The next call dies there."""

    def killed(*_: Any, **__: Any) -> Any:
        raise Killed

    submit, standing = ComfyClient.submit, ComfyClient.standing

    def after_submit(*args: Any) -> Any:
        submit(*args)
        raise Killed

    def while_it_runs(client: ComfyClient, prompt_id: str) -> Standing:
        if standing(client, prompt_id).stand is Stand.RUNNING:
            raise Killed
        return Standing.of(Stand.PENDING)

    places: dict[str, tuple[Any, str, Any]] = {
        "before it is sent": (ComfyClient, "submit", killed),
        "before the answer": (ComfyClient, "submit", after_submit),
        "while it runs": (ComfyClient, "standing", while_it_runs),
        "after its end": (ComfyClient, "standing", while_it_runs),
        "after the fetch": (ComfyClient, "forget", killed),
    }
    patch.setattr(*places[death])


def picture(colour: tuple[int, int, int]) -> bytes:
    """A small picture of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(buffer, "PNG")
    return buffer.getvalue()
