"""Who pays, and when credits do not last."""

from quel.core.generate_image import ClaimedImage, Unpayable
from quel.core.open_paths import EveryPath
from quel.core.pipeline import ImageState, Step, StepMessage
from tests.integration.scenarios.registry import scenario
from tests.integration.two_worlds import JOB, NEWCOMER, OTHER, World


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
