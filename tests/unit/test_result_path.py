"""Where results live: a path follows from the image alone and stays within its folder."""

import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quel.core.object_path import result_path

JOB_ID = UUID("00000000-0000-4000-8000-00000000a11c")
MEMBER_ID = UUID("00000000-0000-4000-8000-00000000beef")


def test_the_same_image_has_the_same_path():
    path = result_path("u-1_x", MEMBER_ID, JOB_ID, 7)
    assert path == f"generated-images/user-u-1_x/generated_{JOB_ID}_007.webp"
    assert path == result_path("u-1_x", None, str(JOB_ID), 7)


def test_images_of_a_job_differ():
    assert len({result_path("u", None, JOB_ID, number) for number in range(1200)}) == 1200


@pytest.mark.parametrize(
    ("user_id", "folder"), [("a.b@c", "user-abc"), ("../../etc", "user-etc"), ("김철수 7", "user-7")]
)
def test_a_user_keeps_only_plain_characters(user_id, folder):
    assert result_path(user_id, MEMBER_ID, JOB_ID, 0).split("/")[1] == folder


@pytest.mark.parametrize("user_id", [None, "", "../..", "한글"])
def test_without_a_usable_user_the_member_stands_in(user_id):
    assert f"/user-{MEMBER_ID}/" in result_path(user_id, MEMBER_ID, JOB_ID, 0)
    assert "/user-unknown/" in result_path(user_id, None, JOB_ID, 0)


def test_a_job_id_that_is_no_uuid_makes_no_path():
    with pytest.raises(ValueError, match="UUID"):
        result_path("u", None, "../evil", 0)


@given(st.one_of(st.none(), st.text()), st.integers(min_value=0, max_value=10_000))
def test_no_user_id_leads_out_of_the_folder(user_id, image_no):
    path = result_path(user_id, None, JOB_ID, image_no)
    assert re.fullmatch(
        r"generated-images/user-[A-Za-z0-9_-]{1,64}/generated_[0-9a-f-]{36}_\d{3,}\.webp", path
    )


def test_a_run_after_an_image_had_ended_has_a_path_of_its_own():
    paths = [result_path("u", None, JOB_ID, 7, run) for run in range(3)]
    assert paths[0] == result_path("u", None, JOB_ID, 7)
    assert [path.rsplit("_", 1)[1] for path in paths] == ["007.webp", "007-1.webp", "007-2.webp"]
