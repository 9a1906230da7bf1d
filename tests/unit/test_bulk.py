"""Many jobs at once: the words that mean them, what they come to, and what becomes of each."""

from dataclasses import replace
from uuid import UUID

import pytest

from quel.core.credits import PayerKind
from quel.core.errors import Conflict, DatabaseError, InvalidInput, ServiceUnavailable
from quel.core.fetch_job import JobFacts
from quel.core.job import JobStatus
from quel.core.operations.action_log import Actor, Channel
from quel.core.operations.bulk import (
    MOST_AT_ONCE,
    PAYER_GONE,
    TOO_POOR,
    Batch,
    BulkAction,
    BulkEstimate,
    BulkOrder,
    JobCost,
    MeantJob,
    check_expected,
    estimate,
    read_where,
)
from quel.core.operations.job_list import JobFilter
from quel.core.pipeline import Step
from quel.operations import bulk
from quel.operations.retry_job import NothingMissing, PlannedAgain
from tests.unit.operator_services import GivenServices

ONE, TWO, THREE = UUID(int=1), UUID(int=2), UUID(int=3)
ADA, BOB = (PayerKind.MEMBER, UUID(int=7)), (PayerKind.ORGANIZATION, UUID(int=8))


def test_words_are_read():
    found = read_where("reason=overloaded  since=2w status=failed status=COMPLETED path=EATS")
    assert found == JobFilter(
        path="eats",
        statuses=(JobStatus.FAILED, JobStatus.COMPLETED),
        reason="overloaded",
        since_s=14 * 86_400.0,
    )
    assert read_where(f"org={ONE}") == JobFilter(org_id=ONE)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("", "Say which jobs"),
        ("everything", "KEY=VALUE"),
        ("reason=", "KEY=VALUE"),
        ("raeson=x", "KEY=VALUE"),
        ("reason=x reason=y", "said twice"),
        ("path=zoo", "There is no path"),
        ("status=lost", "is no status"),
        ("type=video", "is no job type"),
        ("org=me", "is no id"),
        ("since=soon", "is no duration"),
        ("since=٣d", "is no duration"),
    ],
)
def test_what_cannot_be_read_is_told(words, says):
    with pytest.raises(InvalidInput, match=says):
        read_where(words)


def test_an_order_means_jobs_that_it_can_be_done_for_and_a_week_where_no_time_is_given():
    retry = BulkOrder(BulkAction.RETRY, read_where("path=eats")).narrowed
    assert set(retry.statuses).isdisjoint({JobStatus.PENDING, JobStatus.PROCESSING})
    assert retry.since_s == 7 * 86_400
    both = JobFilter(statuses=(JobStatus.PENDING, JobStatus.FAILED), since_s=60.0)
    assert BulkOrder(BulkAction.CANCEL, both).narrowed == replace(both, statuses=(JobStatus.PENDING,))
    named = BulkOrder(BulkAction.CANCEL, job_ids=(ONE,)).narrowed
    assert (named.since_s, JobStatus.PENDING in named.statuses) == (None, True)
    with pytest.raises(InvalidInput, match="pending or processing"):
        _ = BulkOrder(BulkAction.CANCEL, JobFilter(statuses=(JobStatus.FAILED,))).narrowed
    with pytest.raises(InvalidInput, match="Say which jobs"):
        _ = BulkOrder(BulkAction.CANCEL).narrowed


def test_who_is_later_gets_what_the_payer_has_left():
    jobs = [
        JobCost(ONE, 2, 5, 0.03, ADA),
        JobCost(TWO, 1, 10, 0.03, ADA),
        JobCost(THREE, 1, 5, 0.03, ADA),
        JobCost(UUID(int=4), 1, 5, 0.03, BOB),
        JobCost(UUID(int=5), 1, 5, 0.03, objection="It cannot be read."),
        JobCost(UUID(int=6), 3, 5, 0.01),
    ]
    found = estimate(jobs, {ADA: 17})
    assert found == BulkEstimate(
        (ONE, THREE, UUID(int=6)), 6, 30, 0.12, {TOO_POOR: 1, PAYER_GONE: 1, "It cannot be read.": 1}
    )


def test_no_more_are_done_at_once_than_the_limit_and_that_there_are_more_is_said():
    jobs = [JobCost(UUID(int=number), 1, 5) for number in range(MOST_AT_ONCE + 1)]
    found = estimate(jobs, {})
    assert (len(found.job_ids), found.images, found.more) == (MOST_AT_ONCE, MOST_AT_ONCE, True)
    assert not estimate(jobs[:-1], {}).more


def test_a_count_may_have_moved_a_little_since_it_was_told():
    found = estimate([JobCost(UUID(int=number), 1, 5) for number in range(95)], {})
    check_expected(found, 100)
    with pytest.raises(Conflict, match="95 jobs are meant by now, not 101"):
        check_expected(found, 101)
    with pytest.raises(Conflict):
        check_expected(found, 0)


def facts(job_id, *, prompt, credits):
    return JobFacts(
        job_id=job_id,
        status=JobStatus.FAILED,
        job_type="simple_general",
        total_images=3,
        input_data={"prompt": prompt},
        production_id=None,
        member_id=ADA[1],
        job_path="fashion",
        production_path=None,
        organization=None,
        members={ADA[1]: credits},
        stored_attach_ids=(),
    )


