"""Workers that die at a ComfyUI server: each image is run once there, attached once and charged once."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from quel.sandbox import World
from quel.sandbox.comfy.client import Comfy
from tests.chaos.case import Case
from tests.integration.comfy_world import settings_file
from tests.preloaded import Preloaded

RUN_S = 1.5
DEATHS = {
    "before it is sent": "before:ComfyClient.submit",
    "sent, without an answer": "after:ComfyClient.submit",
    "while it runs": "before:ComfyClient.standing#3",
    "ended, not fetched": "before:ComfyClient.view",
    "fetched, not recorded": "before:Blobs.put_output",
}


@pytest.fixture(scope="module")
def dying(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[None]]]:
    """All of them at the same time: they mostly wait for leases to lapse."""
    with Preloaded() as preloaded, ThreadPoolExecutor(len(DEATHS)) as pool:
        yield {
            name: pool.submit(_die_twice, moment, world, preloaded, tmp_path_factory.mktemp("comfy"))
            for name, moment in DEATHS.items()
        }


def _die_twice(moment: str, world: World, preloaded: Preloaded, folder: Path) -> None:
    with (
        Comfy(latency_s=RUN_S) as server,
        closing(Case(world, preloaded, folder, credits=100)) as case,
    ):
        settings = settings_file(folder, [server])
        file = Path(settings["QUEL_CONFIG"])
        file.write_text(file.read_text().replace("beauty:", "default:").replace("lost_after_s: 0", ""))
        case.environment |= settings | dict.fromkeys(
            ("GEMINI_API_KEY", "GEMINI_BASE_URL", "GEMINI_MODEL"), ""
        )
        case.order()
        case.die_at(moment)
        case.die_at(moment)
        case.heal()
        assert not case.audit().sentences(), case.log()[-4_000:]
        runs = Counter(run["prompt_id"] for run in server.runs())
        assert sorted(runs.values()) == [1, 1], (runs, case.log()[-4_000:])
        [row] = case.job_rows()
        assert (row["job_status"], row["completed_images"]) == ("completed", 2)
        providers = case.studio.rows("SELECT api_provider, count(*) AS n FROM quel_credits GROUP BY 1")
        assert providers == [{"api_provider": "comfyui", "n": 2}]


@pytest.mark.parametrize("death", DEATHS)
def test_two_workers_die_and_each_image_is_run_attached_and_charged_once(
    death: str, dying: dict[str, Future[None]]
) -> None:
    dying[death].result()
