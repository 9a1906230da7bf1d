"""How jobs and productions end (SPEC 5, "Ends"), from the states of their images."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quel.core.finalize_job import ImageEnd, JobEnd, merge_attach_ids, settle, settle_production
from quel.core.job import JobStatus
from quel.core.pipeline import FINAL_STATES, ImageState


def end(number, state):
    return ImageEnd(
        number,
        state,
        attach_id=100 + number if state is ImageState.STORED else None,
        reason="It was blocked." if state is ImageState.FAILED else None,
    )


def ends(*states):
    return [end(number, state) for number, state in enumerate(states)]


def settled(images: list[ImageEnd], **facts: Any) -> JobEnd:
    outcome = settle(images, **facts)
    assert outcome is not None
    return outcome


STORED, FAILED, CANCELLED = ImageState.STORED, ImageState.FAILED, ImageState.CANCELLED
states = st.lists(st.sampled_from(sorted(FINAL_STATES)), min_size=1, max_size=12)


@given(states, st.integers(-3, 20), st.booleans())
def test_every_image_is_counted_once_and_the_status_follows(final, total, cancelled):
    outcome = settled(ends(*final), total_images=total, warnings=("W.",), cancelled=cancelled)
    assert outcome.completed_images == final.count(STORED) == len(outcome.attach_ids)
    assert outcome.attach_ids == tuple(sorted(outcome.attach_ids))
    if cancelled or CANCELLED in final:
        assert (outcome.status, outcome.failed_images) == (JobStatus.USER_CANCELLED, final.count(FAILED))
    elif STORED in final:
        assert (outcome.status, outcome.failed_images) == (JobStatus.COMPLETED, final.count(FAILED))
    else:
        assert (outcome.status, outcome.failed_images) == (JobStatus.FAILED, max(total, 0))
    assert (outcome.error_message or "").endswith("W.")


@given(states, st.sampled_from(sorted(set(ImageState) - FINAL_STATES)))
def test_a_job_with_an_image_on_its_way_has_no_end(final, open_state):
    assert settle(ends(*final, open_state), total_images=3, warnings=(), cancelled=False) is None


def test_a_job_that_lost_nothing_says_nothing():
    assert settled(ends(STORED, STORED), total_images=2, warnings=(), cancelled=False).error_message is None


def test_reasons_name_the_images_as_people_count_them():
    outcome = settled(ends(STORED, FAILED, FAILED), total_images=3, warnings=(), cancelled=False)
    assert outcome.error_message == "Images 2 and 3 of 3 failed: It was blocked."


def test_thousands_of_warnings_do_not_make_an_endless_message():
    outcome = settled(ends(STORED), total_images=1, warnings=["Left out."] * 10_000, cancelled=False)
    assert 0 < len(outcome.error_message or "") <= 4_000


@pytest.mark.parametrize(
    ("jobs", "production"),
    [
        (["completed"], "completed"),
        (["failed"], "failed"),
        (["user_cancelled"], "user_cancelled"),
        (["completed", "pending"], "processing"),
        (["failed", "processing"], "processing"),
        (["failed", "completed"], "completed"),
        (["user_cancelled", "completed"], "completed"),
        (["failed", "cancelled"], "user_cancelled"),
    ],
)
def test_a_production_stays_open_until_its_last_job_and_is_completed_by_any(jobs, production):
    assert settle_production([JobStatus(job) for job in jobs]) == JobStatus(production)


@given(st.lists(st.integers(1, 30)), st.lists(st.integers(1, 30), unique=True))
def test_merged_ids_keep_what_was_there_and_take_each_new_one_once(existing, new):
    merged, added = merge_attach_ids(existing, new)
    assert merged[: len(existing)] == existing
    assert set(merged) == {*existing, *new}
    assert added == len(set(new) - set(existing)) == len(merged) - len(existing)
    assert merge_attach_ids(merged, new) == (merged, 0)


def test_ids_beyond_the_plan_stay_behind_the_plans_own():
    images = [ImageEnd(0, ImageState.STORED, 11), ImageEnd(1, ImageState.STORED, 12)]
    end = settled(images, total_images=2, warnings=(), cancelled=False, extra_attach_ids=(13, 11))
    assert (end.attach_ids, end.completed_images) == ((11, 12, 13), 2)
