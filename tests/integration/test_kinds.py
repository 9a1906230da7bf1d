"""Kinds with a path of their own, by quel's own processes: pictures, rows, books, refusals."""

import base64
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from PIL import Image

from quel.sandbox.comfy.client import Comfy
from quel.sandbox.studio import PHOTOGRAPHS
from tests.integration.harness import Pipeline
from tests.integration.ledger import PRICE, ledger_of_production, member_balance, production_of
from tests.integration.modify_orders import order
from tests.integration.own_audit import own_audit
from tests.integration.quel_command import run_quel

WORKFLOW = Path(__file__).parents[2] / "workflows" / "edit_pictures.json"
EIGHT = [0, 45, 90, 135, 180, 225, 270, 315]


@dataclass(frozen=True)
class Ended:
    """Jobs of every kind that have ended, by what they are to show; the workers have stopped."""

    pipeline: Pipeline
    token: str
    jobs: dict[str, UUID]
    members: dict[str, UUID]

    def row(self, name: str) -> dict[str, Any]:
        return self.pipeline.studio.job_row(self.jobs[name])

    def calls(self, name: str) -> list[Any]:
        return self.pipeline.world.calls(f"{self.token} {name}.")

    def ledger(self, name: str) -> list[dict[str, Any]]:
        return ledger_of_production(self.pipeline.studio, self.jobs[name])

    def paths(self, name: str) -> list[str]:
        """Where the job's results lie, in the order of its ids."""
        ids = self.row(name)["generated_attach_ids"]
        rows = self.pipeline.studio.rows("SELECT * FROM quel_attach WHERE attach_id = ANY(%s)", ids)
        found = {row["attach_id"]: row["attach_file_path"] for row in rows}
        return [found[attach_id] for attach_id in ids]


def inputs(studio: Any) -> dict[str, tuple[str, dict[str, Any], int]]:
    """Inputs by name, with the path of the row and its total_images."""
    astronaut, coffee = studio.photograph("astronaut.png"), studio.photograph("coffee.png")
    picture = (PHOTOGRAPHS / "chelsea.png").read_bytes()
    data_url = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
    references = [{"attachId": coffee, "angle": 90}, {"attachId": 999_999, "angle": 180}]
    twice = [{"attachId": coffee, "angle": degrees} for degrees in (90, 450)]
    page = {
        "templatePrompt": "a loft",
        "uploadedAttachIds": [{"attachId": astronaut, "type": "bg"}, {"attachId": coffee, "type": "top"}],
    }
    in_the_row = {"sourceImageBase64": data_url, "angles": [0, 90], "aspectRatio": "3:4"}
    views = {"sourceAttachId": astronaut, "category": "fashion"}
    return {
        "round": ("multiview", views | {"angles": EIGHT, "referenceImages": references}, 8),
        "in the row": (" MultiView", in_the_row, 2),
        "lost source": ("multiview", {"sourceAttachId": 999_999, "angles": [0, 90]}, 2),
        "no source": ("multiview", {"angles": [0, 90]}, 2),
        "words": ("multiview", views | {"angles": ["front", "back"]}, 2),
        "too many": ("multiview", views | {"angles": list(range(400))}, 400),
        "page": ("landing", page, 0),
        "by flux": ("landing", page | {"modelId": "flux-schnell", "modelSteps": 9, "modelCfgScale": 0}, 2),
        "by others": ("landing", page | {"modelId": "runware:101@1"}, 2),
        "two for one": ("multiview", views | {"referenceImages": twice}, 8),
    }  # fmt: skip


WORDS_KEY = {"multiview": "originalPrompt", "landing": "customPrompt"}


@pytest.fixture(scope="module")
def gpu():
    with Comfy(in_process=True) as server:
        yield server


