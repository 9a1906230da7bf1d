"""What every job type delivers: rows, objects, ledger and balances that agree to the unit."""

from itertools import pairwise
from uuid import uuid4

import pytest

from quel.sandbox import faults
from quel.sandbox.gemini import faults as gemini
from tests.integration.ledger import (
    PRICE,
    assert_books_agree,
    ledger,
    member_balance,
    production_of,
    stored_pictures,
)

LANDSCAPE, PORTRAIT, SQUARE = (448, 256), (256, 448), (341, 341)  # of the provider's sketches


def single_batch(prompt, model, top):
    return {
        "basePrompt": prompt,
        "individualImageAttachIds": [{"attachId": model, "type": "model"}, {"attachId": top, "type": "top"}],
        "combinations": [
            {"angle": "front", "shot": "full", "quantity": 2},
            {"angle": "side", "shot": "middle", "quantity": 1},
        ],
        "aspect-ratio": "9:16",
    }


def pipeline_stage(prompt, model, top):
    both = [{"attachId": model, "type": "model"}, {"attachId": top, "type": "top"}]
    stages = [
        {"stage_index": 2, "prompt": f"{prompt} third", "quantity": 1, "aspect-ratio": "9:16"},
        {"stage_index": 0, "prompt": f"{prompt} first", "quantity": 2, "aspect-ratio": "1:1"},
    ]
    return {"stages": [stage | {"individualImageAttachIds": both} for stage in stages]}


def simple_general(prompt, model, top):
    return {
        "prompt": prompt,
        "uploadedAttachIds": [{"attachId": model, "type": "model"}, {"attachId": top, "type": "top"}],
        "aspect-ratio": "1:1",
    }


def simple_portrait(prompt, model, top):
    return {
        "mergedImages": [
            {"mergedAttachId": model, "wrappingPrompt": f"{prompt} one", "photoIndex": 0},
            {"mergedAttachId": top, "wrappingPrompt": f"{prompt} two", "photoIndex": 1},
            {"mergedAttachId": model, "wrappingPrompt": f"{prompt} three", "photoIndex": 2},
        ],
        "basePrompt": "not used",
        "aspect-ratio": "9:16",
    }


def oldest_form(prompt, model, top):
    return {
        "mergedImageAttachId": model,
        "prompt": prompt,
        "quantity": 3,
        "cameraAngle": "front",
        "shotType": "full",
    }


FORMS = [
    # job type, input, distinct references, sizes of the results in plan order
    ("single_batch", single_batch, 2, [PORTRAIT] * 3),
    ("pipeline_stage", pipeline_stage, 2, [SQUARE, SQUARE, PORTRAIT]),
    ("simple_general", simple_general, 2, [SQUARE] * 3),
    ("simple_portrait", simple_portrait, 2, [PORTRAIT] * 3),
    ("single_batch", oldest_form, 1, [LANDSCAPE] * 3),
    ("pipeline_stage", oldest_form, 1, [LANDSCAPE] * 3),
    ("simple_general", oldest_form, 1, [LANDSCAPE] * 3),
    ("simple_portrait", oldest_form, 1, [LANDSCAPE] * 3),
]


@pytest.mark.parametrize(("job_type", "make_input", "references", "sizes"), FORMS)
def test_a_job_of_every_form_delivers_and_charges_each_image_once(
    world, studio, workers, job_type, make_input, references, sizes
):
    token = uuid4().hex
    member = studio.member(100)
    model, top = (studio.attach(world.photograph(name), name) for name in ("astronaut.png", "brick.png"))
    data = make_input(f"in the rain, {token}", model, top) | {"userId": str(member)}
    reads_before = len(world.storage.calls())
    job_id = studio.job(job_type, data, total_images=3, member=member)
    studio.push(job_id)
    row = studio.wait([job_id])[job_id]
    assert (row["job_status"], row["completed_images"], row["failed_images"]) == ("completed", 3, 0)
    assert row["error_message"] is None
    assert row["total_images"] == 3
    assert row["started_at"] <= row["completed_at"]
    assert_books_agree(studio, job_id)
    assert member_balance(studio, member) == 100 - 3 * PRICE
    assert [line["balance_after"] for line in ledger(studio, row["generated_attach_ids"])] == [95, 90, 85]
    assert [picture.size for picture in stored_pictures(studio, row["generated_attach_ids"])] == sizes
    assert len(world.calls(token)) == 3
    reads = [call.path for call in world.storage.calls(reads_before) if call.operation == "read"]
    assert len(reads) == len(set(reads)) == references
    production = production_of(studio, job_id)
    assert production["production_status"] == "completed"
    assert production["attach_ids"] == row["generated_attach_ids"]
    assert production["generated_image_count"] == 3
    assert production["input_images_count"] == references
    assert production["processing_duration_seconds"] >= 0


