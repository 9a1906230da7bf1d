"""An image is made by the engine that its path's route named at the claim; engines share nothing."""

from dataclasses import replace

import pytest

from quel.core.engines import Capability, Maker, Route, Routing
from quel.core.outcome import Broken, Postponed, Refused
from quel.core.pipeline import WHOEVER, ImageState, Step, StepMessage
from quel.core.prepare_inputs import AHEAD
from quel.core.submission import Submission
from quel.core.takes import Reason, Signs
from quel.sandbox.memory.pictures import made
from quel.sandbox.memory.services import MemoryServices, default_rules
from quel.stages.generate_image import generate_image
from quel.stages.prepare_inputs import prepare_inputs

LOOK = Maker("comfyui", "look")


@pytest.fixture
def services():
    rules = default_rules()
    capabilities = {Maker(): Capability("gemini", 14), LOOK: Capability("look", 1, takes_negative=True)}
    routing = Routing(by_path={"beauty": Route(LOOK, digest="d")}, capabilities=capabilities)
    return MemoryServices(replace(rules, intake=replace(rules.intake, routing=routing)))


@pytest.fixture
def look(services):
    return services.add_lane(LOOK)


@pytest.fixture
def order(job, studio, worker):
    def ordered(images=1, path="beauty", **columns):
        job_id = job(images, path=path, **columns)
        studio.push(job_id)
        worker.run()
        return job_id

    return ordered


NOTED = Submission(server="s", prompt_id="p", workflow="look", of="x", take=0, at_s=0.0)


def test_each_path_is_made_by_its_own_engine_and_booked_so(services, look, order):
    order(2)
    order(1, path="fashion")
    assert (len(look.engine.requests), len(services.engine.requests)) == (2, 1)
    providers = [entry.api_provider for entry in services.tables.ledger]
    assert sorted(providers) == ["comfyui", "comfyui", "gemini-banana"]


def by_gemini_from_now_on(services):
    routing = replace(services.rules.routing, by_path={})
    services.rules = replace(services.rules, intake=replace(services.rules.intake, routing=routing))


def test_a_route_that_changes_touches_new_jobs_alone(services, look, job_after, worker):
    old = job_after(Step.FETCH_JOB, path="beauty")
    by_gemini_from_now_on(services)
    worker.sweep()
    services.clock.advance(3600)
    worker.sweep()
    worker.run()
    assert services.tables.images[old, 0].state is ImageState.STORED
    assert len(look.engine.requests) == 1


def test_what_to_avoid_has_a_place_of_its_own_and_pictures_have_roles(services, studio, look, order):
    ids = [studio.attach(name.encode(), name) for name in ("m", "p")]
    stage = {
        "prompt": "a lipstick",
        "quantity": 1,
        "negative_prompt": "hats  and\ncats",
        "individualImageAttachIds": [
            {"attachId": ids[0], "type": "model"},
            {"attachId": ids[1], "type": "product"},
        ],
    }
    order(job_type="pipeline_stage", data={"stages": [stage]})
    order(job_type="pipeline_stage", data={"stages": [stage]}, path="fashion")
    [request], [plain] = look.engine.requests, services.engine.requests
    assert request.negative_prompt == "hats and cats"
    assert "hats" not in request.prompt
    assert request.roles == ("model and products",), "the workflow takes one picture"
    assert plain.negative_prompt == ""
    assert "hats" in plain.prompt


def test_a_closed_gate_of_one_engine_holds_up_no_image_of_the_other(services, look, order):
    services.quota.open_breaker(86_400, "day")
    began = services.clock.now
    order(3)
    assert services.clock.since(began) < 3600
    look.quota.open_breaker(86_400, "servers")
    services.quota.open_breaker(0, "")


def test_what_waits_for_one_engine_keeps_no_job_of_another_from_being_prepared(services, studio, job_after):
    customer = studio.member(10_000)
    job_after(Step.PREPARE_INPUTS, AHEAD, path="beauty", member=customer)
    waiting = job_after(Step.FETCH_JOB, path="beauty", member=customer)
    by_gemini_from_now_on(services)
    other = job_after(Step.FETCH_JOB, path="beauty", member=customer)
    assert services.tables.images[other, 0].turn == 0, "rounds are an engine's own"
    prepare_inputs(services, WHOEVER)
    prepare_inputs(services, WHOEVER)
    assert (studio.states(waiting), studio.states(other)) == (["planned"], ["ready"])


def test_waiting_for_a_server_spends_no_attempt_and_what_was_handed_over_stays_known(services, look, order):
    noted = NOTED

    def hand_over(_):
        look.engine.calls[-1].submitted(noted)
        return Postponed("server_silent", "It does not answer.", 5.0)

    look.engine.answer(hand_over, lambda _: made())
    job_id = order()
    [image] = services.tables.images_of(job_id)
    assert (image.state, image.attempts) == (ImageState.STORED, 0)
    assert [call.earlier for call in look.engine.calls] == [None, noted]


