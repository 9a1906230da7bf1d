"""`quel dead`: letters that Dramatiq itself laid aside are listed, shown, sent again as new, or dropped."""

import json
from uuid import uuid4

import dramatiq
import pytest
import redis

from quel.adapters.redis.dead_letters import DeadLetters
from quel.adapters.redis.rejected import RejectedEntries
from tests.integration.harness import broker_of
from tests.integration.quel_command import run_quel


@pytest.fixture
def broker(pipeline):
    with broker_of(pipeline.broker_redis_url) as broker:
        for queue in ("fetch_job", "persist_output"):
            broker.declare_queue(queue)
        yield broker


@pytest.fixture
def quel(pipeline):
    environment = pipeline.environment(DATABASE_URL="", SUPABASE_URL="", GEMINI_API_KEY="")
    return lambda *arguments: run_quel(environment, "dead", *arguments)


def bury(broker, queue, *args, delay=None, **options):
    """Lets a message fail for good, through the broker's own commands."""
    message: dramatiq.Message[None] = dramatiq.Message(queue, queue, args, {}, {"retries": 3, **options})
    broker.enqueue(message, delay=delay)
    consumer = broker.consume(queue if delay is None else f"{queue}.DQ", timeout=1_000)
    received = next(consumer)
    consumer.nack(received)
    consumer.close()
    return received.options["redis_message_id"]


def receive(broker, queue):
    consumer = broker.consume(queue, timeout=1_000)
    message = next(consumer)
    if message is not None:
        consumer.ack(message)
    consumer.close()
    return message


def test_letters_are_listed_and_shown_with_what_they_are_about(broker, quel):
    job = str(uuid4())
    trace = "Traceback (most recent call last):\n  …\nquel.core.errors.ServiceUnavailable: Redis is away."
    first = bury(broker, "persist_output", job, 4, traceback=trace)
    second = bury(broker, "fetch_job", job)
    answer = quel("list", "--json")
    assert answer.returncode == 0
    letters = json.loads(answer.stdout)
    told = {one["id"]: (one["queue"], one["job_id"], one["image_no"], one["retries"]) for one in letters}
    assert told == {first: ("persist_output", job, 4, 3), second: ("fetch_job", job, None, 3)}
    errors = {one["id"]: one["error"] for one in letters}
    assert errors[first] == "quel.core.errors.ServiceUnavailable: Redis is away."
    only = quel("list", "--queue", "fetch_job")
    assert second[:8] in only.stdout
    assert first[:8] not in only.stdout
    shown = quel("show", first[:8])
    assert "Traceback (most recent call last)" in shown.stdout
    assert f"job_id: {job}" in shown.stdout


def test_a_letter_is_sent_again_as_new(broker, quel):
    job = str(uuid4())
    id_ = bury(broker, "persist_output", job, 2, traceback="…", requeue_timestamp=1, delay=1)
    answer = quel("requeue", id_)
    assert (answer.returncode, answer.stdout.strip()) == (0, "1 dead letters sent again.")
    message = receive(broker, "persist_output")
    assert (message.actor_name, message.queue_name, message.args) == (
        "persist_output",
        "persist_output",
        (job, 2),
    )
    assert message.options == {"retries": 0, "redis_message_id": id_}
    assert receive(broker, "persist_output") is None
    assert json.loads(quel("list", "--json").stdout) == []


def test_a_queue_or_everything_is_sent_again_or_dropped(broker, quel):
    for _ in range(3):
        bury(broker, "fetch_job", str(uuid4()))
    bury(broker, "persist_output", str(uuid4()), 0)
    assert quel("requeue").returncode == 2
    assert quel("requeue", "--queue", "fetch_job").stdout.strip() == "3 dead letters sent again."
    assert broker.client.llen("dramatiq:fetch_job") == 3
    assert quel("drop", "--all").stdout.strip() == "1 dead letters dropped."
    assert receive(broker, "persist_output") is None
    assert broker.client.keys("dramatiq:*.XQ*") == []


def test_a_letter_moves_once_whoever_else_tries(broker, pipeline):
    bury(broker, "fetch_job", str(uuid4()))
    with redis.Redis.from_url(pipeline.broker_redis_url) as client:
        letters = DeadLetters(client)
        (letter,) = letters.letters()
        assert letters.requeue(letter)
        assert not letters.requeue(letter)
        assert not letters.drop(letter)
    assert broker.client.llen("dramatiq:fetch_job") == 1


def test_an_id_that_is_unknown_or_fits_several_is_wrong_usage(broker, quel):
    bury(broker, "fetch_job", str(uuid4()))
    assert quel("show", "nothing").returncode == 2
    bury(broker, "fetch_job", str(uuid4()))
    several = quel("drop", "")
    assert (several.returncode, "several" in several.stderr) == (2, True)
    assert broker.client.zcard("dramatiq:fetch_job.XQ") == 2


def test_workers_do_what_a_letter_that_is_sent_again_asks_for(pipeline, broker, quel):
    studio = pipeline.studio
    job = studio.job("simple_general", {"prompt": "x"}, total_images=1, member=studio.member())
    bury(broker, "fetch_job", str(job))
    pipeline.workers()
    assert studio.job_row(job)["job_status"] == "pending"
    assert quel("requeue", "--all").returncode == 0
    assert studio.wait([job])[job]["job_status"] == "completed"


def test_rejected_entries_are_listed_pushed_again_or_dropped(pipeline, quel):
    job, lists = uuid4(), pipeline.studio.redis
    aside = RejectedEntries(lists)
    aside.keep(b"[red]junk[/red]", source="jobs:queue", reason="no job id")
    aside.keep(str(job).encode(), source="fetch_job", reason="unknown job")
    entries = json.loads(quel("rejected", "--json").stdout)
    assert [(one["entry"], one["reason"]) for one in entries] == [
        ("[red]junk[/red]", "no job id"),
        (str(job), "unknown job"),
    ]
    assert "[red]junk[/red]" in quel("rejected").stdout
    assert "1 of 2 entries" in quel("rejected", "--push").stdout
    assert lists.lrange("jobs:queue", 0, -1) == [str(job).encode()]
    assert quel("rejected", "--drop").stdout.strip() == "1 entries dropped."
    assert lists.exists("quel:ingest:rejected") == 0
    assert quel("rejected", "--drop", "--push").returncode == 2
