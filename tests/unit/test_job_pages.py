"""Pages of jobs, short ids, and what an image waits for, decided from values alone."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from quel.core.errors import InvalidInput, NotFound
from quel.core.job import JobStatus
from quel.core.operations.job_list import (
    JobFilter,
    JobView,
    Place,
    id_range,
    read_cursor,
    write_cursor,
)
from quel.core.operations.job_page import ImageFacts, JobContext, job_waits_for, waits_for
from quel.core.operator_fault import OperatorFault
from quel.core.pipeline import ImageState
from quel.operations.job_list import job_ids_named, list_jobs
from tests.unit.operator_services import GivenServices

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
VIEW = JobView(
    job_id=UUID(int=1),
    job_type="single_batch",
    status=JobStatus.PENDING,
    path="fashion",
    total_images=2,
    completed=0,
    failed=0,
    created_at=AT,
    started_at=None,
    completed_at=None,
    error_message=None,
    recoveries=0,
    age_s=3.0,
)
CHOSEN = JobFilter(path="eats", statuses=(JobStatus.FAILED,))


class Jobs:
    """Seven jobs of one moment, in pages."""

    def __init__(self):
        self.views = [replace(VIEW, job_id=UUID(int=n)) for n in range(1, 8)]

    def jobs(self, _, *, most, newest, after):
        views = self.views[::-1] if newest else self.views
        if after is not None:
            ids = [view.job_id for view in views]
            views = views[ids.index(after.job_id) + 1 :]
        return views[:most]

    def ids_between(self, first, last, most):
        return [view.job_id for view in self.views if first <= view.job_id <= last][:most]


@pytest.mark.parametrize("newest", [False, True])
def test_a_walk_through_the_pages_meets_each_job_once_and_ends(newest):
    services, cursor, met = GivenServices(job_list=Jobs()), None, []
    for _ in range(4):
        page = list_jobs(services, CHOSEN, most=2, newest=newest, cursor=cursor)
        met += [view.job_id.int for view in page.jobs]
        cursor = page.next_cursor
    assert met == (list(range(7, 0, -1)) if newest else list(range(1, 8)))
    assert cursor is None


def test_a_cursor_holds_for_its_filter_and_order_alone():
    cursor = write_cursor(Place(AT, UUID(int=5)), CHOSEN, newest=True)
    assert read_cursor(cursor, CHOSEN, newest=True) == Place(AT, UUID(int=5))
    for other, newest in ((replace(CHOSEN, path=None), True), (CHOSEN, False)):
        with pytest.raises(InvalidInput, match="another filter or order"):
            read_cursor(cursor, other, newest=newest)


@pytest.mark.parametrize("cursor", ["", "x", "é", "W10", "bnVsbA", "WyIyMDI2IiwgIngiLCAieCJd", "[" * 9_000])
def test_what_is_no_cursor_is_told_and_nothing_else(cursor):
    with pytest.raises(InvalidInput, match="The cursor"):
        read_cursor(cursor, CHOSEN, newest=True)


def test_a_beginning_of_six_digits_names_the_only_job_that_begins_so():
    jobs = Jobs()
    jobs.views = [
        replace(VIEW, job_id=UUID(f"{n}".ljust(32, "0"))) for n in ("abcdef01", "abcdef02", "123456")
    ]
    services = GivenServices(job_list=jobs)
    whole = UUID(int=77)
    assert job_ids_named(services, ["ABCDEF01", str(whole), "1234-56"]) == [
        jobs.views[0].job_id,
        whole,
        jobs.views[2].job_id,
    ]
    with pytest.raises(InvalidInput, match=r"Several ids begin with abcdef: abcdef01-.*abcdef02-"):
        job_ids_named(services, ["abcdef"])
    with pytest.raises(NotFound, match="There is no job fedcba"):
        job_ids_named(services, ["fedcba"])
    for word in ("abcde", "", "portrait.png", "a" * 33, "abcdeg"):
        assert id_range(word) is None
        with pytest.raises(InvalidInput, match="is no job id"):
            job_ids_named(services, [word])


IMAGE = ImageFacts(
    image=3,
    stage=1,
    angle="front",
    shot="full",
    fx=None,
    state=ImageState.READY,
    failed_calls=0,
    retry_in_s=0.0,
    leased_s=0.0,
    moved_s=4.0,
    before=0,
    reason_code=None,
    reason=None,
    cost_usd=0.0,
    charged=0,
    attach_id=None,
    attach_path=None,
    pictures=2,
    seed=1,
    history=(),
    prompt=None,
)
FREE = JobContext({}, frozenset(), 0.0, "")
PAUSED = {"since": "2026-01-01", "why": "a deploy"}


@pytest.mark.parametrize(
    ("image", "context", "says"),
    [
        (IMAGE, FREE, "next to go"),
        (replace(IMAGE, before=12), FREE, "12 images go before it"),
        (replace(IMAGE, before=1_000), FREE, "1,000 or more"),
        (
            replace(IMAGE, retry_in_s=7.4, failed_calls=2),
            FREE,
            "After 2 failing calls it is tried again in 7 s",
        ),
        (IMAGE, replace(FREE, paused={"*": PAUSED}), "Everything is paused since 2026-01-01: a deploy"),
        (IMAGE, replace(FREE, paused={"fashion": PAUSED}), "The path fashion is paused"),
        (IMAGE, replace(FREE, paused={"eats": PAUSED}), "next to go"),
        (IMAGE, replace(FREE, disabled_paths=frozenset({"fashion"})), "switched off"),
        (IMAGE, replace(FREE, blocked_for_s=61.0, blocked_reason="day"), "closed for 61 s more (day)"),
        (IMAGE, replace(FREE, blocked_reason=OperatorFault.SPENDING_CAP), "spending cap"),
        (IMAGE, replace(FREE, unknown="Redis is away."), "Redis is away."),
        (replace(IMAGE, state=ImageState.PLANNED), FREE, "references"),
        (replace(IMAGE, state=ImageState.GENERATING, leased_s=9.0), FREE, "at the provider since 4 s"),
        (replace(IMAGE, state=ImageState.GENERATING), FREE, "is gone"),
        (replace(IMAGE, state=ImageState.MADE), FREE, "waits to be stored"),
        (replace(IMAGE, state=ImageState.MADE, retry_in_s=5.0), FREE, "again in 5 s"),
    ],
)
def test_an_image_says_what_it_waits_for(image, context, says):
    assert says in (waits_for(image, "fashion", context) or "")


@pytest.mark.parametrize("state", [ImageState.STORED, ImageState.FAILED, ImageState.CANCELLED])
def test_what_has_ended_waits_for_nothing(state):
    assert waits_for(replace(IMAGE, state=state), "fashion", FREE) is None


def test_a_job_without_images_says_why():
    assert "taken it up" in (job_waits_for(VIEW, 0, FREE) or "")
    assert job_waits_for(VIEW, 2, FREE) is None
    marked = replace(VIEW, status=JobStatus.USER_CANCELLED)
    assert "waits for a worker to close it" in (job_waits_for(marked, 2, FREE) or "")
    assert job_waits_for(replace(marked, completed_at=AT), 2, FREE) is None


def test_of_what_a_customer_was_told_the_first_sentence_is_shown():
    told = replace(VIEW, error_message="The provider was\noverloaded. Image 2 is missing.")
    assert told.why == "The provider was overloaded."
    assert VIEW.why == ""
