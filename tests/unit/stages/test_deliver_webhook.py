"""deliver_webhook: whoever asked for it is told of each job that ends, at least once and by one id."""

import json
from dataclasses import replace

import pytest

from quel.core.deliver_webhook import LEASE_S, WAITS_S, Answer
from quel.core.job import JobStatus
from quel.core.outcome import Refused
from quel.core.pipeline import Step, StepMessage
from quel.core.webhooks.target import WebhookPolicy
from quel.sandbox.memory.services import MemoryServices, default_rules
from quel.sandbox.memory.studio import MemoryStudio
from quel.sandbox.memory.worker import Worker
from quel.stages.deliver_webhook import deliver_webhook

AWAY, FAILED, GONE = Answer(code="timeout"), Answer(500), Answer(410)


@pytest.fixture
def services():
    """A world in which one receiver is told of every job."""
    policy = WebhookPolicy(url="https://hooks.example.com/quel")
    return MemoryServices(rules=replace(default_rules(), webhooks=policy))


def sent(services):
    return [
        (delivery.type, json.loads(delivery.body)["data"]["job_id"])
        for delivery in services.webhook_sender.sent
    ]


def row(services):
    [only] = services.tables.webhooks.values()
    return only


def test_where_nobody_is_to_be_told_no_row_is_written_and_no_message_sent():
    services = MemoryServices()
    studio, worker = MemoryStudio(services), Worker(services)
    studio.push(studio.job("simple_general", {"prompt": "a mast"}, total_images=1, member=studio.member()))
    worker.run()
    worker.sweep()
    assert not services.tables.webhooks
    assert Step.DELIVER_WEBHOOK not in {message.step for message in worker.done}


def test_every_kind_of_end_is_told(services, studio, worker, job):
    delivered, failed, refused, cancelled, ended_elsewhere = (job() for _ in range(5))
    services.engine.answer(Refused("blocked_safety", "The provider refused it."))
    studio.push(failed)
    worker.run()
    studio.push(delivered)
    worker.run()
    studio.job_row(refused).job_input_data = "no object"
    studio.cancel(cancelled)
    studio.push(refused, cancelled)
    worker.run()
    studio.push(ended_elsewhere)
    worker.run(until=Step.PREPARE_INPUTS)
    studio.job_row(ended_elsewhere).job_status = JobStatus.FAILED
    services.queues.send(StepMessage(Step.FINALIZE_JOB, ended_elsewhere))
    worker.run()
    assert sorted(sent(services)) == sorted(
        [
            ("job.completed", str(delivered)),
            ("job.failed", str(failed)),
            ("job.failed", str(refused)),
            ("job.cancelled", str(cancelled)),
            ("job.failed", str(ended_elsewhere)),
        ]
    )
    assert {each.state for each in services.tables.webhooks.values()} == {"delivered"}


def test_a_job_that_is_given_up_is_told_as_well(services, studio, worker, job_after):
    job_id = job_after(Step.PREPARE_INPUTS)
    services.quota.concurrency = 0
    for _ in range(60):
        services.clock.advance(601)
        services.queues.send(*worker.sweep())
        services.queues.lose(Step.GENERATE_IMAGE)
        if studio.job_row(job_id).completed_at:
            break
    worker.run()
    assert sent(services) == [("job.failed", str(job_id))]


def test_a_receiver_that_fails_hangs_and_comes_back_hears_of_it_under_one_id(
    services, studio, worker, job, events
):
    services.webhook_sender.plan(FAILED, FAILED, AWAY)
    began = services.clock.now
    job_id = job()
    studio.push(job_id)
    worker.run()
    tries = [delivery for delivery in services.webhook_sender.sent if delivery.job_id == job_id]
    assert len({(each.message_id, each.body) for each in tries}) == 1
    assert [each.tries for each in tries] == [1, 2, 3, 4]
    assert row(services).state == "delivered"
    assert 0.8 * sum(WAITS_S[:3]) <= services.clock.since(began) <= 1.2 * sum(WAITS_S[:3]) + 30
    told = [each for each in events if each["event"].startswith("webhook.")]
    assert [each["event"] for each in told] == ["webhook.failed"] * 3 + ["webhook.delivered"]
    assert [each.get("reason") for each in told] == ["status_5xx", "status_5xx", "timeout", None]


