"""The world in memory tells what PostgreSQL and Redis tell: the same scenarios on both leave the same rows.

A scenario plays one message at a time; ids are its own, so that turns and seeds are the same.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from quel.core.deliver_webhook import Answer
from quel.core.engines import Capability, Maker, Route, Routing
from quel.core.errors import ServiceUnavailable
from quel.core.generate_image import ClaimedImage, Unpayable
from quel.core.open_paths import EveryPath, OnlyPaths, PathLimit
from quel.core.outcome import Broken, QuotaScope, Refused, Transient, Wait
from quel.core.pipeline import SUSPECT_STARTS, ImageState, Step, StepMessage
from quel.core.prepare_inputs import LEASE_S, Lookahead
from quel.core.submission import Submission
from quel.core.takes import Reason, Signs
from quel.sandbox.memory.pictures import NO_PICTURE, made
from quel.sandbox.memory.worker import run_stage
from tests.integration.harness import Pipeline
from tests.integration.harness import World as Servers
from tests.integration.two_worlds import JOB, MINUTE_S, NEWCOMER, OTHER, STUCK_S, InMemory, OnServers, World

REFUSAL = Refused("blocked_safety", "The provider refused it.")
FAILURE = Transient("server_error", "It failed.")
DOWN = ServiceUnavailable("Storage does not answer.")
BLANK = Signs({Reason.BLANK: 1.0})
WORDS = Broken("no_picture", "It answered in words.")

Scenario = Callable[[World], None]
SCENARIOS: list[Scenario] = []


def scenario(play: Scenario) -> Scenario:
    SCENARIOS.append(play)
    return play


@scenario
def a_job_is_delivered(world: World) -> None:
    world.order(3)
    world.run()


@scenario
def every_message_comes_twice(world: World) -> None:
    world.order(2)
    for step in (Step.FETCH_JOB, Step.PREPARE_INPUTS, Step.GENERATE_IMAGE, Step.PERSIST_OUTPUT):
        world.messages *= 2
        world.run(until=step)
    world.run()


@scenario
def one_image_is_refused(world: World) -> None:
    world.engine.answer(REFUSAL)
    world.order(3)
    world.run()


@scenario
def calls_fail_and_are_tried_again(world: World) -> None:
    world.engine.answer(FAILURE, WORDS, FAILURE)
    world.order(1)
    world.run()


@scenario
def three_answers_are_words(world: World) -> None:
    world.engine.answer(WORDS, WORDS, WORDS)
    world.order(1)
    world.run()


@scenario
def a_bad_take_is_made_again(world: World) -> None:
    world.take_checker.see(BLANK, BLANK)
    world.order(5)
    world.run()


@scenario
def a_take_stays_bad(world: World) -> None:
    world.take_checker.see(BLANK, BLANK)
    world.order(1)
    world.run()


SERIES = {"prompt": "a mast", "consistent": True}


@scenario
def a_series_follows_its_first_image(world: World) -> None:
    world.order(3, data=dict(SERIES))
    world.run(until=Step.PREPARE_INPUTS)
    world.messages.clear()
    rows = world.services.generate_image
    assert rows.due(5) == 1
    first = rows.claim("a worker", EveryPath())
    assert isinstance(first, ClaimedImage)
    assert (first.image_no, first.lead, rows.claim("another", EveryPath()), rows.due(5)) == (0, None, None, 0)
    rows.reschedule(first, delay_s=0.0, attempts=0, broken=0)
    world.messages.append(StepMessage(Step.GENERATE_IMAGE, JOB, 0))
    world.run(until=Step.PERSIST_OUTPUT)
    assert [message.image_no for message in world.messages] == [1, 2]
    second = rows.claim("a worker", EveryPath())
    assert isinstance(second, ClaimedImage)
    assert (second.image_no, second.lead is not None, rows.due(5)) == (1, True, 1)
    rows.reschedule(second, delay_s=0.0, attempts=0, broken=0)
    world.run()


@scenario
def the_first_of_a_series_is_refused(world: World) -> None:
    world.engine.answer(REFUSAL)
    world.order(3, data=dict(SERIES))
    world.run(until=Step.GENERATE_IMAGE)
    world.messages = [StepMessage(Step.GENERATE_IMAGE, JOB, 1)]
    assert world.services.generate_image.due(5) == 1
    world.run()


@scenario
def a_receiver_fails_and_hangs_and_then_hears_of_the_end(world: World) -> None:
    world.receiver.plan(Answer(500), Answer(code="timeout"), Answer(302))
    world.order(1)
    world.run()


@scenario
def a_receiver_is_away_for_hours(world: World) -> None:
    world.receiver.plan(*[Answer(code="no_connection")] * 7)
    world.order(1)
    world.run()
    for wait_s in (600, 3_600, 21_600):
        world.sweep(wait_s * 1.3)


@scenario
def a_receiver_is_gone(world: World) -> None:
    world.receiver.plan(Answer(410))
    world.order(1)
    world.run()
    world.sweep(MINUTE_S)


@scenario
def a_429_spends_nothing(world: World) -> None:
    world.engine.answer(Wait(QuotaScope.MINUTE, None))
    world.order(1)
    world.run()
    assert world.services.lanes[0].quota.blocked_for_s() > 0


@scenario
def a_job_costs_more_than_there_is(world: World) -> None:
    world.order(2, credits=9)
    world.run()


@scenario
def credits_are_held_for_another_job(world: World) -> None:
    member = world.studio.member(14)
    world.order(2, member=member)
    world.order(1, member=member, job_id=OTHER)
    world.run()


@scenario
def what_is_free_does_not_wait_for_credits(world: World) -> None:
    member, source = world.studio.member(10), world.reference("source", b"source")
    world.order(1, member=member)
    world.order(1, member=member, job_id=OTHER)
    world.order(
        1, member=member, job_id=NEWCOMER, path="multiview", data={"sourceAttachId": source, "angles": [0]}
    )
    for _ in range(3):
        world.run(until=Step.PREPARE_INPUTS)
    rows = world.services.generate_image
    first = rows.claim("a worker", EveryPath())
    assert isinstance(first, ClaimedImage)
    world.spend(5)  # all of it is what the first one may cost
    assert isinstance(rows.claim("another", EveryPath()), Unpayable)
    assert rows.claim("another", EveryPath()) is None, "what is free is made already"
    delivery = world.services.persist_output.load(NEWCOMER, 0)
    assert delivery is not None
    assert delivery.state is ImageState.MADE


@scenario
def credits_are_gone_before_the_call(world: World) -> None:
    world.order(3)
    world.run(until=Step.PREPARE_INPUTS)
    world.spend(4)
    world.run()


@scenario
def credits_are_gone_at_the_delivery(world: World) -> None:
    world.order(3)
    world.run(until=Step.GENERATE_IMAGE)
    world.spend(4)
    world.run()


@scenario
def credits_last_for_one_of_two(world: World) -> None:
    world.order(2)
    world.run(until=Step.PREPARE_INPUTS)
    world.spend(5)
    world.run()
    world.let_pass(4)
    world.messages.append(StepMessage(Step.GENERATE_IMAGE, JOB, 1))
    world.run()


@scenario
def an_organization_pays(world: World) -> None:
    member = world.studio.member(0)
    world.order(2, member=member, org=world.studio.organization(member, 100))
    world.run()


@scenario
def the_cancel_key_is_set(world: World) -> None:
    world.order(3)
    world.run(until=Step.PERSIST_OUTPUT)
    world.studio.cancel(JOB)
    world.run()


@scenario
def the_row_is_marked_as_cancelled(world: World) -> None:
    world.order(2)
    world.lose_after(Step.GENERATE_IMAGE)
    world.mark(JOB, "cancelled")
    world.sweep(after_s=MINUTE_S)


@scenario
def somebody_else_ends_the_job(world: World) -> None:
    world.order(3)
    world.lose_after(Step.PERSIST_OUTPUT)
    world.mark(JOB, "failed", completed=True)
    world.sweep(after_s=0)
    world.sweep(after_s=MINUTE_S)


@scenario
def a_pending_job_is_on_no_queue(world: World) -> None:
    world.order(1)
    world.messages.clear()
    world.sweep(after_s=MINUTE_S)


@scenario
def the_message_to_prepare_is_lost(world: World) -> None:
    world.order(2)
    world.lose_after(Step.FETCH_JOB)
    world.sweep(after_s=MINUTE_S)


@scenario
def the_message_to_persist_is_lost(world: World) -> None:
    world.order(1)
    world.lose_after(Step.GENERATE_IMAGE)
    world.sweep(after_s=MINUTE_S)


@scenario
def the_message_to_finalize_is_lost(world: World) -> None:
    world.order(1)
    world.lose_after(Step.PERSIST_OUTPUT)
    world.sweep(after_s=MINUTE_S)


@scenario
def a_lease_runs_out(world: World) -> None:
    world.order(2)
    world.lose_after(Step.PREPARE_INPUTS)
    assert world.services.generate_image.claim("a worker", EveryPath())
    world.sweep(after_s=31)


@scenario
def a_job_is_taken_up_in_vain(world: World) -> None:
    world.order(2)
    world.lose_after(Step.PERSIST_OUTPUT)
    for _ in range(4):
        world.let_pass(STUCK_S)
        run_stage(world.services, StepMessage(Step.SWEEP_STUCK_JOBS, JOB))


@scenario
def an_image_in_between_starts_the_count_anew(world: World) -> None:
    world.order(3)
    world.run(until=Step.PREPARE_INPUTS)
    for image_no in range(2):
        world.messages[:] = [StepMessage(Step.GENERATE_IMAGE, JOB, image_no)]
        world.lose_after(Step.PERSIST_OUTPUT)
        for _ in range(3):
            world.let_pass(STUCK_S)
            run_stage(world.services, StepMessage(Step.SWEEP_STUCK_JOBS, JOB))


@scenario
def a_pending_job_is_taken_up_in_vain(world: World) -> None:
    world.order(2)
    for _ in range(4):
        world.let_pass(STUCK_S)
        run_stage(world.services, StepMessage(Step.SWEEP_STUCK_JOBS, JOB))


@scenario
def another_server_left_the_job(world: World) -> None:
    world.order(2, job_status="processing")
    world.messages.clear()
    world.sweep(after_s=STUCK_S)


@scenario
def another_server_made_some_of_it(world: World) -> None:
    world.order(3)
    world.made_elsewhere(JOB, [71])
    world.run()


@scenario
def another_server_made_more_than_was_ordered(world: World) -> None:
    world.order(2)
    world.made_elsewhere(JOB, [71, 72, 73])
    world.run()


@scenario
def the_job_is_set_back_to_pending(world: World) -> None:
    world.order(3)
    world.lose_after(Step.GENERATE_IMAGE)
    world.mark(JOB, "pending")
    world.messages.append(StepMessage(Step.FETCH_JOB, JOB))
    world.run()


@scenario
def references_are_shown_and_some_are_missing(world: World) -> None:
    names = {"model": "model", "top": "top", "pants": "pants", "gone": "bag"}
    asked = [
        {"attachId": world.reference(name, None if name == "gone" else name.encode()), "type": type_}
        for name, type_ in names.items()
    ]
    world.order(2, job_type="single_batch", data={"basePrompt": "a mast", "individualImageAttachIds": asked})
    world.run(until=Step.PREPARE_INPUTS)
    assert world.bytes_kept() == 3
    world.run()


@scenario
def no_reference_can_be_had(world: World) -> None:
    asked = [{"attachId": world.reference("gone"), "type": "top"}]
    world.order(1, job_type="single_batch", data={"basePrompt": "a mast", "individualImageAttachIds": asked})
    world.run()


@scenario
def prepared_pictures_are_lost(world: World) -> None:
    asked = [{"attachId": world.reference("top", b"top"), "type": "top"}]
    world.order(2, job_type="single_batch", data={"basePrompt": "a mast", "individualImageAttachIds": asked})
    world.run(until=Step.PREPARE_INPUTS)
    world.lose_bytes()
    world.run()


@scenario
def an_answer_is_lost(world: World) -> None:
    world.order(1)
    world.run(until=Step.GENERATE_IMAGE)
    world.lose_bytes()
    world.run()


@scenario
def an_answer_is_lost_after_it_was_stored(world: World) -> None:
    world.order(1)
    world.run(until=Step.GENERATE_IMAGE)
    world.storage.objects[_result_path(world)] = b"stored"
    world.lose_bytes()
    world.run()


@scenario
def storage_is_away_for_a_while(world: World) -> None:
    world.storage.trouble.plan("write_result", *[DOWN] * 4)
    world.order(2)
    world.run()


@scenario
def storage_is_away(world: World) -> None:
    world.storage.trouble.plan("write_result", DOWN)
    world.order(1)
    world.run(until=Step.PERSIST_OUTPUT)
    assert run_stage(world.services, StepMessage(Step.PERSIST_OUTPUT, JOB, 0)) == ()
    world.sweep(after_s=0.5)


@scenario
def another_message_is_at_the_image(world: World) -> None:
    world.order(1)
    world.run(until=Step.GENERATE_IMAGE)
    assert world.services.persist_output.begin(JOB, 0, "another")
    world.run()
    world.messages.append(StepMessage(Step.PERSIST_OUTPUT, JOB, 0))
    world.let_pass(30)
    world.run()


@scenario
def storing_ends_every_process(world: World) -> None:
    world.order(1)
    world.run(until=Step.GENERATE_IMAGE)
    for _ in range(3):
        world.services.persist_output.begin(JOB, 0, "one that dies")
        world.let_pass(61)
    world.run()


@scenario
def preparing_ends_every_process(world: World) -> None:
    world.order(2)
    world.run(until=Step.FETCH_JOB)
    for _ in range(3):
        assert world.services.prepare_inputs.take(Lookahead(("fashion",)), "a message") is not None
        world.let_pass(LEASE_S + 1)
    world.run()


@scenario
def storage_hands_out_nothing_for_a_while(world: World) -> None:
    asked = [{"attachId": world.reference("top", b"top"), "type": "top"}]
    world.order(1, job_type="single_batch", data={"basePrompt": "a mast", "individualImageAttachIds": asked})
    world.run(until=Step.FETCH_JOB)
    for _ in range(3):
        world.storage.trouble.plan("read_reference", DOWN)
    world.run()


@scenario
def a_newcomer_is_prepared_before_the_rest_of_a_backlog(world: World) -> None:
    member = world.studio.member(1_000)
    for job_id in (JOB, OTHER):
        world.order(2, member=member, job_id=job_id)
    for step in (Step.FETCH_JOB, Step.FETCH_JOB, Step.PREPARE_INPUTS):
        world.run(until=step)
    world.order(1, job_id=NEWCOMER)
    world.messages.insert(0, world.messages.pop())
    world.run(until=Step.FETCH_JOB)
    world.run(until=Step.PREPARE_INPUTS)


@scenario
def pictures_of_later_turns_make_room(world: World) -> None:
    asked = [{"attachId": world.reference("top", b"top"), "type": "top"}]
    data = {"basePrompt": "a mast", "individualImageAttachIds": asked}
    member = world.studio.member(1_000)
    for job_id in (JOB, OTHER):
        world.order(2, member=member, job_id=job_id, job_type="single_batch", data=data)
    for step in (Step.FETCH_JOB, Step.FETCH_JOB, Step.PREPARE_INPUTS, Step.PREPARE_INPUTS):
        world.run(until=step)
    world.order(1, job_id=NEWCOMER, job_type="single_batch", data=data)
    world.messages.insert(0, world.messages.pop())
    world.run(until=Step.FETCH_JOB)
    set_back = world.services.prepare_inputs.set_back(Lookahead(("beauty", "fashion")))
    assert set_back is not None
    assert set_back.job_id == OTHER
    world.services.blobs.drop_job(OTHER, set_back.picture_keys, images=0)


@scenario
def words_alone_are_prepared_while_the_cache_is_full(world: World) -> None:
    asked = [{"attachId": world.reference("top", b"top"), "type": "top"}]
    world.order(1, job_type="single_batch", data={"basePrompt": "a mast", "individualImageAttachIds": asked})
    world.order(1, job_id=OTHER)
    world.run(until=Step.FETCH_JOB)
    world.run(until=Step.FETCH_JOB)
    lookahead = Lookahead(("beauty", "fashion"), pictures=False)
    assert world.services.prepare_inputs.waits(lookahead)
    assert world.services.prepare_inputs.take(lookahead, "a message") is not None
    assert not world.services.prepare_inputs.waits(lookahead)
    world.let_pass(LEASE_S + 1)


@scenario
def three_answers_cannot_be_decoded(world: World) -> None:
    world.engine.answer(*[made(NO_PICTURE)] * 3)
    world.order(1)
    world.run()


@scenario
def a_job_of_another_kind_comes(world: World) -> None:
    world.order(1, path="video")
    world.run()
    world.sweep(after_s=STUCK_S)


@scenario
def an_input_cannot_be_run(world: World) -> None:
    world.order(1, data=["a", "list"])
    world.run()


@scenario
def two_customers_take_turns(world: World) -> None:
    world.order(4, path="fashion")
    world.run(until=Step.PREPARE_INPUTS)
    world.messages.clear()
    for _ in range(2):
        world.services.generate_image.claim("a worker", EveryPath())
    world.order(2, path="beauty", job_id=OTHER)
    world.run(until=Step.PREPARE_INPUTS)
    world.messages.clear()
    for _ in range(3):
        world.services.generate_image.claim("a worker", EveryPath())


@scenario
def a_customers_further_order_waits_behind_its_own(world: World) -> None:
    member = world.studio.member()
    world.order(3, member=member)
    world.order(2, member=member, job_id=OTHER)
    for _ in range(2):
        world.run(until=Step.PREPARE_INPUTS)
    world.messages.clear()


@scenario
def images_that_may_end_their_process_are_made_one_at_a_time(world: World) -> None:
    world.order(2)
    world.run(until=Step.PREPARE_INPUTS)
    world.messages.clear()
    claim = world.services.generate_image.claim
    for _ in range(SUSPECT_STARTS):
        assert all([claim("a worker", EveryPath()), claim("a worker", EveryPath())])
        world.let_pass(MINUTE_S)
        run_stage(world.services, StepMessage(Step.SWEEP_STUCK_JOBS, JOB))
    assert (claim("a worker", EveryPath()) is None, claim("another", EveryPath()) is None) == (False, True)


@scenario
def paths_are_limited(world: World) -> None:
    world.order(3, path="fashion")
    world.order(1, path="beauty", job_id=OTHER)
    world.run(until=Step.PREPARE_INPUTS)
    world.run(until=Step.PREPARE_INPUTS)
    world.messages.clear()
    limits = OnlyPaths((PathLimit("fashion", 2),))
    claimed = [world.services.generate_image.claim("a worker", limits) for _ in range(3)]
    assert [turn is None for turn in claimed] == [False, False, True]


@scenario
def a_production_has_two_jobs(world: World) -> None:
    production = world.studio.production(member := world.studio.member(100))
    world.order(1, member=member, production=production)
    world.run()
    world.order(2, member=member, production=production, job_id=OTHER)
    world.run(until=Step.FETCH_JOB)
    world.studio.cancel(OTHER)
    world.run()


@scenario
def what_is_due_is_counted(world: World) -> None:
    world.order(3)
    world.run(until=Step.PREPARE_INPUTS)
    world.messages.clear()
    rows = world.services.generate_image
    turn = rows.claim("a worker", EveryPath())
    assert turn is not None
    assert (rows.due(10), rows.due(1)) == (2, 1)


@scenario
def a_path_has_an_engine_of_its_own_and_a_fallback(world: World) -> None:
    rules, look = world.services.rules, Maker("comfyui", "look")
    routing = Routing(
        by_path={"beauty": Route(look, fallback=Maker(), fallback_after_s=60)},
        capabilities={**rules.routing.capabilities, look: Capability("look", 1, takes_negative=True)},
    )
    vars(world.services)["rules"] = replace(rules, intake=replace(rules.intake, routing=routing))
    world.order(2, path="beauty")
    world.run(until=Step.PREPARE_INPUTS)
    world.messages.clear()
    rows, noted = world.services.generate_image, Submission("gpu", "an id", "look", "digest", 0, 0.0)
    assert rows.claim("a worker", EveryPath()) is None
    assert (rows.due(5), rows.due(5, look)) == (0, 2)
    claimed = rows.claim("a worker", EveryPath(), look)
    assert isinstance(claimed, ClaimedImage)
    assert rows.note_submission(claimed, noted)
    assert not rows.note_submission(replace(claimed, lease="another's"), noted)
    rows.reschedule(claimed, delay_s=0.0, attempts=0, broken=0)
    assert not rows.reroute(look, 59.0)
    [rerouted] = rows.reroute(look, 60.0)
    assert rerouted.maker == Maker()
    again = rows.claim("a worker", EveryPath(), look)
    assert isinstance(again, ClaimedImage)
    assert again.submission == noted
    assert not rows.reroute(look, 1_000_000.0)
    world.messages.append(StepMessage(Step.PREPARE_INPUTS, JOB))
    world.run()


def _result_path(world: World) -> str:
    delivery = world.services.persist_output.load(JOB, 0)
    assert delivery is not None
    return delivery.result_path


@pytest.fixture(scope="module")
def one_pipeline(world: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """A database and a Redis for all scenarios: each empties them first."""
    one = Pipeline(world, tmp_path_factory.mktemp("contract"))
    yield one
    one.close()


@pytest.mark.parametrize("play", SCENARIOS, ids=lambda play: play.__name__)
def test_both_worlds_tell_the_same(play: Scenario, one_pipeline: Pipeline) -> None:
    memory, servers = InMemory(), OnServers(one_pipeline)
    try:
        play(memory)
        play(servers)
        assert memory.told() == servers.told()
        assert len(memory.engine.requests) == len(servers.engine.requests)
    finally:
        servers.close()
