"""Pictures that are missing or lost, a Storage that is away, work that ends its process."""

from quel.core.errors import ServiceUnavailable
from quel.core.open_paths import EveryPath
from quel.core.pipeline import SUSPECT_STARTS, Step, StepMessage
from quel.core.prepare_inputs import LEASE_S, Lookahead
from quel.sandbox.memory.worker import run_stage
from tests.integration.scenarios.registry import scenario
from tests.integration.two_worlds import JOB, MINUTE_S, World

DOWN = ServiceUnavailable("Storage does not answer.")


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


def _result_path(world: World) -> str:
    delivery = world.services.persist_output.load(JOB, 0)
    assert delivery is not None
    return delivery.result_path
