"""Whether and how a job closes, for every intent and every odd row: decided without a database."""

from uuid import UUID

import pytest

from quel.core.finalize_job import (
    CloseJob,
    ClosingFacts,
    GiveUpJob,
    ImageEnd,
    Intent,
    JobEnd,
    RefuseJob,
    decide,
    ended_elsewhere,
    withdraws,
)
from quel.core.job import JobStatus
from quel.core.job_end import leftovers
from quel.core.pipeline import FINAL_STATES, ImageState

PENDING, PROCESSING = JobStatus.PENDING, JobStatus.PROCESSING
COMPLETED, FAILED_JOB = JobStatus.COMPLETED, JobStatus.FAILED
CANCELLED_BY_SOMEBODY, USER_CANCELLED = JobStatus.CANCELLED, JobStatus.USER_CANCELLED
PLANNED, READY, GENERATING = ImageState.PLANNED, ImageState.READY, ImageState.GENERATING
MADE, STORED = ImageState.MADE, ImageState.STORED
FAILED, CANCELLED = ImageState.FAILED, ImageState.CANCELLED

CLOSE, CANCEL = CloseJob(), CloseJob(cancelled=True)
REFUSE = RefuseJob("The input is broken.")
GIVE_UP = GiveUpJob("stuck", "It never moved.")
INTENTS: list[Intent] = [CLOSE, CANCEL, REFUSE, GIVE_UP]
WAS_CANCELLED = "The job was cancelled."


def job(status, *states, claimed=True, dated=False, ids=(), ordered=2, **more) -> ClosingFacts:
    """A job of images in these states; an image that is stored is attachment 100 + its number."""
    images = tuple(
        ImageEnd(
            number,
            state,
            attach_id=100 + number if state is STORED else None,
            reason="It was blocked." if state is FAILED else None,
        )
        for number, state in enumerate(states)
    )
    return ClosingFacts(UUID(int=1), status, dated, claimed, ordered, ids, images, **more)


def unclaimed(status, ids=(), *, ordered=2, dated=False) -> ClosingFacts:
    return job(status, claimed=False, ids=ids, ordered=ordered, dated=dated)


def end(status, completed, failed, ids, message) -> JobEnd:
    return JobEnd(status, completed, failed, ids, message)


