"""The second engine of a soak: ComfyUI servers for two paths, with faults of their own, and what they ran."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from quel.sandbox import faults
from quel.sandbox.comfy import faults as inside
from quel.sandbox.comfy.client import Comfy
from quel.sandbox.comfy.faults import EXECUTE
from quel.sandbox.studio import Studio
from tests.integration.comfy_world import settings_file

SERVERS, RUN_S = 3, 1.0
PATHS = ("beauty", "eats")
_PASSING, _RARE = 0.02, 0.01

ON_THE_WIRE = (
    faults.cut_before_answer(),
    faults.cut_during_answer(),
    faults.gateway_page(502),
    faults.gateway_page(524),
    faults.hang(),
    faults.dribble(0.5),
)
IN_AN_EXECUTION = (
    inside.node_error("RuntimeError", "it broke over {prompt}"),
    inside.out_of_memory(),
    inside.black(),
    inside.truncated(),
    inside.no_output(),
    inside.no_file(),
    inside.batch(),
    inside.restarts(),
    inside.restarts_after(),
)

_OTHERS_BOOKS = """
SELECT i.engine, c.api_provider, count(*) AS n
FROM quel.image i JOIN quel_credits c ON c.attach_idx = i.attach_id
WHERE c.api_provider <> CASE i.engine WHEN 'comfyui' THEN 'comfyui' ELSE 'gemini-banana' END GROUP BY 1, 2
"""


class Gpus:
    """The servers, and the settings that send two paths to them."""

    def __init__(self, servers: list[Comfy], directory: Path) -> None:
        self.servers = servers
        self.environment = settings_file(directory, servers)
        file = Path(self.environment["QUEL_CONFIG"])
        text = file.read_text().replace("lost_after_s: 0", "lost_after_s: 20").replace("0.02", "0.5")
        [route] = [line for line in text.splitlines() if line.strip().startswith("beauty:")]
        file.write_text(text + "".join(f"{route.replace('beauty', path)}\n" for path in PATHS[1:]))

    def begin(self) -> None:
        """Faults of every kind, on the way and inside, each with its own small probability."""
        for server in self.servers:
            for seed, fault in enumerate(ON_THE_WIRE):
                server.fail_randomly(fault, _RARE / 4, seed=seed)
            for seed, fault in enumerate(IN_AN_EXECUTION):
                server.fail_randomly(fault, _PASSING, seed=seed, operation=EXECUTE)

    def end(self) -> None:
        """They are well again."""
        for server in self.servers:
            server.clear_faults()

    def judge(self, studio: Studio) -> tuple[dict[str, object], list[str]]:
        """Figures, and what was promised and not kept."""
        runs = [run for server in self.servers for run in server.runs()]
        times = Counter(run["prompt_id"] for run in runs)
        again = sum(times.values()) - len(times)
        forgotten = sum(run["fault"].startswith("restarts") for run in runs)
        stored = studio.rows(
            "SELECT count(*) AS n FROM quel.image WHERE engine = 'comfyui' AND state = 'stored'"
        )
        figures = {
            "images stored by ComfyUI": stored[0]["n"],
            "  graphs run": len(runs),
            "  with a fault inside": sum(bool(run["fault"]) for run in runs),
            "  run again under the same id": again,
            "  restarts of a server, which forgets": forgotten,
            "  prompts left there": sum(len(s.queue()["queue_pending"]) for s in self.servers),
        }
        broken = [f"The ledger names another maker: {row}" for row in studio.rows(_OTHERS_BOOKS)]
        if again > forgotten:
            broken.append(
                f"{again} graphs were run again, though only {forgotten} could have been forgotten."
            )
        if figures["  prompts left there"]:
            broken.append("Prompts that nobody wants wait at a server.")
        return figures, broken


@contextmanager
def gpus(directory: Path) -> Iterator[Gpus]:
    """Starts the servers."""
    with ExitStack() as stack:
        servers = [stack.enter_context(Comfy(latency_s=RUN_S)) for _ in range(SERVERS)]
        yield Gpus(servers, directory)
