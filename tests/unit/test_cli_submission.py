"""Which references of a submitted row are picture files, and what becomes of them."""

import pytest

from quel.core.operations.submit_job import check_row, picture_files, read_job, with_attachments

ROW = {"job_type": "simple_general", "total_images": 1, "job_input_data": {}}


def test_a_row_with_the_least_is_fine():
    assert check_row(ROW) is None


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ("text", "JSON object"),
        (ROW | {"job_type": None}, "job_type"),
        (ROW | {"job_type": ["simple_general"]}, "job_type"),
        (ROW | {"total_images": True}, "total_images"),
        (ROW | {"total_images": 2**31}, "total_images"),
        (ROW | {"job_input_data": None}, "job_input_data"),
        (ROW | {"batch_index": 1.5}, "batch_index"),
        (ROW | {"stage_name": "x" * 101}, "stage_name"),
        (ROW | {"quel_production_path": {"path": "eats"}}, "quel_production_path"),
    ],
)
def test_a_problem_names_its_column(row, named):
    assert named in (check_row(row) or "")


@pytest.mark.parametrize("value", [5, "5", " 5.0 ", "1e3", "-1", "", "  ", None, True, ["a.png"]])
def test_what_can_be_an_id_or_nothing_is_no_file(value):
    assert picture_files({"attachId": value}) == []


def test_files_are_found_wherever_references_stand_and_named_once():
    data = {
        "mergedImageAttachId": "a.png",
        "stages": [{"individualImageAttachIds": [{"attachId": "b.png"}, {"attachId": "a.png"}]}],
        "mergedImages": [{"mergedAttachId": "c.png", "wrappingPrompt": "d.png"}],
    }
    assert picture_files(data) == ["a.png", "b.png", "c.png"]


def test_only_files_are_replaced():
    data = {"prompt": "a.png", "uploadedAttachIds": [{"attachId": "a.png", "type": "top"}, {"attachId": 3}]}
    assert with_attachments(data, {"a.png": 7}.__getitem__) == {
        "prompt": "a.png",
        "uploadedAttachIds": [{"attachId": 7, "type": "top"}, {"attachId": 3}],
    }


def test_an_in_painting_is_submitted_to_be_paid_for_on_delivery():
    data = {"mask_data_url": "data:image/png;base64,AA==", "charged_on_delivery": False, "prompt": "a hat"}
    job = read_job(ROW | {"job_input_data": data})
    assert job.row["job_input_data"] == {
        "mask_data_url": "data:image/png;base64,AA==",
        "prompt": "a hat",
        "chargedOnDelivery": True,
    }
    plain = ROW | {"job_input_data": {"prompt": "a hat"}}
    assert read_job(plain).row == plain
