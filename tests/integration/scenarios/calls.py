"""Calls of the engine and what they bring: takes, failures, series, and who hears of the end."""

from quel.core.deliver_webhook import Answer
from quel.core.generate_image import ClaimedImage
from quel.core.open_paths import EveryPath
from quel.core.outcome import Broken, QuotaScope, Refused, Transient, Wait
from quel.core.pipeline import Step, StepMessage
from quel.core.takes import Reason, Signs
from quel.sandbox.memory.pictures import NO_PICTURE, made
from tests.integration.scenarios.registry import scenario
from tests.integration.two_worlds import JOB, MINUTE_S, World

REFUSAL = Refused("blocked_safety", "The provider refused it.")
FAILURE = Transient("server_error", "It failed.")
BLANK = Signs({Reason.BLANK: 1.0})
WORDS = Broken("no_picture", "It answered in words.")


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
def three_answers_cannot_be_decoded(world: World) -> None:
    world.engine.answer(*[made(NO_PICTURE)] * 3)
    world.order(1)
    world.run()