def test_a_dead_lease_writes_no_submission(services, look, order):
    answers = []

    def lose(_):
        [image] = services.tables.in_state(ImageState.GENERATING)
        image.lease_owner = "somebody else"
        answers.append(look.engine.calls[-1].submitted(NOTED))
        image.lease_owner = look.engine.calls[-1].owner
        return Broken("no_picture", "None.")

    look.engine.answer(lose)
    job_id = order()
    [image] = services.tables.images_of(job_id)
    assert answers == [False]
    assert image.submission is None


def test_bytes_that_are_gone_are_fetched_again_and_broken_ones_are_made_anew(
    services, look, job_after, worker
):
    for lose, ended in ((True, False), (False, True)):
        noted = NOTED
        data = b"picture" if lose else b"no picture"

        def hand_over(_, noted=noted, data=data):
            look.engine.calls[-1].submitted(noted)
            return made(data)

        look.engine.answer(hand_over)
        job_id = job_after(Step.GENERATE_IMAGE, path="beauty")
        if lose:
            services.blobs.lose_everything()
        [image] = services.tables.images_of(job_id)
        if image.state is ImageState.MADE:
            services.clock.advance(120)
            worker.sweep()
            worker.run()
        assert look.engine.calls[-1].earlier == replace(noted, ended=ended) or ended


def test_an_engine_that_is_not_configured_any_more_fails_its_images_with_a_sentence(services, order):
    services.rules = replace(
        services.rules,
        intake=replace(services.rules.intake, routing=replace(services.rules.routing, capabilities={})),
    )
    job_id = order()
    [image] = services.tables.images_of(job_id)
    assert (image.reason_code, "comfyui (look)" in image.reason) == ("engine_gone", True)


def test_an_engine_that_is_out_for_long_hands_its_waiting_images_to_the_fallback_once(
    services, look, job_after, worker, events
):
    routing = replace(
        services.rules.routing, by_path={"beauty": Route(LOOK, fallback=Maker(), fallback_after_s=300)}
    )
    services.rules = replace(services.rules, intake=replace(services.rules.intake, routing=routing))
    job_id = job_after(Step.PREPARE_INPUTS, 3, path="beauty")
    images = services.tables.images_of(job_id)
    images[0].submission = NOTED  # a server may still be making it
    look.quota.open_breaker(3600, "servers")
    for seconds in (0, 299):
        services.clock.advance(seconds)
        assert generate_image(services, job_id, 0) == ()
    services.clock.advance(1)
    messages = generate_image(services, job_id, 0)
    assert messages == (StepMessage(Step.PREPARE_INPUTS, job_id),)
    services.queues.send(*messages)
    worker.run()
    assert [image.rerouted for image in images] == [False, True, True]
    assert [entry.api_provider for entry in services.tables.ledger] == ["gemini-banana"] * 2 + ["comfyui"]
    told = [event for event in events if event["event"] == "image.rerouted"]
    assert [(event["source"], event["target"]) for event in told] == [("comfyui", "gemini")] * 2
    price = services.tables.pipeline_jobs[job_id].price
    assert {entry.amount for entry in services.tables.ledger} == {-price}


def test_refused_content_goes_to_no_other_engine(services, look, order):
    routing = replace(
        services.rules.routing, by_path={"beauty": Route(LOOK, fallback=Maker(), fallback_after_s=0)}
    )
    services.rules = replace(services.rules, intake=replace(services.rules.intake, routing=routing))
    look.engine.answer(Refused("blocked_safety", "It was refused."))
    job_id = order()
    [image] = services.tables.images_of(job_id)
    assert (image.state, image.rerouted) == (ImageState.FAILED, False)
    assert not services.engine.requests


def test_what_takes_cost_that_brought_no_picture_is_counted_once_however_the_image_ends(
    services, look, order
):
    """The server's seconds are told with the submission; a take that is turned down was paid for as well."""

    def fails(spent_usd, outcome):
        def answer(_request):
            call = look.engine.calls[-1]
            call.submitted(replace(NOTED, ended=True, spent_usd=spent_usd))
            return outcome

        return answer

    broken = Broken("node_failed", "It failed.")
    look.engine.answer(fails(0.1, broken), fails(0.2, broken), fails(0.3, broken))
    failed = order(1)
    [image] = services.tables.images_of(failed)
    assert (image.state, image.cost_usd) == (ImageState.FAILED, 0.3)

    services.take_checker.see(Signs({Reason.BLANK: 1.0}))
    look.engine.answer(fails(0.1, broken), made(b"blank", 0.1 + 0.05), made(b"good", 0.05))
    kept = order(1)
    [image] = services.tables.images_of(kept)
    assert image.state is ImageState.STORED
    assert image.cost_usd == pytest.approx(0.2)
    assert look.engine.calls[-1].earlier.spent_usd == 0
