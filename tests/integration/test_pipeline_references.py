"""References: fetched once, left out by name where they cannot be had, and never from outside the bucket."""

import io
import json
from pathlib import Path
from uuid import uuid4

import pytest
from PIL import Image

from quel.sandbox.storage import faults as storage_faults
from tests.integration.ledger import assert_books_agree, member_balance

NO_ROW = 2**40


def picture(colour="teal"):
    buffer = io.BytesIO()
    Image.new("RGB", (300, 200), colour).save(buffer, "PNG")
    return buffer.getvalue()


def job(studio, token, *attach_ids, images=1, type_="top", **columns):
    """A job of fashion that shows these references, not pushed yet."""
    data = {
        "prompt": token,
        "uploadedAttachIds": [{"attachId": attach_id, "type": type_} for attach_id in attach_ids],
    }
    return studio.job(
        "simple_general", data, total_images=images, member=columns.pop("member", None) or studio.member()
    )


def run(studio, job_id):
    studio.push(job_id)
    return studio.wait([job_id])[job_id]


def fetched(workers, job_id):
    """The log's lines on references that were fetched for a job."""
    lines = workers.log.read_text().splitlines()
    told = [json.loads(line) for line in lines if '"reference.fetched"' in line]
    return [line for line in told if line["job_id"] == str(job_id)]


def unreadable(studio):
    """Attach ids that lead to no picture, each in a way of its own."""
    garbage = studio.attach(b"\x00 no picture", "garbage.png")
    truncated = studio.attach(picture()[:60], "truncated.png")
    return {
        "no row": NO_ROW,
        "no path": studio.attachment_row(None),
        "blank path": studio.attachment_row(""),
        "no object": studio.attachment_row("upload-nothing-there.png"),
        "no picture": garbage,
        "half a picture": truncated,
    }


def test_what_cannot_be_had_is_left_out_and_named_and_the_job_goes_on(world, studio, workers):
    token = uuid4().hex
    good = studio.attach(picture(), "good.png")
    bad = unreadable(studio)
    job_id = job(studio, token, *bad.values(), good, images=2)
    row = run(studio, job_id)
    assert (row["job_status"], row["completed_images"], row["failed_images"]) == ("completed", 2, 0)
    for attach_id in bad.values():
        assert f"Reference {attach_id} " in row["error_message"]
    assert f"Reference {good} " not in row["error_message"]
    assert [len(call.pictures) for call in world.calls(token)] == [1, 1]
    assert_books_agree(studio, job_id)


def test_a_path_is_read_in_every_form_that_has_one_sensible_reading(world, studio, workers):
    token, keys = uuid4().hex, ["forms/x.png", "forms//y.png", "forms/z.png "]
    for number, key in enumerate(keys):
        world.storage.put(key, picture(("red", "green", "blue")[number]))
    route = f"{world.storage.url}/storage/v1"
    paths = [
        *(f"{route}/object/public/attachments/{key.replace(' ', '%20')}" for key in keys),
        f"{route}/object/sign/attachments/forms/x.png?token=abc.def",
        "/storage/v1/render/image/authenticated/attachments/forms/x.png?width=9",
        *("attachments/forms/x.png", "/forms/x.png", "./forms/x.png", "forms/x.png?v=1", "forms%2Fx.png"),
        *("forms//y.png", "forms/z.png ", " forms/x.png\n", "forms///x.png"),
    ]
    attach_ids = [studio.attachment_row(path) for path in paths]
    job_id = job(studio, token, *attach_ids)
    row = run(studio, job_id)
    assert (row["job_status"], row["error_message"]) == ("completed", None)
    assert {line["attach_id"] for line in fetched(workers, job_id)} == set(attach_ids)
    assert "abc.def" not in workers.log.read_text()
    assert not [call for call in world.storage.calls() if "abc.def" in call.target]