DECISIONS = {
    # how a job closes by itself
    "all stored": (job(PROCESSING, STORED, STORED), CLOSE, end(COMPLETED, 2, 0, (100, 101), None)),
    "some failed": (
        job(PROCESSING, STORED, FAILED),
        CLOSE,
        end(COMPLETED, 1, 1, (100,), "Image 2 of 2 failed: It was blocked."),
    ),
    "all failed": (
        job(PROCESSING, FAILED, FAILED, ordered=7),
        CLOSE,
        end(FAILED_JOB, 0, 7, (), "All 2 images failed: It was blocked."),
    ),
    "adopted ones beyond the plan stay behind it": (
        job(PROCESSING, STORED, extra_attach_ids=(7, 100, 8)),
        CLOSE,
        end(COMPLETED, 1, 0, (100, 7, 8), None),
    ),
    "warnings stay": (
        job(PROCESSING, STORED, warnings=("A reference was left out.",)),
        CLOSE,
        end(COMPLETED, 1, 0, (100,), "A reference was left out."),
    ),
    "one on its way": (job(PROCESSING, STORED, MADE), CLOSE, None),
    "set back to pending, though all has ended": (job(PENDING, STORED, FAILED), CLOSE, None),
    "not begun": (unclaimed(PENDING), CLOSE, None),
    "another server's": (unclaimed(PROCESSING, [5]), CLOSE, None),
    "closed as completed": (job(COMPLETED, STORED, dated=True), CLOSE, None),
    "closed as failed, undated": (job(FAILED_JOB, FAILED), CLOSE, None),
    "ended by somebody else, one on its way": (job(COMPLETED, STORED, MADE, dated=True), CLOSE, None),
    # cancelled
    "cancelled while it runs": (
        job(PROCESSING, STORED, GENERATING, FAILED),
        CANCEL,
        end(USER_CANCELLED, 1, 1, (100,), f"{WAS_CANCELLED} Image 3 of 3 failed: It was blocked."),
    ),
    "cancelled when everything is stored": (
        job(PROCESSING, STORED, STORED),
        CANCEL,
        end(COMPLETED, 2, 0, (100, 101), None),
    ),
    "cancelled before it is begun": (
        unclaimed(PENDING),
        CANCEL,
        end(USER_CANCELLED, 0, 0, (), WAS_CANCELLED),
    ),
    "cancelled before it is begun, with adopted ones": (
        unclaimed(PENDING, [5, "6"]),
        CANCEL,
        end(USER_CANCELLED, 2, 0, (5, 6), WAS_CANCELLED),
    ),
    "cancelled when set back to pending": (
        job(PENDING, STORED, READY),
        CANCEL,
        end(USER_CANCELLED, 1, 0, (100,), WAS_CANCELLED),
    ),
    "the row is marked": (
        job(CANCELLED_BY_SOMEBODY, STORED, PLANNED),
        CLOSE,
        end(USER_CANCELLED, 1, 0, (100,), WAS_CANCELLED),
    ),
    "the row is marked, everything was stored": (
        job(USER_CANCELLED, STORED),
        CLOSE,
        end(USER_CANCELLED, 1, 0, (100,), WAS_CANCELLED),
    ),
    "marked by somebody who wrote completed_at, one on its way": (
        job(USER_CANCELLED, STORED, MADE, dated=True),
        CLOSE,
        end(USER_CANCELLED, 1, 0, (100,), WAS_CANCELLED),
    ),
    "marked and dated, nothing on its way": (job(USER_CANCELLED, STORED, CANCELLED, dated=True), CLOSE, None),
    "marked and not begun": (
        unclaimed(USER_CANCELLED),
        CLOSE,
        end(USER_CANCELLED, 0, 0, (), WAS_CANCELLED),
    ),
    "marked, dated and not begun": (unclaimed(CANCELLED_BY_SOMEBODY, dated=True), CLOSE, None),
    "cancelled after it was closed": (job(COMPLETED, STORED, dated=True), CANCEL, None),
    # refused
    "refused": (unclaimed(PENDING), REFUSE, end(FAILED_JOB, 0, 2, (), REFUSE.reason)),
    "refused, nothing ordered": (
        unclaimed(PENDING, ordered=-5),
        REFUSE,
        end(FAILED_JOB, 0, 0, (), REFUSE.reason),
    ),
    "refused with some adopted": (
        unclaimed(PENDING, [5], ordered=3),
        REFUSE,
        end(COMPLETED, 1, 2, (5,), "Images 2 and 3 of 3 failed: The input is broken."),
    ),
    "refused with all adopted": (
        unclaimed(PENDING, [5, 6]),
        REFUSE,
        end(COMPLETED, 2, 0, (5, 6), REFUSE.reason),
    ),
    "refused after it was set back to pending": (
        job(PENDING, STORED, READY, ids=[100]),
        REFUSE,
        end(COMPLETED, 1, 1, (100,), "Image 2 of 2 failed: The input is broken."),
    ),
    "refused, but begun meanwhile": (job(PROCESSING, PLANNED, PLANNED), REFUSE, None),
    "refused, but cancelled meanwhile": (unclaimed(USER_CANCELLED), REFUSE, None),
    # given up
    "given up": (
        job(PROCESSING, STORED, GENERATING, FAILED, CANCELLED),
        GIVE_UP,
        end(
            USER_CANCELLED,
            1,
            2,
            (100,),
            f"{WAS_CANCELLED} Image 2 of 4 failed: It never moved. Image 3 of 4 failed: It was blocked.",
        ),
    ),
    "given up with nothing": (
        job(PROCESSING, PLANNED, READY),
        GIVE_UP,
        end(FAILED_JOB, 0, 2, (), "All 2 images failed: It never moved."),
    ),
    "given up when all was stored": (job(PROCESSING, STORED), GIVE_UP, end(COMPLETED, 1, 0, (100,), None)),
    "given up when set back to pending": (
        job(PENDING, STORED, READY),
        GIVE_UP,
        end(COMPLETED, 1, 1, (100,), "Image 2 of 2 failed: It never moved."),
    ),
    "given up without a plan": (unclaimed(PENDING), GIVE_UP, end(FAILED_JOB, 0, 2, (), GIVE_UP.reason)),
    "given up as an orphan with ids": (
        unclaimed(PROCESSING, [5], ordered=2),
        GIVE_UP,
        end(COMPLETED, 1, 1, (5,), "Image 2 of 2 failed: It never moved."),
    ),
    "given up, but closed": (job(FAILED_JOB, FAILED, dated=True), GIVE_UP, None),
}


