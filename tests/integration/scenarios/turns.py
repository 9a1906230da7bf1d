"""Whose turn it is, on which path and at which engine."""

from dataclasses import replace

from quel.core.engines import Capability, Maker, Route, Routing
from quel.core.generate_image import ClaimedImage
from quel.core.open_paths import EveryPath, OnlyPaths, PathLimit
from quel.core.pipeline import Step, StepMessage
from quel.core.prepare_inputs import LEASE_S, Lookahead
from quel.core.submission import Submission
from tests.integration.scenarios.registry import scenario
from tests.integration.two_worlds import JOB, NEWCOMER, OTHER, World


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
