"""A plan that lies in a row is read by the releases on either side of a rolling deploy."""

from typing import Any
from uuid import uuid4

from quel.adapters.postgres.claim_job import PLAN
from quel.core.job import ItemRequest, JobPlan, JobRequest
from quel.core.plan import make_plan
from quel.core.request import parse_request

OF_THE_RELEASE_BEFORE: dict[str, Any] = {
    "request": {
        "job_type": "simple_general",
        "stages": [
            {
                "prompt": "best quality, masterpiece",
                "aspect_ratio": {"width": 16, "height": 9},
                "references": [{"attach_id": 501, "type": "top", "where": "uploadedAttachIds[0]"}],
                "items": [{"angle": "front", "shot": "full", "quantity": 1, "fx": None}],
                "negative_prompt": "",
                "pre_edited": None,
            }
        ],
        "user_id": None,
    },
    "images": [{"image_no": 0, "stage": 0, "item": 0, "number": 0, "seed": 7}],
    "ordered": 1,
}


def test_a_plan_of_the_release_before_is_read():
    plan = PLAN.validate_python(OF_THE_RELEASE_BEFORE)
    assert plan.request.image_size is None
    assert plan.request.stages[0].items == (ItemRequest("front", "full", 1),)


def test_the_release_before_reads_a_plan_of_this_one():
    """It wants text for angle and shot, which may be empty, and looks at no further keys."""
    request = parse_request("simple_general", {"prompt": "x", "imageSize": "2K"}, total_images=1)
    assert isinstance(request, JobRequest)
    plan = make_plan(request, total_images=1, job_id=uuid4(), max_images=9)
    assert isinstance(plan, JobPlan)
    written = PLAN.dump_python(plan, mode="json")
    (stage,) = written["request"]["stages"]
    assert (stage["prompt"], stage["items"][0]["angle"], stage["items"][0]["shot"]) == ("x", "", "")
    known = OF_THE_RELEASE_BEFORE["request"]
    assert known.keys() <= written["request"].keys()
    assert known["stages"][0].keys() <= stage.keys()