@pytest.mark.parametrize(("facts", "intent", "expected"), DECISIONS.values(), ids=DECISIONS)
def test_a_job_closes_as_its_rows_say(facts, intent, expected):
    assert decide(facts, intent) == expected


ODD_IDS: dict[str, tuple[object, tuple[int, ...]]] = {
    "null": (None, ()),
    "an object": ({"5": 6}, ()),
    "a text": ("5", ()),
    "a number": (5, ()),
    "true": (True, ()),
    "ids as texts and floats": (["5", 6.0, " 7 "], (5, 6, 7)),
    "the same id in several shapes": ([5, "5", 5.0], (5,)),
    "things that are no ids": ([None, {}, [5], "x", -1, 0, 1.5, float("nan"), 10**400, 5], (5,)),
}


@pytest.mark.parametrize(("value", "ids"), ODD_IDS.values(), ids=ODD_IDS)
@pytest.mark.parametrize("intent", [CANCEL, REFUSE, GIVE_UP])
def test_generated_attach_ids_of_any_shape_are_read_for_what_they_are(value, ids, intent):
    decided = decide(unclaimed(PENDING, value, ordered=1), intent)
    assert decided is not None
    assert (decided.attach_ids, decided.completed_images) == (ids, len(ids))


@pytest.mark.parametrize("ordered", [-(2**31), -1, 0, 1, 2**31 - 1])
@pytest.mark.parametrize("intent", [CANCEL, REFUSE, GIVE_UP])
def test_a_hostile_total_images_makes_neither_a_huge_nor_a_negative_end(ordered, intent):
    nothing = decide(unclaimed(PENDING, ordered=ordered), intent)
    assert nothing is not None
    assert nothing.failed_images == (0 if intent is CANCEL else max(ordered, 0))
    some = decide(unclaimed(PENDING, [5], ordered=ordered), intent)
    assert some is not None
    assert 0 <= some.failed_images <= 1_000
    assert len(some.error_message or "") <= 4_000


@pytest.mark.parametrize("intent", INTENTS, ids=str)
@pytest.mark.parametrize("status", [COMPLETED, FAILED_JOB])
@pytest.mark.parametrize("state", ImageState)
def test_what_has_ended_is_never_ended_again(intent, status, state):
    assert decide(job(status, state), intent) is None


@pytest.mark.parametrize("status", JobStatus)
@pytest.mark.parametrize("state", sorted(set(ImageState) - FINAL_STATES))
def test_no_job_closes_by_itself_with_an_image_on_its_way_unless_it_is_cancelled(status, state):
    facts = job(status, STORED, state)
    assert (decide(facts, CLOSE) is not None) == withdraws(facts, CLOSE)


def test_only_a_cancelled_job_withdraws_images():
    running, marked = job(PROCESSING, MADE), job(CANCELLED_BY_SOMEBODY, MADE)
    assert [withdraws(running, intent) for intent in INTENTS] == [False, True, False, False]
    assert [withdraws(marked, intent) for intent in INTENTS] == [True, True, False, False]


def test_what_somebody_else_ended_keeps_its_status_and_what_was_delivered():
    facts = job(COMPLETED, STORED, CANCELLED, FAILED, extra_attach_ids=(9, 100))
    assert ended_elsewhere(facts) == JobEnd(COMPLETED, 1, 1, (100, 9), None)


def test_leftovers_are_pictures_once_each_and_what_was_paid_for_and_is_unwanted():
    images = [
        ImageEnd(0, STORED, 100, picture_keys=("a", "b"), is_paid=True),
        ImageEnd(1, FAILED, picture_keys=("b", "c"), is_paid=True),
        ImageEnd(2, CANCELLED, is_paid=True),
        ImageEnd(3, FAILED),
        ImageEnd(4, MADE, is_paid=True),
    ]
    left = leftovers(images, withdrawn=1)
    assert (left.images, left.picture_keys, left.dropped, left.withdrawn) == (5, ("a", "b", "c"), (1, 2), 1)