@pytest.fixture(scope="module")
def ended(world, tmp_path_factory, gpu):
    folder = tmp_path_factory.mktemp("kinds")
    own = Pipeline(world, folder)
    (folder / "quel.yaml").write_text(f"""
engines: {{comfyui: {{poll_s: 0.02, servers: [{{name: gpu, url: "{gpu.url}"}}]}}}}
workflows: {{edit: {{file: "{WORKFLOW}", slots: {{steps: 8.steps, cfg: 8.cfg}}}}}}
landing: {{models: {{flux-schnell: {{engine: comfyui, workflow: edit}}}}}}
""")
    studio, token = own.studio, uuid4().hex
    jobs, members = {}, {}
    for name, (path, data, total) in inputs(studio).items():
        members[name] = studio.member(100)
        words = {WORDS_KEY[path.strip().lower()]: f"{token} {name}."}
        asked = data | words | {"userId": str(members[name])}
        jobs[name] = studio.job("simple_general", asked, total_images=total, member=members[name], path=path)
    for name, on_delivery in (("painting", True), ("painting, charged by the old server", None)):
        members[name] = studio.member(100)
        jobs[name] = order(studio, f"{token} {name}.", member=members[name], chargedOnDelivery=on_delivery)
    members["photograph"] = studio.member(100)
    asked = {"prompt": f"{token} photograph.", "userId": str(members["photograph"])}
    jobs["photograph"] = studio.job("simple_general", asked, total_images=2, member=members["photograph"])
    old = production_of(studio, jobs["round"])["production_id"]
    studio.rows("UPDATE quel_production_photo SET attach_ids = '[77]' WHERE production_id = %s", old)
    workers = own.workers(QUEL_CONFIG=folder / "quel.yaml")
    studio.push(*jobs.values())
    studio.wait(list(jobs.values()))
    workers.terminate()
    yield Ended(own, token, jobs, members)
    own.close()


def test_a_round_of_eight_is_seven_calls_in_order_at_thirty_five_credits(ended):
    row, studio = ended.row("round"), ended.pipeline.studio
    assert (row["job_status"], row["completed_images"], row["failed_images"]) == ("completed", 8, 0)
    assert row["error_message"] == (
        "Reference 999999 (referenceImages[1].angle) was left out: There is no attachment with this id."
    )
    member = ended.members["round"]
    assert ended.paths("round") == [
        f"multiview-images/user-{member}/multiview_{ended.jobs['round']}_angle{degrees}.webp"
        for degrees in EIGHT
    ]
    calls = ended.calls("round")
    assert sorted(len(call.pictures) for call in calls) == [1, 1, 1, 1, 1, 1, 2]
    assert {(call.temperature, call.aspect_ratio) for call in calls} == {(0.5, "1:1")}
    assert len({call.pictures[0].sha256 for call in calls}) == 1
    for degrees in EIGHT[1:]:
        assert sum(f"at {degrees}°" in call.prompt for call in calls) == 1
    ledger = ended.ledger("round")
    assert [(line["amount"], line["description"]) for line in ledger] == [
        (-PRICE, "Multiview 360 Image Generation")
    ] * 7
    assert {line["attach_idx"] for line in ledger} == set(row["generated_attach_ids"][1:])
    assert member_balance(studio, member) == 100 - 35
    production = production_of(studio, ended.jobs["round"])
    assert production["production_status"] == "completed"
    assert production["attach_ids"] == [77, *row["generated_attach_ids"]]
    assert production["generated_image_count"] == 8
    claimed = studio.rows("SELECT path FROM quel.job WHERE job_id = %s", ended.jobs["round"])
    assert claimed == [{"path": "multiview"}]


@pytest.mark.parametrize(
    ("name", "images", "provider"), [("page", 4, "gemini-banana"), ("by flux", 2, "comfyui")]
)
def test_a_page_is_made_by_the_engine_that_its_model_asks_for(ended, gpu, name, images, provider):
    row, member = ended.row(name), ended.members[name]
    assert (row["job_status"], row["completed_images"], row["total_images"]) == ("completed", images, images)
    assert row["error_message"] is None
    assert ended.paths(name) == [
        f"generated-images/user-{member}/generated_{ended.jobs[name]}_{number:03d}.webp"
        for number in range(images)
    ]
    ledger = ended.ledger(name)
    assert [(line["amount"], line["description"], line["api_provider"]) for line in ledger] == [
        (-PRICE, "Landing Template Generated", provider)
    ] * images
    assert member_balance(ended.pipeline.studio, member) == 100 - images * PRICE
    production = production_of(ended.pipeline.studio, ended.jobs[name])
    assert production["attach_ids"] == row["generated_attach_ids"]
    if provider == "comfyui":
        assert len(gpu.runs()) == images
        assert ended.calls(name) == []
        return
    calls = ended.calls(name)
    assert [len(call.pictures) for call in calls] == [2] * images
    assert len({call.seed for call in calls}) == len({call.prompt for call in calls}) == images
    assert all(f"«a loft, {ended.token} {name}.»" in call.prompt for call in calls)
    assert {call.aspect_ratio for call in calls} == {"16:9"}