def test_every_picture_that_people_reported_is_shown(world, studio, workers):
    files = sorted((Path(__file__).parents[1] / "unit" / "pictures").iterdir())
    attach_ids = [studio.attach(file.read_bytes(), file.name) for file in files]
    row = run(studio, job(studio, uuid4().hex, *attach_ids))
    assert (row["job_status"], row["error_message"]) == ("completed", None)
    told = {line["attach_id"] for line in fetched(workers, row["job_id"])}
    assert told == set(attach_ids)


def test_a_job_of_which_no_reference_is_left_fails_and_costs_nothing(world, studio, workers):
    token = uuid4().hex
    member = studio.member(100)
    bad = unreadable(studio)
    row = run(studio, job(studio, token, *bad.values(), images=2, member=member))
    assert (row["job_status"], row["completed_images"], row["failed_images"]) == ("failed", 0, 2)
    for attach_id in bad.values():
        assert f"Reference {attach_id} " in row["error_message"]
    assert world.calls(token) == []
    assert member_balance(studio, member) == 100


def test_one_missing_reference_fails_the_job_where_the_setting_says_so(world, pipeline):
    pipeline.workers(QUEL_MISSING_REFERENCE="fail")
    studio = pipeline.studio
    token, fine = uuid4().hex, uuid4().hex
    good = studio.attach(picture(), "good.png")
    row = run(studio, job(studio, token, good, NO_ROW, images=2))
    assert (row["job_status"], row["failed_images"]) == ("failed", 2)
    assert str(NO_ROW) in row["error_message"]
    assert world.calls(token) == []
    assert run(studio, job(studio, fine, good))["job_status"] == "completed"


def test_a_type_the_path_does_not_know_is_left_out_with_a_warning(world, studio, workers):
    token = uuid4().hex
    data = {
        "prompt": token,
        "uploadedAttachIds": [
            {"attachId": studio.attach(picture(), "good.png"), "type": "top"},
            {"attachId": studio.attach(picture(), "dish.png"), "type": "garnish"},
        ],
    }
    job_id = studio.job("simple_general", data, total_images=1, member=studio.member())
    row = run(studio, job_id)
    assert row["job_status"] == "completed"
    assert "garnish" in row["error_message"]
    assert [len(call.pictures) for call in world.calls(token)] == [1]


@pytest.mark.parametrize(("shot", "shown"), [("tight", ["top"]), ("middle", ["top", "pants"])])
def test_what_a_shot_of_a_model_cannot_show_is_not_sent_and_without_a_model_everything_is(
    world, studio, workers, shot, shown
):
    token = uuid4().hex
    attach_id = studio.attach(picture(), "good.png")
    clothes = ["top", "pants", "shoes"]
    stages = [
        {
            "prompt": f"{token} {len(types)}",
            "shotType": shot,
            "individualImageAttachIds": [{"attachId": attach_id, "type": type_} for type_ in types],
        }
        for types in (["model", *clothes], clothes)
    ]
    job_id = studio.job("pipeline_stage", {"stages": stages}, total_images=2, member=studio.member())
    row = run(studio, job_id)
    assert (row["job_status"], row["completed_images"], row["error_message"]) == ("completed", 2, None)
    sent = {len(call.pictures) for call in world.calls(token)}
    assert sent == {1 + len(shown), 3}


def test_a_reference_of_all_stages_and_images_is_read_once(world, studio, workers):
    attach_id = studio.attach(picture(), "shared.png")
    reads_before = len(world.storage.calls())
    reference = [{"attachId": attach_id, "type": "top"}]
    stages = [{"prompt": "a hill", "quantity": 2, "individualImageAttachIds": reference} for _ in range(3)]
    job_id = studio.job("pipeline_stage", {"stages": stages}, total_images=6, member=studio.member())
    assert run(studio, job_id)["completed_images"] == 6
    reads = [call for call in world.storage.calls(reads_before) if call.operation == "read"]
    assert len(reads) == 1


