"""What the doctor makes of workers, lists, waiting work and the quota that is used."""

import pytest

from quel.core.operations.backlog import Backlog
from quel.core.operations.doctor import (
    State,
    judge_lists,
    judge_queues,
    judge_quota_use,
    judge_waiting,
    judge_workers,
)
from quel.core.quota import QuotaUse


def test_workers_that_spoke_of_late_are_counted_and_none_is_a_note():
    assert judge_workers([0.5, 59.0, 61.0], 60.0).message.startswith("2 processes")
    silent = judge_workers([61.0], 60.0)
    assert (silent.state, "dramatiq quel.actors" in silent.message) == (State.NOTE, True)


@pytest.mark.parametrize(
    ("length", "silent_s", "state", "says"),
    [
        (3, 2.0, State.OK, "3 ids, watched 2 s ago"),
        (1_200, 90.0, State.TROUBLE, "1,200 ids, and nobody has watched it for 90 s"),
        (1, None, State.TROUBLE, "nobody has watched it in a day"),
        (0, None, State.NOTE, "empty, and nobody watches it"),
    ],
)
def test_a_list_that_nobody_watches_is_trouble_where_ids_lie_on_it(length, silent_s, state, says):
    (found,) = judge_lists({"jobs:queue": length}, {} if silent_s is None else {"jobs:queue": silent_s})
    assert (found.check, found.state) == ("Ingest", state)
    assert says in found.message


def test_what_waits_is_told_by_state_with_the_oldest_of_all_paths():
    jobs = (Backlog("eats", "pending", 2, 5.0), Backlog("fashion", "pending", 1_000, 70.0))
    lines = [finding.message for finding in judge_waiting(jobs, ())]
    assert lines == ["jobs: 1,002 pending (the oldest 70 s)", "images: none"]


def test_queues_are_told_and_dead_letters_are_a_note():
    counts = {("fetch_job", "waiting"): 3, ("fetch_job", "delayed"): 0, ("persist_output", "dead"): 2}
    queues, dead = judge_queues(counts)
    assert (queues.state, queues.message) == (State.OK, "fetch_job 3")
    assert (dead.state, dead.message[:10]) == (State.NOTE, "2 messages")


def test_the_quota_that_is_used_is_told_to_the_call_where_there_is_one():
    use = QuotaUse(minute=412, today=18_230, at_once=7)
    assert judge_quota_use(use, None, None, None) is None
    found = judge_quota_use(use, 600, 50_000, 8)
    assert found is not None
    assert found.message == "412 of 600 calls a minute, 18,230 of 50,000 today, 7 of 8 at once"
