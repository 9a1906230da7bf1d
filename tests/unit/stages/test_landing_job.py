"""A landing job from its row to its end, whatever model it names."""

from dataclasses import replace

import pytest

from quel.core.engines import Capability, Maker, Route
from quel.core.job import JobStatus
from quel.sandbox.memory.lists import ForwardList
from quel.stages.fetch_job import fetch_job

EDIT = Maker("comfyui", "edit")


@pytest.fixture
def order(job):
    def page(images=1, **data):
        return job(images, data={"prompt": "a loft", "userId": "someone"} | data, path="landing")

    return page


@pytest.fixture
def mapped(services):
    """A world in which the settings name a workflow for a model."""
    routing = replace(
        services.rules.routing,
        capabilities={
            **services.rules.routing.capabilities,
            EDIT: Capability("edit", 4, takes_negative=True),
        },
        models={"flux-schnell": Route(EDIT)},
    )
    services.rules = replace(services.rules, intake=replace(services.rules.intake, routing=routing))
    return services.add_lane(EDIT)


def run(studio, worker, job_id):
    studio.push(job_id)
    worker.run()
    return studio.job_row(job_id)


def test_four_are_made_and_ordered_where_nothing_was(services, studio, worker, order):
    job_id = order(0)
    row = run(studio, worker, job_id)
    assert (row.job_status, row.completed_images, row.total_images) == (JobStatus.COMPLETED, 4, 4)
    assert {entry.description for entry in services.tables.ledger} == {"Landing Template Generated"}
    assert {request.temperature for request in services.engine.requests} == {None}


def test_a_model_of_geminis_own_is_asked_for_and_a_dead_one_is_replaced(services, studio, worker, order):
    run(studio, worker, order(1, modelId="gemini:gemini-3-pro-image"))
    row = run(studio, worker, order(1, modelId="gemini-2.5-flash-image"))
    assert [request.model for request in services.engine.requests] == ["gemini-3-pro-image", ""]
    assert 'modelId "gemini-2.5-flash-image" is not to be had' in row.error_message


def test_a_model_of_the_settings_is_made_by_its_workflow(services, studio, worker, order, mapped):
    row = run(
        studio, worker, order(2, modelId="flux-schnell", modelSteps=9, modelCfgScale=0, negativePrompt="hats")
    )
    assert row.job_status is JobStatus.COMPLETED, row.error_message
    told = [(r.steps, r.cfg, r.negative_prompt) for r in mapped.engine.requests]
    assert told == [(9, 0.0, "hats")] * 2
    assert services.engine.requests == []
    assert {entry.api_provider for entry in services.tables.ledger} == {"comfyui"}


def test_another_companys_model_is_refused_and_named_or_passed_on_untouched(services, studio, worker, order):
    row = run(studio, worker, order(2, modelId="runware:101@1"))
    assert (row.job_status, row.failed_images) == (JobStatus.FAILED, 2)
    assert 'modelId "runware:101@1" is a model that quel does not make' in row.error_message
    assert "charged nothing" in row.error_message
    services.forward_list = ForwardList("jobs:go")
    passed = order(1, modelId="seedream-4")
    assert fetch_job(services, passed) == ()
    for status in (JobStatus.PENDING, JobStatus.PROCESSING):  # as its new maker leaves it
        studio.job_row(passed).job_status = status
        for _ in range(6):
            services.clock.advance(700)
            worker.sweep()
            worker.run()
        row = studio.job_row(passed)
        assert (row.job_status, row.retry_count, row.error_message) == (status, 0, None)
    assert services.forward_list.job_ids == [passed]
    assert (services.engine.requests, services.tables.ledger) == ([], [])


def test_a_missing_reference_is_named_and_the_others_are_shown(services, studio, worker, order):
    there = [{"attachId": studio.attach(name.encode(), name), "type": "bg"} for name in ("one", "two")]
    row = run(studio, worker, order(1, uploadedAttachIds=[there[0], {"attachId": 999}, there[1]]))
    assert "Reference 999" in row.error_message
    assert [p.data for p in services.engine.requests[0].pictures] == [b"one", b"two"]
