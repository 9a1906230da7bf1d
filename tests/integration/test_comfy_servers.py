"""ComfyUI servers as an engine sees them: hung, busy, away, refusing, lacking; the other engine beside."""

from collections.abc import MutableMapping
from typing import Any

import pytest

from quel.core.pipeline import ImageState
from quel.sandbox.comfy import faults as inside
from quel.sandbox.comfy.faults import EXECUTE
from quel.sandbox.memory.pictures import made
from tests.integration.comfy_world import Killed, MakeComfy, die, picture
from tests.integration.harness import until

BUSY = "it is busy with other people's prompts"


def test_a_server_that_accepts_and_never_runs_is_taken_out_and_named(comfy: MakeComfy) -> None:
    world = comfy(2, workflow="timeout_s: 3, wait_s: 0.5")
    zombie, other = world.servers
    zombie.fail_next(inside.dies(), operation=EXECUTE)
    [lane] = world.services.more_lanes
    job_ids = [world.order(1) for _ in range(2)]
    assert [world.stored(job_id) for job_id in job_ids] == [1, 1]
    assert [image.attempts for image in world.images(job_ids[0])] == [1], "it was given up, and made again"
    assert list(lane.quota.state()) == ["gpu-0"]
    assert "does not end" in lane.quota.state()["gpu-0"]

    world.servers[0].restart()
    world.forget_health()
    zombie.fail_next(inside.dies(), operation=EXECUTE)
    zombie.submit_foreign(0)
    until(lambda: zombie.queue()["queue_running"], "the worker thread dies")
    busy, hung = f"resting: {BUSY}", "hung: it accepts prompts and does not run them"
    for said in (busy, hung):
        with world.busy_until_sent(other, zombie):
            job_id = world.order(1)
        assert (world.stored(job_id), world.images(job_id)[0].attempts) == (1, 0)
        assert lane.quota.state() == {"gpu-0": said}, "the first time it may be a long prompt of theirs"
        world.forget_health()
        world.age_prompts(3)


def test_a_long_prompt_of_somebody_elses_makes_no_server_look_hung(comfy: MakeComfy) -> None:
    world = comfy(2, workflow="timeout_s: 20, wait_s: 1")
    long, other = world.servers
    theirs = long.submit_foreign(600)
    until(lambda: long.queue()["queue_running"], "their prompt runs")
    with world.busy_until_sent(other, long):
        job_id = world.order(1)
    assert (world.stored(job_id), world.images(job_id)[0].attempts) == (1, 0)
    assert [len(server.runs()) for server in world.servers] == [1, 2], "it was taken back, and made elsewhere"
    [lane] = world.services.more_lanes
    assert lane.quota.state() == {"gpu-0": f"resting: {BUSY}"}
    assert [run["prompt_id"] for run in long.runs()] == [theirs]


def test_a_place_that_lapsed_beside_a_running_prompt_is_nobody_elses(
    comfy: MakeComfy, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = comfy(latency_s=1.0)
    with monkeypatch.context() as patch:
        die(patch, "while it runs")
        with pytest.raises(Killed):
            world.order(1)
    [first] = world.services.tables.jobs
    world.forget_places()
    second = world.order(1)
    world.take_over()
    assert [world.stored(job_id) for job_id in (first, second)] == [1, 1]
    assert [run["beside"] for run in world.runs()] == [0, 0]


def test_the_less_busy_server_is_taken_and_one_that_is_away_loses_nothing(comfy: MakeComfy) -> None:
    world = comfy(2)
    theirs = world.servers[0].submit_foreign(600)
    assert world.stored(world.order(1)) == 1
    assert [len(server.runs()) for server in world.servers] == [1, 1]
    world.servers[0].take_back(theirs)
    world.servers[1].stop()
    job_id = world.order(2)
    assert world.stored(job_id) == 2
    assert len(world.servers[0].runs()) == 3
    assert all(image.attempts == 0 for image in world.images(job_id))


def test_a_credential_reaches_its_server_and_nobody_else(
    comfy: MakeComfy, events: list[MutableMapping[str, Any]]
) -> None:
    server, secrets = ", auth: bearer, secret: MY_GPU_TOKEN", {"MY_GPU_TOKEN": "hush-hush"}
    world = comfy(token="hush-hush", server=server, secrets=secrets)
    made_one = world.order(1)
    world.servers[0].configure(token="another")
    refused = world.order(1)
    assert [world.stored(job_id) for job_id in (made_one, refused)] == [1, 0]
    [image] = world.images(refused)
    assert image.reason_code == "key_refused"
    told = [image.reason, world.studio.job_row(refused).error_message, *map(str, events)]
    assert not [words for words in told if "hush" in (words or "")]


def test_a_refused_credential_ends_the_image_and_is_no_silence_and_another_server_goes_on(
    comfy: MakeComfy,
) -> None:
    world = comfy(
        token="another", server=", auth: bearer, secret: MY_GPU_TOKEN", secrets={"MY_GPU_TOKEN": "mine"}
    )
    job_id = world.order(1)
    [image] = world.images(job_id)
    assert (image.state, image.reason_code, image.attempts) == (ImageState.FAILED, "key_refused", 1)
    [lane] = world.services.more_lanes
    assert lane.quota.state() == {}, "it answers"

    world = comfy(2)
    world.servers[0].configure(token="another")
    assert [world.stored(world.order(2)) for _ in range(2)] == [2, 2]
    assert [len(server.runs()) for server in world.servers] == [0, 4]


def test_what_one_server_lacks_another_may_have(comfy: MakeComfy) -> None:
    world = comfy(2)
    world.servers[0].configure(missing=["KSampler"])
    assert world.stored(world.order(2)) == 2
    assert not world.servers[0].runs()
    world.servers[1].configure(missing=["qwen_image_vae.safetensors"])
    job_id = world.order(1)
    [image] = world.images(job_id)
    assert (image.reason_code, image.attempts) == ("workflow_unfit", 1)
    assert "No server can run" in (image.reason or "")


def test_a_gate_of_one_engine_holds_no_image_of_the_other_up(comfy: MakeComfy) -> None:
    world = comfy()
    world.services.quota.open_breaker(3600, "day")
    assert world.stored(world.order(2)) == 2


def test_with_every_server_away_the_fallback_makes_the_image(comfy: MakeComfy) -> None:
    world = comfy(route=", fallback: gemini, fallback_after_s: 0")
    world.services.engine.answer(made(picture((90, 90, 90))))
    world.servers[0].stop()
    job_id = world.order(1)
    [image] = world.images(job_id)
    assert (image.state, image.engine, image.rerouted) == (ImageState.STORED, "gemini", True)
    assert [entry.api_provider for entry in world.services.tables.ledger] == ["gemini-banana"]