def test_a_long_wait_is_the_rows_alone_and_the_sweep_ends_it(services, studio, worker, job):
    services.webhook_sender.plan(*[FAILED] * 5)
    studio.push(job())
    worker.run()
    assert len(services.webhook_sender.sent) == 4
    assert worker.sweep() == ()
    services.clock.advance(1.2 * WAITS_S[3])
    assert [message.step for message in worker.sweep()] == [Step.DELIVER_WEBHOOK]
    worker.run()
    assert len(services.webhook_sender.sent) == 5


def test_after_a_day_and_a_half_it_is_given_up(services, studio, worker, job):
    services.webhook_sender.plan(*[FAILED] * 100)
    studio.push(job())
    for _ in range(60):
        worker.run()
        services.clock.advance(3_600)
        worker.sweep()
    assert len(services.webhook_sender.sent) == len(WAITS_S) + 1
    assert (row(services).state, row(services).last_status) == ("given_up", 500)


def test_a_receiver_that_is_gone_is_left_alone(services, studio, worker, job):
    services.webhook_sender.plan(GONE)
    studio.push(job())
    worker.run()
    services.clock.advance(100_000)
    worker.sweep()
    worker.run()
    assert (len(services.webhook_sender.sent), row(services).state) == (1, "given_up")


def test_a_worker_that_dies_in_a_try_costs_a_wait_and_the_receiver_may_hear_it_twice(
    services, studio, worker, job, monkeypatch
):
    def die(delivery):
        services.webhook_sender.sent.append(delivery)
        raise KeyboardInterrupt

    monkeypatch.setattr(services.webhook_sender, "send", die)
    studio.push(job())
    with pytest.raises(KeyboardInterrupt):
        worker.run()
    monkeypatch.undo()
    services.queues.lose()
    assert worker.sweep() == ()
    services.clock.advance(LEASE_S + 1)
    worker.sweep()
    worker.run()
    first, second = services.webhook_sender.sent
    assert (first.message_id, first.body) == (second.message_id, second.body)
    assert row(services).state == "delivered"


def test_a_second_message_sends_nothing_twice(services, studio, worker, job):
    job_id = job()
    studio.push(job_id)
    worker.run()
    assert deliver_webhook(services, job_id) == ()
    assert len(services.webhook_sender.sent) == 1


def test_a_job_that_is_run_again_is_told_of_again_under_another_id(services, studio, worker, job):
    job_id = job()
    services.engine.answer(Refused("blocked_safety", "The provider refused it."))
    studio.push(job_id)
    worker.run()
    studio.job_row(job_id).job_status, studio.job_row(job_id).completed_at = JobStatus.PENDING, None
    studio.push(job_id)
    worker.run()
    assert [kind for kind, _ in sent(services)] == ["job.failed", "job.completed"]
    assert len({delivery.message_id for delivery in services.webhook_sender.sent}) == 2


def test_the_sweep_sends_for_no_more_than_the_queue_has_room_for(services, studio, worker, job):
    studio.push(job())
    worker.run(until=Step.FINALIZE_JOB)
    services.queues.send(*[StepMessage(Step.DELIVER_WEBHOOK, job()) for _ in range(1_000)])
    assert worker.sweep() == ()


def test_what_was_delivered_a_month_ago_is_forgotten(services, studio, worker, job):
    studio.push(job())
    worker.run()
    services.clock.advance(31 * 86_400)
    worker.sweep()
    assert not services.tables.webhooks