class Acts:
    """The rows of one act on three jobs."""

    def __init__(self, *jobs, batch=None, goes_on=True):
        self.jobs, self.batch, self.goes_on, self.told = jobs, batch, goes_on, []

    def meant(self, order):
        assert order.action is BulkAction.RETRY
        return list(self.jobs)

    def rooms(self, payers):
        assert payers == [ADA]
        return {ADA: 100}

    def exclusive(self, _):
        from contextlib import nullcontext

        return nullcontext(True)

    def take(self, *_):
        return self.batch

    def advance(self, _, *, position, done, others):
        self.told.append((position, done, dict(others)))
        return self.goes_on

    def let_go(self, _):
        self.told.append("let go")

    def unfinished(self):
        return [ONE]


def test_a_job_without_a_plan_is_counted_as_fetch_job_would_plan_it():
    class Facts:
        def load(self, job_id):
            return facts(job_id, prompt="a coat", credits=100 if job_id == TWO else 1)

    planned = MeantJob(ONE, 2, 5, ADA)
    acts = Acts(planned, MeantJob(TWO, 3, None), MeantJob(THREE, 3, None))
    found = bulk.estimate_bulk(GivenServices(bulk=acts, fetch_job=Facts()), BulkOrder(BulkAction.RETRY))
    assert (found.job_ids, found.images, found.credits) == ((ONE, TWO), 5, 25)
    assert found.cost_usd == pytest.approx(5 * 0.0336)
    (reason,) = found.declined
    assert reason.startswith("Not enough credits: 3 images")


def batch(*job_ids, interrupted=False):
    by = Actor("ada", Channel.API)
    return Batch(UUID(int=99), BulkAction.RETRY, True, by, 10, {"before": 1}, job_ids, interrupted)


def test_what_is_declined_for_one_job_keeps_no_other_back(monkeypatch):
    def retry(services, job_id, which):
        assert (which.failed_only, services.actor.name) == (True, "ada")
        if job_id == ONE:
            raise Conflict("Not enough credits.")
        if job_id == TWO:
            raise DatabaseError("PostgreSQL refused a statement.")
        return NothingMissing("No image.") if job_id == UUID(int=4) else PlannedAgain((1,), 5, None)

    monkeypatch.setattr(bulk, "retry_job", retry)
    acts = Acts(batch=batch(ONE, TWO, THREE, UUID(int=4)))
    services = GivenServices(bulk=acts)
    looked_at: list[int] = []
    assert bulk.work_off(services, UUID(int=99), tell=looked_at.append)
    assert [told[:2] for told in acts.told[:-1]] == [(11, 0), (12, 0), (13, 1), (14, 0)]
    refused = "PostgreSQL refused a statement."
    assert acts.told[-2][2] == {"before": 1, "Not enough credits.": 1, refused: 1, "No image.": 1}
    assert (acts.told[-1], looked_at) == ("let go", [11, 12, 13, 14])
    assert services.actor.name == "unknown"


def test_one_that_was_stopped_does_no_more(monkeypatch):
    monkeypatch.setattr(bulk, "retry_job", lambda *_: PlannedAgain((1,), 5, None))
    acts = Acts(batch=batch(ONE, TWO), goes_on=False)
    assert not bulk.work_off(GivenServices(bulk=acts), UUID(int=99))
    assert acts.told == [(11, 1, {"before": 1}), "let go"]


def test_a_job_that_a_dead_worker_had_taken_up_is_done(monkeypatch):
    class Views:
        has_ended = False

        def jobs_by_id(self, job_ids):
            assert job_ids == [ONE]
            return [self]

    asked = []

    def retry(_, job_id, __):
        asked.append(job_id)
        return PlannedAgain((1,), 5, None)

    monkeypatch.setattr(bulk, "retry_job", retry)
    acts = Acts(batch=batch(ONE, TWO, interrupted=True))
    bulk.work_off(GivenServices(bulk=acts, job_list=Views()), UUID(int=99))
    assert (asked, acts.told[1][:2]) == ([TWO], (12, 1))


def test_where_a_neighbour_is_away_it_waits_where_it_is(monkeypatch):
    def retry(*_):
        raise ServiceUnavailable("Redis is away.")

    monkeypatch.setattr(bulk, "retry_job", retry)
    acts = Acts(batch=batch(ONE))
    with pytest.raises(ServiceUnavailable):
        bulk.work_off(GivenServices(bulk=acts), UUID(int=99))
    assert acts.told == []


def test_many_reasons_are_not_all_kept(monkeypatch):
    def retry(_, job_id, __):
        raise Conflict(f"Job {job_id} moved.")

    monkeypatch.setattr(bulk, "retry_job", retry)
    acts = Acts(batch=batch(*(UUID(int=number) for number in range(100))))
    bulk.work_off(GivenServices(bulk=acts), UUID(int=99))
    others = acts.told[-2][2]
    assert (len(others), sum(others.values())) == (21, 101)


def test_workers_are_told_and_look_after_whatever_waits(monkeypatch):
    monkeypatch.setattr(bulk, "retry_job", lambda *_: PlannedAgain((1,), 5, None))
    services = GivenServices(bulk=Acts(batch=batch(ONE)))
    assert bulk.send_bulk(services) is None
    assert services.sent[0].step is Step.RUN_BULK
    assert bulk.work_off_one(services)
