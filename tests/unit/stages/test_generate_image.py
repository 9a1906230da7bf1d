"""generate_image: one paid call for the image whose turn it is."""

from dataclasses import replace

from quel.core.open_paths import EveryPath, OnlyPaths, PathLimit
from quel.core.pipeline import SUSPECT_STARTS, ImageState
from quel.sandbox.memory.generate_image import GenerateImageRows
from quel.sandbox.memory.pictures import COST_USD, made
from quel.stages.sweep_stuck_jobs import sweep_stuck_jobs
from tests.unit.stages.images import finalize, generate, image, last_wait, persist, slots_used


def only(services, *limits):
    services.rules = replace(services.rules, open_paths=OnlyPaths(limits))


# whose turn it is
def test_the_image_whose_turn_it_is_is_made_and_sent_on(services, ready):
    job_id = ready(2)
    assert generate(services) == persist(job_id)
    made_one = image(services, job_id)
    assert (made_one.state, made_one.cost_usd, made_one.lease_owner) == (ImageState.MADE, COST_USD, None)
    assert services.blobs.outputs[job_id, 0].data == b"picture"
    assert image(services, job_id, 1).state is ImageState.READY
    assert not services.quota.under_way
    assert not services.lease_renewal.now_held


def test_the_image_and_its_slot_are_held_while_the_call_runs(services, ready):
    job_id = ready()

    def look(_):
        assert image(services, job_id).state is ImageState.GENERATING
        assert image(services, job_id).lease_owner in services.lease_renewal.now_held
        assert services.quota.under_way
        return made()

    services.engine.answer(look)
    assert generate(services) == persist(job_id)


def test_images_that_die_with_another_are_made_one_after_the_other_until_it_is_found(services, ready):
    job_id = ready(3)
    for _ in range(SUSPECT_STARTS):
        assert all(services.generate_image.claim("a worker", EveryPath()) for _ in range(3))
        services.clock.advance(61)
        sweep_stuck_jobs(services)
    alone = services.generate_image.claim("a worker", EveryPath())
    assert services.generate_image.claim("another", EveryPath()) is None
    assert services.generate_image.mark_made(alone, COST_USD)
    assert services.generate_image.claim("another", EveryPath()).starts == SUSPECT_STARTS + 1
    assert image(services, job_id, alone.image_no).starts == 0


def test_without_an_image_to_make_the_slot_goes_back(services):
    assert generate(services) == ()
    assert slots_used(services) == 0
    assert services.admission.waits == []


def test_where_paths_are_limited_an_image_may_wait_for_its_path(services, ready):
    only(services, PathLimit("beauty"))
    job_id = ready(path="fashion")
    assert generate(services) == ()
    assert image(services, job_id).state is ImageState.READY
    assert (slots_used(services), last_wait(services).reason) == (0, "path")


def test_a_path_makes_no_more_at_once_than_its_limit(services, ready):
    only(services, PathLimit("fashion", 1))
    job_id = ready(2)
    nested = []

    def meanwhile(_):
        nested.append(generate(services))
        return made()

    services.engine.answer(meanwhile)
    assert generate(services) == persist(job_id)
    assert nested == [()]


def test_everything_paused_makes_nothing(services, ready):
    job_id = ready()
    services.pause.pause(None, "maintenance")
    assert generate(services) == ()
    assert (slots_used(services), last_wait(services).reason) == (0, "paused")
    services.pause.resume()
    assert generate(services) == persist(job_id)


def test_a_paused_path_is_passed_over(services, ready):
    ready(path="fashion")
    other = ready(path="beauty")
    services.pause.pause("fashion", "odd pictures")
    assert generate(services) == persist(other)


def test_a_pause_leaves_the_limits_of_other_paths(services, ready):
    only(services, PathLimit("fashion"), PathLimit("beauty", 0))
    ready(path="fashion")
    ready(path="beauty")
    services.pause.pause("fashion", "odd pictures")
    assert generate(services) == ()


# the quota
def test_without_a_slot_the_image_waits_in_its_row(services, ready, events):
    services.quota.rpm = 1
    job_id = ready(2)
    generate(services)
    assert generate(services) == ()
    assert (last_wait(services).reason, image(services, job_id, 1).state) == ("minute", ImageState.READY)
    assert generate(services) == ()
    assert last_wait(services).reason == "known"
    assert [entry["quota"] for entry in events if entry["event"] == "provider.waiting"] == ["minute"]


def test_answers_not_yet_stored_keep_further_calls_away(services, ready):
    ready(2)
    generate(services)
    services.blobs.budget_bytes = 2
    assert generate(services) == ()
    assert last_wait(services).reason == "blobs"


# payers without the credits
def spend(services, studio, job_id, left):
    services.tables.members[studio.job_row(job_id).quel_member_id].quel_member_credit = left


def test_images_of_a_payer_who_ran_dry_fail_without_a_call(services, studio, ready):
    job_id = ready(2)
    spend(services, studio, job_id, 4)
    assert generate(services) == finalize(job_id)
    assert studio.states(job_id) == ["failed", "failed"]
    assert "ran out of credits" in image(services, job_id).reason
    assert (services.engine.requests, slots_used(services)) == ([], 0)


def test_a_payer_who_ran_dry_does_not_hold_up_the_next(services, studio, ready):
    dry = ready()
    other = ready()
    spend(services, studio, dry, 0)
    messages = generate(services)
    assert set(messages) == {*finalize(dry), *persist(other)}


def test_an_image_waits_while_its_credits_are_on_their_way_to_another(services, studio, ready):
    job_id = ready(2)
    spend(services, studio, job_id, 5)
    generate(services)
    assert generate(services) == ()
    assert studio.states(job_id) == ["made", "ready"]
    assert slots_used(services) == 1


def test_a_cancelled_job_of_a_payer_who_ran_dry_ends_as_cancelled(services, studio, ready):
    job_id = ready()
    spend(services, studio, job_id, 0)
    studio.cancel(job_id)
    assert generate(services) == finalize(job_id)
    assert studio.states(job_id) == ["ready"]


def test_a_payer_who_has_credits_again_by_then_keeps_his_images(services, studio, ready):
    job_id = ready()
    spend(services, studio, job_id, 0)

    class Slow(GenerateImageRows):
        def fail_unpayable(self, unpayable):
            spend(services, studio, job_id, 5)
            return super().fail_unpayable(unpayable)

    services.generate_image = Slow(services.tables)
    assert generate(services) == ()
    assert studio.states(job_id) == ["ready"]