def test_a_larger_size_is_made_stored_and_charged_by_its_weight(world, studio, workers):
    token = uuid4().hex
    member = studio.member(100)
    data = {"prompt": f"a hill, {token}", "aspect-ratio": "16:9", "imageSize": "2K"}
    job_id = studio.job("simple_general", data, total_images=1, member=member)
    studio.push(job_id)
    row = studio.wait([job_id])[job_id]
    assert (row["job_status"], row["error_message"]) == ("completed", None)
    assert_books_agree(studio, job_id, price=8)
    assert member_balance(studio, member) == 92
    assert [call.image_size for call in world.calls(token)] == ["2K"]
    width, height = LANDSCAPE
    [picture] = stored_pictures(studio, row["generated_attach_ids"])
    assert picture.size == (2 * width, 2 * height)
    [image] = studio.rows("SELECT cost_usd FROM quel.image WHERE job_id = %s", job_id)
    assert float(image["cost_usd"]) == 0.0504


def test_a_series_is_made_after_its_first_image_which_is_shown_last_to_the_others(world, studio, workers):
    """The first is refused, so the second leads; of that the provider is sent what the customer got."""
    prompt, member = uuid4().hex, studio.member(100)
    top = studio.attach(world.photograph("astronaut.png"), f"{prompt}.png")
    world.gemini.fail_next(gemini.blocked_prompt(), containing=prompt)
    data = {"consistent": True, "prompt": prompt, "uploadedAttachIds": [{"attachId": top, "type": "model"}]}
    job_id = studio.job("simple_general", data, total_images=4, member=member)
    studio.push(job_id)
    row = studio.wait([job_id])[job_id]
    assert (row["job_status"], row["completed_images"], row["failed_images"]) == ("completed", 3, 1)
    refused, first, *others = world.calls(prompt)
    assert [len(call.pictures) for call in (refused, first, *others)] == [1, 1, 2, 2]
    assert refused.finished_at < first.arrived_at
    assert first.finished_at < min(call.arrived_at for call in others)
    assert len({call.pictures[1].sha256 for call in others}) == 1
    for call in others:
        assert "Image 2: the first picture of this series" in call.prompt
        assert "as in image 2" in call.prompt
    shown = others[0].pictures[1]
    leader = stored_pictures(studio, row["generated_attach_ids"])[0]
    assert (shown.width, shown.height) == leader.size
    assert_books_agree(studio, job_id)
    assert member_balance(studio, member) == 100 - 3 * PRICE
    leads = [key for key in studio.redis.keys("quel:blob:in:*") if str(job_id).encode() in key]
    assert leads == []


def test_ids_stand_in_plan_order_at_every_moment_whichever_image_comes_first(world, studio, workers):
    token = uuid4().hex
    member = studio.member()
    sizes = {"1:1": SQUARE, "16:9": LANDSCAPE, "9:16": PORTRAIT}
    stages = [
        {"stage_index": number, "prompt": f"{token} {ratio}", "quantity": 2, "aspect-ratio": ratio}
        for number, ratio in enumerate(sizes)
    ]
    world.gemini.fail_when(f"{token} 1:1", faults.slow(1.5))
    world.gemini.fail_when(f"{token} 16:9", faults.slow(0.7))
    job_id = studio.job("pipeline_stage", {"stages": stages}, total_images=6, member=member)
    studio.push(job_id)
    seen = [studio.job_row(job_id)]
    while seen[-1]["job_status"] in ("pending", "processing"):
        seen.append(studio.job_row(job_id))
    final = seen[-1]["generated_attach_ids"]
    assert [picture.size for picture in stored_pictures(studio, final)] == [
        size for size in sizes.values() for _ in range(2)
    ]
    assert final != sorted(final)  # the slow ones came last
    for row, following in pairwise(seen):
        assert set(row["generated_attach_ids"]) <= set(following["generated_attach_ids"])
    partial = 0
    for row in seen:
        ids = row["generated_attach_ids"]
        assert ids == [attach_id for attach_id in final if attach_id in ids]
        assert len(ids) == row["completed_images"]
        partial += 0 < len(ids) < 6
    assert partial > 0  # progress was to be seen while it ran


