"""What a job would make: the same decisions as the stages, told beforehand."""

from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from quel.core.engines import Capability, Maker, Route, Routing
from quel.core.fetch_job import IntakePolicy
from quel.core.models import model_for
from quel.core.operations.preview import Subject, preview, subject_of_row
from quel.core.paths import PATHS
from quel.core.request import decode_input

ROWS = Path(__file__).parents[1] / "rows"
POLICY = IntakePolicy(
    known_paths=frozenset(PATHS),
    disabled_paths=frozenset(),
    default_path="fashion",
    reject_unknown_paths=False,
    price=5,
    max_images=100,
)
MODEL = model_for("gemini-nano-banana-2.1")


def subject(data, *, path="fashion", total=2, job_type="single_batch"):
    return Subject(UUID(int=1), job_type, total, data, (path, None))


def look(subject, *, policy=POLICY, model=MODEL, fail_on_missing=False):
    return preview(subject, policy, model, fail_on_missing=fail_on_missing)


def references(*types):
    return [{"attachId": 100 + n, "type": type_} for n, type_ in enumerate(types)]


def test_it_names_images_pictures_prompts_and_price():
    data = {
        "basePrompt": "Seoul at night",
        "individualImageAttachIds": references("top", "model", "bg", "pants"),
        "combinations": [
            {"angle": "front", "shot": "full", "quantity": 2},
            {"angle": "back", "shot": "tight"},
        ],
        "aspect-ratio": "9:16",
    }
    found = look(subject(data, total=3))
    assert (found.path, len(found.images), found.ordered, found.credits) == ("fashion", 3, 3, 15)
    assert found.cost_usd == pytest.approx(3 * 0.0336)
    first, second, third = found.images
    assert [(i.image, i.stage, i.take, i.takes) for i in found.images] == [
        (1, 1, 1, 2),
        (2, 1, 2, 2),
        (3, 1, 1, 1),
    ]
    shown = [[r.attach_id for picture in i.pictures for r in picture.references] for i in (first, third)]
    assert shown == [[102, 101, 100, 103], [102, 101, 100]]  # a tight shot leaves out pants
    assert first.prompt.startswith("Image 1: the location; its people left out.\nImage 2: the model; own")
    assert "Seoul at night" in first.prompt
    assert first.prompt != second.prompt
    assert len({image.seed for image in found.images}) == 3
    assert {image.aspect_ratio for image in found.images} == {"9:16"}
    assert (found.warnings, found.problems) == ((), ())


def test_a_larger_size_is_priced_and_one_the_model_lacks_is_warned_of():
    found = look(subject({"basePrompt": "x", "imageSize": "4K"}))
    assert (found.credits, found.cost_usd, found.warnings) == (24, pytest.approx(2 * 0.0756), ())
    old = "gemini-2.5-flash-image"
    small = look(
        subject({"basePrompt": "x", "imageSize": "4K"}),
        model=model_for(old),
    )
    assert small.credits == 10
    assert small.warnings == (f"imageSize 4K is more than {old} makes: the images are made at 1K.",)


def test_an_input_that_cannot_be_run_is_a_problem_and_costs_nothing():
    found = look(subject({"combinations": [{"quantity": -1}]}))
    assert found.images == ()
    assert found.credits == 0
    assert "quantity" in found.problems[0]


def test_an_unknown_path_is_a_warning_or_a_problem_as_the_setting_says():
    lenient = look(subject({"basePrompt": "x"}, path="zoo"))
    assert (lenient.path, lenient.problems) == ("fashion", ())
    assert "zoo" in lenient.warnings[0]
    strict = look(subject({"basePrompt": "x"}, path="zoo"), policy=replace(POLICY, reject_unknown_paths=True))
    assert "zoo" in strict.problems[0]


def test_the_production_names_the_path_where_the_job_names_none():
    assert look(replace(subject({"basePrompt": "x"}), paths=(None, "beauty"))).path == "beauty"


def test_a_path_that_is_switched_off_is_said():
    found = look(subject({"basePrompt": "x"}), policy=replace(POLICY, disabled_paths=frozenset({"fashion"})))
    assert "switched off" in found.warnings[0]


def test_references_left_out_are_warnings_and_none_left_is_a_problem():
    some = look(subject({"individualImageAttachIds": references("model", "spoon")}))
    assert any('type "spoon"' in warning for warning in some.warnings)
    assert some.problems == ()
    none = look(subject({"individualImageAttachIds": references("spoon")}))
    assert none.credits == 0
    assert none.images[0].prompt == ""
    assert "None of the given references can be used." in none.problems[0]


def test_an_image_without_any_usable_reference_would_fail_alone():
    stages = [{"quantity": 1, "individualImageAttachIds": references(type_)} for type_ in ("shoes", "spoon")]
    found = look(subject({"stages": stages}, job_type="pipeline_stage"))
    assert [image.problem is None for image in found.images] == [True, False]
    assert (found.credits, found.problems) == (5, ())
    assert any(warning.startswith("Image 2 would fail") for warning in found.warnings)


def test_a_missing_reference_fails_every_stage_where_the_setting_says_so():
    data = {
        "stages": [
            {"stage_index": 0, "quantity": 1, "individualImageAttachIds": [{"type": "top"}]},
            {"stage_index": 1, "quantity": 1},
        ]
    }
    job = subject(data, job_type="pipeline_stage")
    assert len(look(job, fail_on_missing=True).problems) == 1
    assert all(image.problem for image in look(job, fail_on_missing=True).images)


def test_what_the_model_takes_decides_on_the_pictures():
    data = {"individualImageAttachIds": references("model", "bg", "top", "bag", "shoes")}
    many = look(subject(data)).images[0].pictures
    few = look(subject(data), model=model_for("gemini-2.5-flash-image")).images[0].pictures
    assert len(few) == 3 < len(many)
    assert {r.attach_id for p in few for r in p.references} == {
        r.attach_id for p in many for r in p.references
    }


@pytest.mark.parametrize("file", sorted(ROWS.glob("*/*.json")), ids=lambda file: file.stem)
def test_every_row_ends_as_it_says_or_waits_for_the_world(file):
    row = decode_input(file.read_text("utf-8"))
    assert isinstance(row, dict)
    expect = row.get("expect", {"failed_by": None, "images": row["total_images"]})
    found = look(subject_of_row(row))
    if expect["failed_by"] in ("kind", "input"):
        assert found.problems
    elif expect["failed_by"] is None:
        assert found.problems == ()
        assert len([image for image in found.images if image.prompt or image.as_given]) == expect["images"]


def test_a_path_of_another_engine_is_told_as_that_would_make_it():
    edit = Maker("comfyui", "edit")
    capabilities = {edit: Capability("edit", 1, takes_negative=True, usd_per_image=0.01)}
    routing = Routing(by_path={"beauty": Route(edit)}, capabilities=capabilities)
    data = {
        "stages": [
            {
                "prompt": "a lipstick",
                "quantity": 2,
                "negative_prompt": "hats",
                "individualImageAttachIds": references("model", "product"),
            }
        ]
    }
    found = look(
        subject(data, path="beauty", job_type="pipeline_stage"), policy=replace(POLICY, routing=routing)
    )
    assert (found.engine, found.model, found.cost_usd) == ("comfyui", "comfyui (edit)", 0.02)
    assert [len(image.pictures) for image in found.images] == [1, 1]
    assert not any("hats" in image.prompt for image in found.images)
