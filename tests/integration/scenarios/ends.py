"""Jobs that are cancelled, ended by somebody else, or taken up by the sweep."""

from quel.core.open_paths import EveryPath
from quel.core.pipeline import Step, StepMessage
from quel.sandbox.memory.worker import run_stage
from tests.integration.scenarios.registry import scenario
from tests.integration.two_worlds import JOB, MINUTE_S, OTHER, STUCK_S, World


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
def a_job_of_another_kind_comes(world: World) -> None:
    world.order(1, path="video")
    world.run()
    world.sweep(after_s=STUCK_S)


@scenario
def an_input_cannot_be_run(world: World) -> None:
    world.order(1, data=["a", "list"])
    world.run()


@scenario
def a_production_has_two_jobs(world: World) -> None:
    production = world.studio.production(member := world.studio.member(100))
    world.order(1, member=member, production=production)
    world.run()
    world.order(2, member=member, production=production, job_id=OTHER)
    world.run(until=Step.FETCH_JOB)
    world.studio.cancel(OTHER)
    world.run()
