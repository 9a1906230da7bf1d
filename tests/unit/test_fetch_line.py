"""Ids on their way to fetch_job: at once while few wait, else in the order of a line."""

from uuid import UUID

import pytest

from quel.actors.fetch_line import MOST_WAITING, FetchLine
from quel.core.errors import ServiceUnavailable
from quel.core.pipeline import Step, StepMessage

JOBS = [UUID(int=number) for number in range(1, 21)]
UNKNOWN = UUID(int=99)


class Rows:
    """A line without turns, first in, first out."""

    def __init__(self):
        self.waiting, self.taken = [], []
        self.is_down = False

    def line_up(self, job_ids):
        if self.is_down:
            raise ServiceUnavailable("PostgreSQL does not answer.")
        known = [job_id for job_id in job_ids if job_id != UNKNOWN]
        self.waiting += known
        return set(known)

    def take(self, most):
        self.taken, self.waiting = self.waiting[:most], self.waiting[most:]
        return self.taken

    def leave(self, job_ids):
        assert job_ids == self.taken
        self.taken = []


class World:
    def __init__(self):
        self.rows = Rows()
        self.messages: list[StepMessage] = []
        self.line = FetchLine(self.rows, send=self.messages.extend, backlog=lambda: len(self.messages))

    def fetch(self, number):
        """Workers take so many messages."""
        taken = [message.job_id for message in self.messages[:number]]
        del self.messages[:number]
        return taken


@pytest.fixture
def world():
    return World()


def test_few_ids_are_sent_for_at_once(world):
    world.line.hand_on(JOBS[:MOST_WAITING])
    assert world.messages == [StepMessage(Step.FETCH_JOB, job_id) for job_id in JOBS[:MOST_WAITING]]
    assert world.rows.waiting == []


def test_many_ids_wait_in_line_and_few_are_sent_for_at_a_time(world):
    world.line.hand_on(JOBS)
    fetched = []
    while world.line.feed():
        assert len(world.messages) <= MOST_WAITING
        fetched += world.fetch(2)
    assert fetched + world.fetch(MOST_WAITING) == JOBS
    assert not world.line.feed()


def test_one_more_id_stands_in_the_line_while_there_is_one(world):
    world.line.hand_on(JOBS[:-1])
    world.line.feed()
    world.fetch(MOST_WAITING)
    world.line.hand_on(JOBS[-1:])
    assert world.messages == []
    assert world.rows.waiting[-1] == JOBS[-1]


def test_an_id_that_waits_in_no_row_is_sent_for_at_once(world):
    world.line.hand_on([*JOBS, UNKNOWN])
    assert world.messages == [StepMessage(Step.FETCH_JOB, UNKNOWN)]


def test_where_rows_cannot_be_had_ids_are_sent_for_as_they_come(world):
    world.rows.is_down = True
    world.line.hand_on(JOBS)
    assert world.fetch(len(JOBS)) == JOBS


def test_nothing_is_taken_up_while_nobody_fetches(world):
    world.line.hand_on(JOBS)
    world.line.feed()
    assert world.line.feed()
    assert len(world.messages) == MOST_WAITING


def test_what_another_process_left_in_the_line_is_looked_for(world):
    world.rows.waiting = JOBS[:2]
    world.line.feed()
    assert world.fetch(2) == JOBS[:2]