@pytest.mark.parametrize("ordered", [0, -4])
def test_without_an_order_the_input_decides_and_the_row_tells_the_number(studio, workers, ordered):
    member = studio.member()
    stages = [{"prompt": "a hill", "quantity": quantity} for quantity in (1, "2")]
    job_id = studio.job("pipeline_stage", {"stages": stages}, total_images=ordered, member=member)
    studio.push(job_id)
    row = studio.wait([job_id])[job_id]
    assert (row["job_status"], row["completed_images"], row["total_images"]) == ("completed", 3, 3)
    assert_books_agree(studio, job_id)


def test_a_plan_that_asks_for_more_is_cut_in_order(world, studio, workers):
    token = uuid4().hex
    stages = [{"prompt": f"{token} {name}", "quantity": 2} for name in ("first", "second", "third")]
    job_id = studio.job("pipeline_stage", {"stages": stages}, total_images=3, member=studio.member())
    studio.push(job_id)
    row = studio.wait([job_id])[job_id]
    assert (row["completed_images"], row["failed_images"], row["total_images"]) == (3, 0, 3)
    assert [len(world.calls(f"{token} {name}")) for name in ("first", "second", "third")] == [2, 1, 0]


def test_a_single_batch_that_asks_for_less_is_filled_up_with_its_last_combination(world, studio, workers):
    token = uuid4().hex
    data = {
        "basePrompt": token,
        "combinations": [
            {"angle": f"{token}-one", "shot": "full", "quantity": 1},
            {"angle": f"{token}-two", "shot": "full", "quantity": 1},
        ],
    }
    job_id = studio.job("single_batch", data, total_images=4, member=studio.member())
    studio.push(job_id)
    assert studio.wait([job_id])[job_id]["completed_images"] == 4
    assert [len(world.calls(f"{token}-{name}")) for name in ("one", "two")] == [1, 3]


def test_a_pipeline_that_asks_for_less_makes_what_it_asks_for_and_nothing_counts_as_failed(studio, workers):
    data = {"stages": [{"prompt": "a hill", "quantity": 2}]}
    job_id = studio.job("pipeline_stage", data, total_images=5, member=studio.member())
    studio.push(job_id)
    row = studio.wait([job_id])[job_id]
    assert (row["job_status"], row["completed_images"], row["failed_images"]) == ("completed", 2, 0)
    assert row["total_images"] == 5


def test_new_ids_join_those_a_production_has(studio, workers):
    member = studio.member()
    production = studio.production(member)
    old = studio.photograph("brick.png")
    studio.rows(
        "UPDATE quel_production_photo SET attach_ids = %s, generated_image_count = 7"
        " WHERE production_id = %s",
        f"[{old}]",
        production,
    )
    job_id = studio.job(
        "simple_general", {"prompt": "a hill"}, total_images=2, member=member, production=production
    )
    studio.push(job_id)
    row = studio.wait([job_id])[job_id]
    after = production_of(studio, job_id)
    assert after["attach_ids"] == [old, *row["generated_attach_ids"]]
    assert after["generated_image_count"] == 9


@pytest.mark.parametrize(
    ("user_id", "folder"),
    [("kim_01-a", "user-kim_01-a"), ("../../etc/./pass wd", "user-etcpasswd"), ("/../", None), (None, None)],
)
def test_results_lie_in_the_customers_folder_whatever_its_name(studio, workers, user_id, folder):
    member = studio.member()
    data = {"prompt": "a hill", "userId": user_id}
    job_id = studio.job("simple_general", data, total_images=1, member=member)
    studio.push(job_id)
    ids = studio.wait([job_id])[job_id]["generated_attach_ids"]
    [row] = studio.rows("SELECT attach_file_path FROM quel_attach WHERE attach_id = ANY(%s)", ids)
    top, parent, name = row["attach_file_path"].split("/")
    assert (top, parent) == ("generated-images", folder or f"user-{member}")
    assert name.startswith("generated_")
    assert name.endswith(".webp")


def test_the_images_of_one_item_have_seeds_and_words_of_their_own(world, studio, workers):
    token = uuid4().hex
    job_id = studio.job("simple_general", {"prompt": token}, total_images=5, member=studio.member())
    studio.push(job_id)
    studio.wait([job_id])
    calls = world.calls(token)
    assert len({call.seed for call in calls}) == len({call.prompt for call in calls}) == 5
