"""ComfyUI as an engine, against servers that speak its wire: what is made, found again, refused and told."""

import json
import re
from collections.abc import Iterator, MutableMapping
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest

from quel.core.pipeline import ImageState
from quel.sandbox import faults
from quel.sandbox.comfy import faults as inside
from quel.sandbox.comfy.faults import EXECUTE
from quel.sandbox.faults import Fault
from quel.sandbox.memory.pictures import made
from tests.integration.comfy_world import PROMPT, Killed, MakeComfy, die, picture


def inputs(run: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [body["inputs"] for body in run["graph"].values() if body["class_type"] == kind]


def node_errors_on_200() -> Fault:
    """The graph was taken, without the only output that is wanted."""
    errors = {"10": {"errors": [], "dependent_outputs": ["10"], "class_type": "SaveImage"}}
    body = json.dumps({"prompt_id": "x", "number": 1, "node_errors": errors})
    return Fault("node_errors", status=200, body=body)


@pytest.mark.parametrize("version", ["0.33.0", "0.4.0"])
def test_a_job_is_made_and_booked_by_the_engine_of_its_path(comfy: MakeComfy, version: str) -> None:
    world = comfy(version=version)
    fashion = world.studio.job(
        "simple_general", {"prompt": "a boat"}, total_images=1, member=world.studio.member(100)
    )
    world.studio.push(fashion)
    world.services.engine.answer(made(picture((90, 90, 90))))
    stage = {"prompt": PROMPT, "quantity": 3, "aspect-ratio": "3:4", "negative_prompt": "hats"}
    job_id = world.order(3, job_type="pipeline_stage", data={"stages": [stage]})

    assert world.stored(job_id) == 3
    providers = sorted(entry.api_provider for entry in world.services.tables.ledger)
    assert providers == ["comfyui"] * 3 + ["gemini-banana"]
    assert len(world.services.engine.requests) == 1
    runs = world.runs()
    ids, seeds = [run["prompt_id"] for run in runs], [inputs(run, "KSampler")[0]["seed"] for run in runs]
    assert all(prompt_id == str(UUID(prompt_id)) for prompt_id in ids)
    assert (len(set(ids)), len(set(seeds))) == (3, 3)
    for run in runs:
        [latent] = inputs(run, "EmptySD3LatentImage")
        assert (latent["width"], latent["height"]) == (864, 1184)
        told, avoided = inputs(run, "TextEncodeQwenImageEditPlus")
        assert PROMPT in told["prompt"]
        assert "hats" not in told["prompt"]
        assert avoided["prompt"] == "hats"
        assert not inputs(run, "LoadImage")
    assert all((image.cost_usd or 0) > 0 for image in world.images(job_id))
    assert not world.servers[0].control("history"), "the customer's words do not stay at the server"


def test_references_are_sent_once_under_their_digest_and_the_name_that_came_back_is_used(
    comfy: MakeComfy,
) -> None:
    world = comfy()
    one, other = picture((200, 10, 10)), picture((10, 10, 200))
    digests = [sha256(world.services.imaging.normalise(data).data).hexdigest() for data in (one, other)]
    world.servers[0].control("put_input", subfolder="quel", name=f"{digests[1]}.png", data="somebody else's")
    ids = [world.studio.attach(one, "one.png"), world.studio.attach(other, "other.png")]
    references = [{"attachId": ids[0], "type": "model"}, {"attachId": ids[1], "type": "product"}]
    job_id = world.order(2, uploadedAttachIds=references)

    assert world.stored(job_id) == 2
    uploads = world.servers[0].calls("upload")
    assert len(uploads) == 2
    for run in world.runs():
        names = [loaded["image"] for loaded in inputs(run, "LoadImage")]
        assert names == [f"quel/{digests[0]}.png", f"quel/{digests[1]} (1).png"]
        [told, _] = inputs(run, "TextEncodeQwenImageEditPlus")
        assert [key for key in told if key.startswith("image")] == ["image1", "image2"]

    many = [
        {"attachId": world.studio.attach(picture((n, 90, 90)), f"{n}.png"), "type": kind}
        for n, kind in enumerate(["bg", "model", "product", "product", "brush"])
    ]
    assert world.stored(world.order(1, uploadedAttachIds=many)) == 1
    assert len(inputs(world.runs()[-1], "LoadImage")) == 3


DEATHS = ("before it is sent", "before the answer", "while it runs", "after its end", "after the fetch")


@pytest.mark.parametrize("version", ["0.33.0", "0.4.0"])
def test_a_successor_finds_what_a_dead_worker_handed_over(
    comfy: MakeComfy, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    world = comfy(latency_s=0.3, version=version)
    for death in DEATHS:
        before = len(world.runs())
        with monkeypatch.context() as patch:
            die(patch, death)
            with pytest.raises(Killed):
                world.order(1)
        if death == "after its end":
            world.servers[0].control("settle")
        job_id = max(world.services.tables.jobs)
        world.take_over()
        assert world.stored(job_id) == 1, death
        assert len(world.runs()) - before == 1, death
    assert len(world.services.tables.ledger) == len(DEATHS)
    assert len({entry.attach_idx for entry in world.services.tables.ledger}) == len(DEATHS)


def test_a_worker_that_ends_leaves_what_runs_to_another(
    comfy: MakeComfy, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = comfy(latency_s=0.5)
    taken: list[str] = []
    note = world.services.generate_image.note_submission

    def stop_soon(claimed: Any, submission: Any) -> bool:
        world.is_stopping = not taken
        taken.append(submission.prompt_id)
        return note(claimed, submission)

    reschedule = world.services.generate_image.reschedule

    def start_again(*given: Any, **values: Any) -> bool:
        world.is_stopping = False
        return reschedule(*given, **values)

    monkeypatch.setattr(world.services.generate_image, "note_submission", stop_soon)
    monkeypatch.setattr(world.services.generate_image, "reschedule", start_again)
    job_id = world.order(1)
    assert world.stored(job_id) == 1
    assert len(set(taken)) == len(world.runs()) == 1
    assert world.images(job_id)[0].attempts == 0


def test_a_prompt_whose_answer_was_swallowed_is_not_sent_again(comfy: MakeComfy) -> None:
    world = comfy(latency_s=0.2)
    world.servers[0].fail_next(faults.cut_before_answer(), operation="prompt")
    job_id = world.order(1)
    assert world.stored(job_id) == 1
    assert len(world.runs()) == 1
    assert len([call for call in world.servers[0].calls("prompt") if call["method"] == "POST"]) == 1


@pytest.mark.parametrize("version", ["0.33.0", "0.4.0"])
def test_a_restart_costs_one_more_run_at_most_and_two_of_them_the_image(
    comfy: MakeComfy, version: str
) -> None:
    world = comfy(version=version)
    server = world.servers[0]
    server.fail_next(inside.restarts(), operation=EXECUTE)
    job_id = world.order(1)
    assert world.stored(job_id) == 1
    first, second = world.runs()
    assert first["prompt_id"] == second["prompt_id"]

    server.fail_next(inside.restarts_after(), operation=EXECUTE)
    assert world.stored(world.order(1)) == 1
    assert len(world.runs()) == 3, "the picture was taken from its file"

    server.fail_next(inside.restarts(), times=2, operation=EXECUTE)
    job_id = world.order(1)
    [image] = world.images(job_id)
    assert (image.state, image.reason_code) == (ImageState.FAILED, "provider_crash")
    assert len(world.runs()) == 5
    assert world.studio.job_row(job_id).job_status.value == "failed"


@pytest.mark.parametrize("version", ["0.33.0", "0.4.0"])
def test_a_cancelled_job_leaves_the_queue_and_nobody_elses_prompt_is_touched(
    comfy: MakeComfy, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    world = comfy(latency_s=30, version=version)
    [server] = world.servers
    for foreign_s, fault in ((1.5, None), (0.0, None), (0.0, inside.deaf())):
        theirs = server.submit_foreign(foreign_s) if foreign_s else None
        if fault is not None:
            server.configure(latency_s=1)
            server.fail_next(fault, operation=EXECUTE)
        polls = iter(range(10_000))
        ask = world.services.cancellations.is_cancelled

        def soon(job_id: UUID, polls: Iterator[int] = polls, ask: Any = ask) -> bool:
            if next(polls) == 1:
                world.studio.cancel(job_id)
            return bool(ask(job_id))

        monkeypatch.setattr(world.services.cancellations, "is_cancelled", soon)
        job_id = world.order(1)
        assert world.studio.job_row(job_id).job_status.value == "user_cancelled"
        server.control("settle")
        ended = {run["prompt_id"]: run["ended_at"] for run in server.runs()}
        assert theirs is None or ended[theirs] is not None
        monkeypatch.undo()
    assert not world.services.tables.ledger
    interrupts = server.calls("interrupt")
    assert all(call["body"].get("prompt_id") for call in interrupts)


PRIVATE = re.compile(r"mast|/home/|Traceback|127\.0\.0\.1")


@pytest.mark.parametrize(
    ("fault", "operation", "times", "code", "attempts"),
    [
        (inside.node_error("ValueError", "bad {prompt} in /home/studio/x.py"), EXECUTE, 9, "node_failed", 3),
        (inside.out_of_memory(), EXECUTE, 2, None, 2),
        (inside.out_of_memory(), EXECUTE, 9, "out_of_memory", 3),
        (inside.black(), EXECUTE, 1, None, 1),
        (inside.black(), EXECUTE, 9, "blank_picture", 3),
        (inside.truncated(), EXECUTE, 9, "no_picture", 3),
        (inside.no_output(), EXECUTE, 1, None, 1),
        (inside.no_file(), EXECUTE, 1, None, 1),
        (inside.batch(), EXECUTE, 1, None, 0),
        (inside.node_error("RuntimeError", "unsafe content: {prompt}"), EXECUTE, 1, "blocked_safety", 1),
        (faults.gateway_page(401), "prompt", 9, "key_refused", 1),
        (faults.gateway_page(200), "prompt", 9, "not_comfyui", 1),
        (faults.gateway_page(413), "prompt", 9, "request_too_large", 1),
        (faults.gateway_page(500), "prompt", 9, "workflow_invalid", 3),
        (faults.gateway_page(500), "prompt", 1, None, 1),
        (faults.gateway_page(404), "view", 1, None, 1),
        (faults.gateway_page(502), "jobs", 2, None, 0),
        (faults.enormous(80 * faults.MEGABYTE), "view", 1, None, 1),
        (faults.enormous(80 * faults.MEGABYTE), "view", 9, "no_picture", 3),
        (faults.gateway_page(524), "prompt", 1, None, 0),
        (faults.gateway_page(502), "object_info", 1, None, 0),
        (faults.gateway_page(401), "object_info", 1, "key_refused", 1),
        (faults.hang(), "jobs", 1, None, 0),
        (faults.dribble(1.0), "jobs", 1, None, 0),
        (node_errors_on_200(), "prompt", 1, "workflow_invalid", 1),
    ],
)
def test_every_answer_has_its_outcome_and_tells_nothing_private(
    comfy: MakeComfy,
    events: list[MutableMapping[str, Any]],
    fault: Any,
    operation: str,
    times: int,
    code: str | None,
    attempts: int,
) -> None:
    world = comfy(workflow="refusals: ['unsafe content']")
    world.servers[0].fail_next(fault, times=times, operation=operation)
    job_id = world.order(1)
    [image] = world.images(job_id)
    assert (image.reason_code, image.attempts) == (code, attempts), image.reason
    assert image.state is (ImageState.FAILED if code else ImageState.STORED)
    assert len(world.services.tables.ledger) == (0 if code else 1)
    row = world.studio.job_row(job_id)
    told = [image.reason, row.error_message, str(image.submission), *map(str, events)]
    assert not [words for words in told if PRIVATE.search(words or "")]


def test_an_equal_graph_brings_no_stale_picture(comfy: MakeComfy) -> None:
    world = comfy()
    job_id = world.order(1)
    world.servers[0].drop_files()
    world.services.blobs.lose_everything()
    again = world.order(1)
    assert (world.stored(job_id), world.stored(again)) == (1, 1)
    first, second = world.runs()
    saved = [inputs(run, "SaveImage")[0]["filename_prefix"] for run in (first, second)]
    assert saved == [f"quel/{job_id}/{first['prompt_id']}", f"quel/{again}/{second['prompt_id']}"]