def test_the_source_is_stored_as_webp_in_its_own_shape_and_says_nothing_of_being_generated(ended):
    own, other = (
        Image.open(io.BytesIO(ended.pipeline.studio.storage.get(path))) for path in ended.paths("in the row")
    )
    assert (own.format, own.size) == ("WEBP", (451, 300))
    assert "xmp" not in own.info
    assert "DigitalSourceType" in str(other.info["xmp"])


def test_a_picture_in_the_row_stands_in_no_other_row_log_or_message(ended):
    studio = ended.pipeline.studio
    assert ended.row("in the row")["job_status"] == "completed"
    (words,) = studio.rows(
        "SELECT substr(job_input_data ->> 'sourceImageBase64', 200, 60) AS it FROM quel_production_jobs"
        " WHERE job_id = %s",
        ended.jobs["in the row"],
    )
    rows = studio.rows("SELECT j.*, i.* FROM quel.job j JOIN quel.image i USING (job_id)")
    assert words["it"] not in json.dumps(rows, default=str)
    assert words["it"] not in ended.pipeline.processes[0].log.read_text()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("lost source", "Nothing can be made without the source. Reference 999999 (sourceAttachId)"),
        ("no source", "sourceAttachId or sourceImageBase64 must name the picture"),
        ("words", 'angles[0] must be whole degrees, but it is "front"'),
        ("too many", "total_images is 400, but a job may hold at most 100"),
        ("two for one", "90° has a reference already"),
        ("by others", 'modelId "runware:101@1" is a model that quel does not make images with'),
    ],
)
def test_what_cannot_be_made_is_failed_with_a_sentence_and_nobody_pays(ended, name, says):
    row = ended.row(name)
    assert (row["job_status"], row["completed_images"]) == ("failed", 0)
    assert row["failed_images"] == row["total_images"]
    assert says in row["error_message"]
    assert row["completed_at"] is not None
    assert production_of(ended.pipeline.studio, ended.jobs[name])["production_status"] == "failed"
    assert (ended.calls(name), ended.ledger(name)) == ([], [])
    assert member_balance(ended.pipeline.studio, ended.members[name]) == 100


def test_the_audit_of_all_kinds_finds_no_difference_and_statistics_know_each_path(ended):
    starts = dict.fromkeys(ended.members.values(), 100)
    assert own_audit(ended.pipeline.studio, objects=True, starting_balances=starts) == []
    answer = run_quel(ended.pipeline.environment(), "stats", "--json")
    told = {line["key"]: line for line in json.loads(answer.stdout)}
    assert (told["multiview"]["images_stored"], told["multiview"]["credits"]) == (10, 40)
    assert (told["landing"]["images_stored"], told["landing"]["credits"]) == (6, 30)
    assert (told["modify"]["images_stored"], told["modify"]["credits"]) == (2, 5)
    assert (told["fashion"]["images_stored"], told["fashion"]["credits"]) == (2, 10)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ("UPDATE quel_credits SET amount = -4 WHERE attach_idx = %(charged)s", "ledger_amount"),
        ("UPDATE quel_credits SET attach_idx = %(free)s WHERE attach_idx = %(charged)s", "ledger_rows"),
        (
            "INSERT INTO quel_attach (attach_file_path, attach_file_size)"
            " SELECT attach_file_path, 1 FROM quel_attach WHERE attach_id = %(free)s",
            "stray_attachment",
        ),
    ],
)
def test_the_audit_finds_a_planted_price_charge_and_attachment(ended, change, kind):
    free, charged = ended.row("round")["generated_attach_ids"][:2]
    with ended.pipeline.studio_of_a_copy() as copy:
        copy.rows(change.replace("%(free)s", str(free)).replace("%(charged)s", str(charged)))
        found = own_audit(copy, look_again_after_s=0)
    assert kind in {difference.kind for difference in found}, found
    assert {difference.job_id for difference in found} <= {ended.jobs["round"], None}