def test_a_reference_the_public_route_hides_is_read_with_the_service_key(world, studio, workers):
    token = uuid4().hex
    hidden = studio.attach(picture(), "hidden.png", public=False)
    reads_before = len(world.storage.calls())
    row = run(studio, job(studio, token, hidden))
    assert (row["job_status"], row["error_message"]) == ("completed", None)
    assert [len(call.pictures) for call in world.calls(token)] == [1]
    reads = [call for call in world.storage.calls(reads_before) if call.operation == "read"]
    assert "/object/public/" in reads[0].target
    assert not reads[0].authorized
    assert "/object/authenticated/" in reads[-1].target


def test_the_directory_counts_where_the_file_path_is_empty(world, studio, workers):
    token = uuid4().hex
    path = f"somewhere/{token}.png"
    world.storage.put(path, picture())
    both = [studio.attachment_row(empty, directory=path) for empty in ("", None)]
    job_id = job(studio, token, *both)
    row = run(studio, job_id)
    assert (row["job_status"], row["error_message"]) == ("completed", None)
    told = {line["attach_id"]: (line["object"], line["column"]) for line in fetched(workers, job_id)}
    assert told == dict.fromkeys(both, (path, "attach_directory"))


def test_a_fetched_reference_is_logged_with_its_object_but_not_with_whose_it_is(world, studio, workers):
    token, person = uuid4().hex, f"person-{uuid4().hex}"
    result = f"generated-images/user-{person}/generated_{token}.webp"
    world.storage.put(result, picture())
    upload, made = studio.attach(picture(), f"{token}.png"), studio.attachment_row(result)
    job_id = job(studio, token, upload, made)
    assert run(studio, job_id)["job_status"] == "completed"
    told = {line["attach_id"]: (line["object"], line["column"]) for line in fetched(workers, job_id)}
    assert told[upload][0].startswith("uploads/upload-")
    assert told[upload][0].endswith(f"{token}.png")
    assert told[upload][1] == "attach_file_path"
    assert told[made] == (f"generated-images/user-*/generated_{token}.webp", "attach_file_path")
    assert person not in workers.log.read_text()


def test_a_storage_that_falters_is_asked_again(world, studio, workers):
    token = uuid4().hex
    attach_id = studio.attach(picture(), f"{token}.png")
    world.storage.fail_next(storage_faults.internal_error(), containing=token, operation="read")
    row = run(studio, job(studio, token, attach_id))
    assert (row["job_status"], row["error_message"]) == ("completed", None)


def test_an_upload_that_falters_is_repeated_and_nothing_is_bought_twice(world, studio, workers):
    token = uuid4().hex
    job_id = job(studio, token, images=2)
    world.storage.fail_next(storage_faults.overloaded(), times=2, containing=str(job_id), operation="upload")
    row = run(studio, job_id)
    assert (row["job_status"], row["completed_images"]) == ("completed", 2)
    assert len(world.calls(token)) == 2
    assert_books_agree(studio, job_id)


@pytest.mark.parametrize(
    "path",
    [
        "../secrets/key.png",
        "uploads/../../secrets/key.png",
        "%2e%2e/secrets/key.png",
        "..%2fsecrets%2fkey.png",
        "%252e%252e%252fsecrets/key.png",
        "/etc/passwd",
        "http://169.254.169.254/latest/meta-data",
        "//elsewhere.example/key.png",
        "..\\secrets\\key.png",
        "uploads/a.png?token=x#y",
        "uploads/a\r\nX-Injected: 1.png",
    ],
)
def test_a_path_never_leads_out_of_the_bucket(world, studio, workers, path):
    before = len(world.storage.calls())
    attach_id = studio.attachment_row(path)
    row = run(studio, job(studio, uuid4().hex, attach_id))
    assert row["job_status"] == "failed"
    assert f"Reference {attach_id} " in row["error_message"]
    for call in world.storage.calls(before):
        assert call.bucket == "attachments"
        assert ".." not in call.path.split("/")
