"""prepare_inputs: which job is prepared, when there is room for its pictures, and by whom."""

from quel.core.pipeline import WHOEVER, ImageState, Step, StepMessage
from quel.core.prepare_inputs import AHEAD, LEASE_S, Lookahead
from quel.stages.prepare_inputs import preparation_waits, prepare_inputs
from tests.unit.stages.images import to_generate


def anybody():
    return StepMessage(Step.PREPARE_INPUTS, WHOEVER)


def test_a_full_cache_puts_a_job_off_that_shows_pictures(services, studio, batch):
    job_id = batch((studio.attach(b"top", "top"), "top"))
    services.blobs.budget_bytes = 0
    assert prepare_inputs(services, job_id) == ()
    assert studio.states(job_id) == ["planned"]
    services.blobs.budget_bytes = 1_000
    assert preparation_waits(services)
    assert prepare_inputs(services, WHOEVER) == to_generate(job_id, 0)


def test_a_job_of_words_alone_never_waits_for_the_cache(services, studio, batch, job_after):
    pictures = batch((studio.attach(b"top", "top"), "top"))
    words = job_after(Step.FETCH_JOB)
    services.blobs.budget_bytes = 0
    assert prepare_inputs(services, pictures)[0] == to_generate(words, 0)[0]
    assert studio.states(pictures) == ["planned"]


def test_pictures_of_later_turns_make_room_for_a_newcomers(services, studio, batch):
    top, customer = (studio.attach(b"top", "top"), "top"), studio.member(1_000)
    first, second = (batch(top, images=2, member=customer) for _ in range(2))
    prepare_inputs(services, first)
    prepare_inputs(services, second)
    services.blobs.budget_bytes = 2 * len(b"top")
    newcomer = batch(top)
    assert prepare_inputs(services, newcomer) == (anybody(),)
    assert [set(studio.states(job_id)) for job_id in (first, second)] == [{"ready"}, {"planned"}]
    assert all(str(first) in key for key in services.blobs.inputs)


def test_pictures_of_a_paused_path_make_room_for_those_of_others(services, studio, batch):
    top = (studio.attach(b"top", "top"), "top")
    paused = batch(top)
    prepare_inputs(services, paused)
    services.pause.pause("fashion", "a look at the prompts")
    services.blobs.budget_bytes = 2 * len(b"top")
    newcomer = batch(top, path="beauty")
    assert prepare_inputs(services, newcomer) == (anybody(),)
    assert prepare_inputs(services, WHOEVER)[0] == to_generate(newcomer, 0)[0]
    assert studio.states(paused) == ["planned"]
    services.pause.resume()
    services.blobs.budget_bytes = 1_000
    assert prepare_inputs(services, WHOEVER) == to_generate(paused, 0)


def test_a_job_that_is_being_made_keeps_its_pictures(services, studio, batch):
    top, customer = (studio.attach(b"top", "top"), "top"), studio.member(1_000)
    first, second = (batch(top, member=customer) for _ in range(2))
    prepare_inputs(services, first)
    prepare_inputs(services, second)
    services.tables.images[second, 0].state = ImageState.GENERATING
    services.blobs.budget_bytes = 2 * len(b"top")
    assert prepare_inputs(services, batch(top)) == ()
    assert len(services.blobs.inputs) == 2


def test_a_newcomer_is_prepared_before_what_a_customer_ordered_earlier(services, studio, job_after):
    customer = studio.member(1_000)
    first, second = (job_after(Step.FETCH_JOB, 3, member=customer) for _ in range(2))
    prepare_inputs(services, WHOEVER)
    newcomer = job_after(Step.FETCH_JOB)
    assert prepare_inputs(services, second) == (*to_generate(newcomer, 0), anybody())
    assert [set(studio.states(job_id)) for job_id in (first, second)] == [{"ready"}, {"planned"}]


def test_no_job_is_prepared_long_before_its_turn(services, studio, job_after):
    customer = studio.member(10_000)
    first, second = (job_after(Step.FETCH_JOB, AHEAD, member=customer) for _ in range(2))
    assert prepare_inputs(services, first)[-1] == anybody()
    assert prepare_inputs(services, second) == ()
    services.tables.images[first, 0].state = ImageState.STORED
    assert prepare_inputs(services, second) == to_generate(second, *range(AHEAD))


def test_what_a_paused_path_has_waiting_keeps_nobody_from_being_prepared(services, studio, job_after):
    customer = studio.member(10_000)
    paused = [job_after(Step.FETCH_JOB, AHEAD, member=customer) for _ in range(2)]
    prepare_inputs(services, WHOEVER)
    services.pause.pause("fashion", "a look at the prompts")
    beauty = job_after(Step.FETCH_JOB, 2, path="beauty")
    assert prepare_inputs(services, paused[1])[:2] == to_generate(beauty, 0, 1)
    assert set(studio.states(paused[1])) == {"planned"}
    assert not preparation_waits(services)


def test_a_job_that_somebody_prepares_is_nobody_elses(services, studio, batch):
    job_id = batch((studio.attach(b"top", "top"), "top"))
    nested = []
    services.storage.trouble.plan("read_reference", lambda: nested.append(prepare_inputs(services, job_id)))
    assert prepare_inputs(services, job_id) == to_generate(job_id, 0)
    assert nested == [()]
    assert services.preparing.now_held() == []


def test_what_a_dead_worker_held_is_taken_up_by_the_next(services, studio, batch):
    job_id = batch()
    assert services.prepare_inputs.take(Lookahead(("fashion",)), "a message").job_id == job_id
    assert prepare_inputs(services, job_id) == ()
    services.clock.advance(LEASE_S)
    assert prepare_inputs(services, job_id) == to_generate(job_id, 0)


def test_what_is_renewed_is_held_for_longer(services, batch):
    job_id = batch()
    services.prepare_inputs.take(Lookahead(("fashion",)), "a message")
    services.clock.advance(LEASE_S - 1)
    services.prepare_inputs.renew([job_id])
    services.clock.advance(LEASE_S - 1)
    assert prepare_inputs(services, job_id) == ()
