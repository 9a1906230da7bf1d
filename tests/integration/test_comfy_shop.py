"""A shop whose only engine is ComfyUI, with processes of quel's own: start, delivery, books, doctor."""

import json
import re
import time
from pathlib import Path

import pytest

from quel.sandbox.comfy.client import Comfy
from tests.integration.comfy_world import PROMPT, settings_file
from tests.integration.harness import PATIENCE_S, until
from tests.integration.ledger import production_of
from tests.integration.own_audit import own_audit
from tests.integration.quel_command import run_quel


@pytest.fixture
def shop(pipeline, tmp_path):
    """Settings that leave everything to these servers; `change` edits the settings file."""

    def opened(*servers, workflow="timeout_s: 30", server="", change=lambda text: text):
        environment = settings_file(tmp_path, list(servers), workflow, server)
        file = Path(environment["QUEL_CONFIG"])
        text = file.read_text().replace("beauty:", "default:")
        file.write_text(change(text))
        nothing = dict.fromkeys(("GEMINI_API_KEY", "GEMINI_BASE_URL", "GEMINI_MODEL"), "")
        return nothing | environment

    return opened


@pytest.fixture
def gpus():
    with Comfy(in_process=True, latency_s=1.0) as one, Comfy(in_process=True, latency_s=1.0) as other:
        yield one, other


def findings(pipeline, settings):
    answer = run_quel(pipeline.environment(**settings), "doctor", "--json")
    assert answer.stdout, answer.stderr
    told = [(each["check"], each["state"], each["message"]) for each in json.loads(answer.stdout)]
    return answer.returncode, told, answer.stdout + answer.stderr


def test_from_a_fresh_database_to_delivered_pictures_whatever_is_killed(pipeline, shop, gpus):
    settings = shop(*gpus)
    workers = pipeline.workers(**settings)
    member = pipeline.studio.member(1_000)
    data = {"prompt": PROMPT, "aspect-ratio": "1:1"}
    job_id = pipeline.studio.job("simple_general", data, total_images=4, member=member)
    pipeline.studio.push(job_id)
    until(lambda: all(server.queue()["queue_running"] for server in gpus), "both servers are busy")
    for _ in range(20):
        assert all(len(s.queue()["queue_running"]) + len(s.queue()["queue_pending"]) <= 1 for s in gpus)
    workers.kill()  # -9, while it runs
    for key in pipeline.studio.redis.scan_iter("quel:comfy:place:*"):
        pipeline.studio.redis.delete(key)
    pipeline.let_pass(60)
    again = pipeline.workers(**settings)
    pipeline.sweep_until(lambda: pipeline.studio.job_row(job_id)["job_status"] == "completed")

    runs = [run["prompt_id"] for server in gpus for run in server.runs()]
    assert len(runs) == len(set(runs)) == 4
    ledger = pipeline.studio.rows("SELECT api_provider, amount FROM quel_credits")
    assert [(row["api_provider"], row["amount"]) for row in ledger] == [("comfyui", -5)] * 4
    log = again.log.read_text() + workers.log.read_text()
    assert not re.search(r"mast|Traceback", log)
    assert again.terminate() == 0

    environment = pipeline.environment(**settings)
    assert run_quel(environment, "audit").returncode == 0
    [fashion] = json.loads(run_quel(environment, "stats", "--json").stdout)
    assert (fashion["credits"], fashion["cost_usd"] > 0) == (20, True)
    code, told, _ = findings(pipeline, settings)
    assert code == 0, told
    checks = {check for check, _, _ in told}
    assert {"ComfyUI server gpu-0", "ComfyUI workflow edit at gpu-1"} <= checks
    assert "Gemini" not in checks


def round_of_eight(studio, member, **more):
    data = {"sourceAttachId": studio.photograph("coffee.png"), "originalPrompt": PROMPT, "userId": "round"}
    data |= {"angles": list(range(0, 360, 45)), "aspectRatio": "1:1"} | more
    return studio.job("simple_general", data, total_images=8, member=member, path="multiview")


