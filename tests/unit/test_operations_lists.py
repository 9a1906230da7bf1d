"""Looking at jobs, dead letters, rejected entries, pauses and paths: what is chosen, moved and counted."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from quel.core.errors import InvalidInput, NotFound
from quel.core.operations.dead_letters import DeadLetter
from quel.core.operations.rejected import Rejected
from quel.operations.backfill_paths import PathCounts, backfill_paths, count_without_path
from quel.operations.dead_letters import Chosen, Moved, dead_letters, drop_letters, requeue_letters
from quel.operations.job_list import jobs_named
from quel.operations.pause import PausedPath, pause, resume
from quel.operations.rejected import Pushed, drop_rejected, push_rejected
from tests.unit.operator_services import GivenServices


def letter(letter_id, queue="fetch_job"):
    return DeadLetter(
        queue=queue,
        id=letter_id,
        actor=queue,
        job_id=None,
        image_no=None,
        retries=8,
        died_at=datetime(2026, 1, 1, tzinfo=UTC),
        traceback=None,
        message=b"{}",
    )


class Letters:
    """Dead letters, some of which somebody else takes first."""

    def __init__(self, *ids, taken=()):
        self.left, self.taken, self.requeued = [letter(each) for each in ids], taken, []

    def letters(self, queue=None):
        return [each for each in self.left if queue is None or each.queue == queue]

    def requeue(self, each):
        self.requeued.append(each.id)
        return each.id not in self.taken

    def drop(self, each):
        return each.id not in self.taken


def letters_chosen(chosen):
    return [each.id for each in dead_letters(GivenServices(dead_letters=Letters("a1", "a2", "b1")), chosen)]


def test_letters_are_chosen_by_the_beginnings_of_their_ids_in_that_order():
    assert letters_chosen(Chosen(["b", "a1"])) == ["b1", "a1"]
    assert letters_chosen(Chosen(everything=True)) == ["a1", "a2", "b1"]


@pytest.mark.parametrize(
    ("chosen", "error", "says"),
    [
        (Chosen(), InvalidInput, "Say which"),
        (Chosen(["a"]), InvalidInput, "beginning of several ids"),
        (Chosen(["b", "c"]), NotFound, 'no dead letter "c"'),
    ],
)
def test_a_choice_that_is_none_moves_nothing(chosen, error, says):
    letters = Letters("a1", "a2", "b1")
    with pytest.raises(error, match=says):
        requeue_letters(GivenServices(dead_letters=letters), chosen)
    assert letters.requeued == []


def test_what_somebody_else_took_meanwhile_is_counted_apart():
    letters = Letters("a1", "a2", "b1", taken=("a2",))
    services = GivenServices(dead_letters=letters)
    assert requeue_letters(services, Chosen(everything=True)) == Moved(done=2, gone=1)
    assert letters.requeued == ["a1", "a2", "b1"]
    assert drop_letters(services, Chosen(["a2"])) == Moved(done=0, gone=1)


class Entries:
    """Rejected entries; those that are job ids can be pushed."""

    def __init__(self, *entries):
        self.left = [Rejected("2026-01-01", "jobs:queue", "junk", len(e), e, e.encode()) for e in entries]
        self.pushed = []

    def entries(self):
        return self.left

    def push_again(self, entry, queue):
        if entry.job_id is None:
            return False
        self.pushed.append((queue, entry.job_id))
        return True

    def drop(self, _):
        return True


def test_rejected_job_ids_are_pushed_on_the_first_list_and_the_rest_stays():
    entries, job_id = Entries("junk", str(UUID(int=1))), UUID(int=1)
    services = GivenServices(rejected=entries, environment={"QUEL_INGEST_QUEUES": "first,second"})
    assert push_rejected(services) == Pushed(pushed=1, found=2, queue="first")
    assert entries.pushed == [("first", job_id)]
    assert drop_rejected(services) == 2


class Brake:
    """The operator's brake."""

    def __init__(self):
        self.set = {}

    def pause(self, path, why):
        self.set[path or "*"] = {"since": "2026-01-01T00:00:00+00:00", "why": why}

    def resume(self, path):
        self.set = {} if path is None else {name: note for name, note in self.set.items() if name != path}

    def notes(self):
        return self.set


def test_pauses_are_told_by_name_and_everything_as_no_path():
    services = GivenServices(pause=Brake())
    since = "2026-01-01T00:00:00+00:00"
    assert pause(services, "eats", "") == [PausedPath("eats", since, "")]
    assert pause(services, None, "outage") == [
        PausedPath(None, since, "outage"),
        PausedPath("eats", since, ""),
    ]
    assert resume(services, "eats") == [PausedPath(None, since, "outage")]
    assert resume(services, None) == []


class Paths:
    """Three jobs and two productions without a path, one of which somebody is writing."""

    def __init__(self):
        self.left = (3, 2)

    def without_path(self):
        return self.left

    def backfill_jobs(self):
        self.left = (1, 2)
        return 2

    def backfill_productions(self):
        self.left = (self.left[0], 0)
        return 2


def test_paths_are_filled_and_what_is_left_is_counted():
    services = GivenServices(backfill_paths=Paths())
    assert count_without_path(services) == PathCounts(3, 2)
    assert backfill_paths(services) == PathCounts(2, 2, left=1)


class NoJobs:
    """A list without jobs."""

    def jobs_by_id(self, _):
        return []


def test_jobs_that_must_be_there_are_named_where_they_are_not():
    with pytest.raises(NotFound, match=f"There is no job {UUID(int=1)}, {UUID(int=2)}"):
        jobs_named(GivenServices(job_list=NoJobs()), [UUID(int=1), UUID(int=2)])
