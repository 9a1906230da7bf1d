"""An answer is paid for: it is kept in Redis, or stored at once, before anything else can fail."""

import pytest

from quel.core.errors import NoRoom, ServiceUnavailable, StorageRefused
from quel.core.pipeline import ImageState, Step
from quel.sandbox.memory.pictures import NO_PICTURE as UNREADABLE
from quel.sandbox.memory.pictures import made
from quel.stages.finalize_job import finalize_job
from quel.stages.persist_output import persist_output
from tests.unit.stages.images import finalize, generate, image, persist

AWAY = ServiceUnavailable("Redis is away.")
FULL = NoRoom("Redis has no room for a picture.")
STORAGE_DOWN = ServiceUnavailable("Storage does not answer.")


def test_a_cache_that_is_away_for_a_while_costs_no_answer(services, ready):
    job_id = ready()
    services.blobs.trouble.plan("put_output", *[AWAY] * 100)
    began = services.clock.now
    assert generate(services) == persist(job_id)
    assert services.blobs.outputs[job_id, 0].data == b"picture"
    assert services.clock.since(began) >= 100


def test_an_answer_that_finds_no_room_is_stored_at_once_and_delivered(services, studio, ready):
    job_id = ready()
    services.blobs.trouble.plan("put_output", FULL)
    began = services.clock.now
    assert generate(services) == persist(job_id)
    assert services.clock.now == began
    assert list(services.storage.objects.values()) == [b"webp of picture"]
    assert persist_output(services, job_id, 0) == finalize(job_id)
    assert (studio.states(job_id), len(services.engine.requests)) == (["stored"], 1)


@pytest.mark.parametrize("trouble", [STORAGE_DOWN, StorageRefused("The bucket takes no WebP.")])
def test_an_answer_that_neither_takes_waits_for_one_of_them(services, ready, trouble):
    job_id = ready()
    services.blobs.trouble.plan("put_output", *[FULL] * 3)
    services.storage.trouble.plan("write_result", *[trouble] * 3)
    assert generate(services) == persist(job_id)
    assert services.blobs.outputs[job_id, 0].data == b"picture"


def test_a_cache_that_stays_away_is_given_up_on_after_minutes(services, ready):
    job_id = ready()
    services.blobs.trouble.plan("put_output", *[AWAY] * 1_000)
    began = services.clock.now
    assert generate(services) == persist(job_id)
    assert 240 <= services.clock.since(began) < 300
    assert services.storage.objects


def test_an_answer_that_nobody_takes_for_minutes_is_lost(services, studio, ready):
    job_id = ready()
    services.blobs.trouble.plan("put_output", *[AWAY] * 1_000)
    services.storage.trouble.plan("write_result", *[STORAGE_DOWN] * 1_000)
    with pytest.raises(ServiceUnavailable):
        generate(services)
    assert (studio.states(job_id), image(services, job_id).starts) == (["ready"], 0)


def test_an_answer_that_cannot_be_decoded_when_it_is_stored_at_once_is_no_picture(services, ready):
    job_id = ready()
    services.engine.answer(made(UNREADABLE))
    services.blobs.trouble.plan("put_output", FULL)
    [message] = generate(services)
    assert message.step is Step.GENERATE_IMAGE
    assert (image(services, job_id).state, image(services, job_id).broken_answers) == (ImageState.READY, 1)


def test_an_answer_that_nobody_wants_any_more_is_not_stored_at_once(services, studio, ready):
    job_id = ready()

    def cancelled(_):
        studio.cancel(job_id)
        finalize_job(services, job_id)
        return made()

    services.engine.answer(cancelled)
    services.blobs.trouble.plan("put_output", FULL)
    assert generate(services)[-1:] == finalize(job_id)
    assert not services.storage.objects