@pytest.mark.slow
def test_a_round_and_a_page_are_made_there_in_order_though_their_worker_is_killed(pipeline, shop, gpus):
    studio, settings = pipeline.studio, shop(*gpus)
    member = studio.member(1_000)
    references = [
        {"attachId": studio.photograph("astronaut.png"), "angle": 90},
        {"attachId": 999_999, "angle": 180},
    ]
    views = round_of_eight(studio, member, referenceImages=references)
    page = studio.job(
        "simple_general", {"customPrompt": PROMPT}, total_images=2, member=member, path="landing"
    )
    workers = pipeline.workers(**settings)
    studio.push(views, page)
    until(lambda: studio.job_row(views)["completed_images"] >= 2, "one is there beside the source")
    until(lambda: any(server.queue()["queue_running"] for server in gpus), "another one is being made")
    workers.kill()
    for key in studio.redis.scan_iter("quel:comfy:place:*"):
        studio.redis.delete(key)
    pipeline.let_pass(60)
    again = pipeline.workers(**settings)
    pipeline.sweep_until(
        lambda: all(studio.job_row(job)["job_status"] == "completed" for job in (views, page))
    )

    runs = [run for server in gpus for run in server.runs()]
    assert len({run["prompt_id"] for run in runs}) == len(runs) == 7 + 2
    pictures = [sum(body["class_type"] == "LoadImage" for body in run["graph"].values()) for run in runs]
    assert sorted(pictures) == [0, 0, 1, 1, 1, 1, 1, 1, 2], "its source, and at 90 degrees the reference"
    row = studio.job_row(views)
    assert (row["completed_images"], row["failed_images"]) == (8, 0)
    assert "Reference 999999 (referenceImages[1].angle) was left out" in row["error_message"]
    names = {each["attach_id"]: each["attach_file_path"] for each in studio.rows("SELECT * FROM quel_attach")}
    degrees = [names[attach_id].rpartition("_angle")[2] for attach_id in row["generated_attach_ids"]]
    assert degrees == [f"{angle}.webp" for angle in range(0, 360, 45)]
    assert production_of(studio, views)["attach_ids"] == row["generated_attach_ids"]
    ledger = studio.rows("SELECT api_provider, amount FROM quel_credits")
    assert [(line["api_provider"], line["amount"]) for line in ledger] == [("comfyui", -5)] * 9
    assert own_audit(studio, objects=True, starting_balances={member: 1_000}) == []
    assert not re.search(r"mast|Traceback", workers.log.read_text() + again.log.read_text())


def test_a_round_that_is_cancelled_there_leaves_both_servers_free_and_is_paid_as_far_as_it_came(
    pipeline, shop, gpus
):
    studio = pipeline.studio
    for server in gpus:
        server.configure(latency_s=600)
    member = studio.member(1_000)
    views = round_of_eight(studio, member)
    pipeline.workers(**shop(*gpus))
    studio.push(views)
    until(lambda: all(server.queue()["queue_running"] for server in gpus), "two of them are being made")
    until(lambda: studio.job_row(views)["completed_images"] == 1, "the source is there")
    studio.cancel(views)
    row = studio.wait([views])[views]
    assert (row["job_status"], row["completed_images"]) == ("user_cancelled", 1)
    until(lambda: not any(any(server.queue().values()) for server in gpus), "both servers are free")
    assert studio.rows("SELECT 1 FROM quel_credits") == []
    assert own_audit(studio, objects=True, starting_balances={member: 1_000}) == []


def test_the_doctor_names_what_each_server_and_workflow_lacks(pipeline, shop, gpus):
    one, other = gpus

    def trouble(words, settings=None):
        began = time.monotonic()
        code, told, printed = findings(pipeline, settings or shop(one, other))
        assert code == 1, told
        assert any(state == "trouble" and words in message for _, state, message in told), told
        assert time.monotonic() - began < 20
        return printed

    one.configure(version="0.3.40")
    trouble("0.3.57")
    for server in gpus:
        server.configure(version="0.33.0", missing=["KSampler"])
    trouble('no node "KSampler"')
    one.configure(missing=[])
    assert findings(pipeline, shop(one, other))[0] == 0, "one server is enough"
    for server in gpus:
        server.configure(missing=["qwen_image_vae.safetensors"])
    trouble("qwen_image_vae.safetensors")
    for server in gpus:
        server.configure(missing=[], token="hush-hush")
    trouble("refuses quel's credential")
    for server in gpus:
        server.configure(token="")
    trouble("would be", shop(one, other, workflow="size_step: 3"))
    settings = shop(one, other)
    workflow = Path(settings["QUEL_CONFIG"]).parent / "edit_pictures.json"
    workflow.write_text('{"nodes": [], "links": []}')
    trouble("Export (API)", settings)
    for server in gpus:
        server.stop()
    address = one.url.removeprefix("http://")
    assert address not in trouble("does not answer")


@pytest.mark.parametrize(
    ("server", "old", "new", "words"),
    [
        ("", "workflow: edit}", "workflow: nothing}", 'workflow "nothing"'),
        (", auth: bearer, secret: MY_GPU_TOKEN", "", "", "MY_GPU_TOKEN must be set"),
    ],
)
def test_a_wrong_engine_ends_the_start(pipeline, shop, gpus, server, old, new, words):
    settings = shop(*gpus, server=server, change=lambda text: text.replace(old, new))
    process = pipeline.workers("generate_image", ready=False, **settings)
    assert process.wait(PATIENCE_S) == 2
    said = process.log.read_text()
    assert words in said
    assert "Traceback" not in said
