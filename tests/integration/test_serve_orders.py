"""`quel serve`: what is ordered, repeated and watched, through kills and restarts."""

import base64
import io
import time
from uuid import UUID

from PIL import Image

from quel.sandbox.faults import slow
from tests.integration import plain_http
from tests.integration.api_load import Watcher, submit_under_kills
from tests.integration.api_world import SECRET_PROMPT, ended
from tests.integration.harness import until


def test_the_old_front_end_s_loop_finds_its_end(api, pipeline):
    job = api.job()
    pushed = api.ask("POST", "/enqueue", json={"job_id": str(job)}).json()
    assert (pushed["success"], pushed["queue"], pushed["queuePosition"]) == (True, "jobs:queue", 1)
    pipeline.workers()
    seen, etag = [], ""

    def ended():
        nonlocal etag
        answer = api.ask("GET", f"/api/modify/status/{job}", headers={"If-None-Match": etag})
        etag = answer.headers["etag"]
        if answer.status_code == 200:
            seen.append(answer.json())
        return seen[-1]["job_status"] == "completed"

    until(ended, "the old loop sees the end")
    last, row = seen[-1], api.studio.job_row(job)
    assert last["generated_attach_ids"] == row["generated_attach_ids"]
    assert (last["completed_images"], last["total_images"], last["job_id"]) == (1, 1, str(job))
    cancelled = api.ask("POST", f"/api/jobs/{job}/cancel").json()
    assert cancelled == {
        "success": False,
        "message": "Job already completed",
        "job_id": str(job),
        "job_status": "completed",
        "completed_images": 1,
    }
    told = api.ask("GET", f"/api/v1/jobs/{job}").json()
    assert (told["images"][0]["state"], told["charged"]) == ("stored", 5)
    assert told["images"][0]["prompt"] is None
    for address in (f"/api/v1/jobs/{job}", f"/api/jobs/{job}", f"/api/modify/status/{job}"):
        assert SECRET_PROMPT not in api.ask("GET", address, "viewer").text
    shown = api.ask("GET", f"/api/v1/jobs/{job}?prompts=true", "operator").json()
    assert SECRET_PROMPT in shown["images"][0]["prompt"]
    figures = api.ask("GET", "/api/v1/usage?since=1h").json()["items"]
    assert [(each["payer_id"], each["credits"]) for each in figures] == [(str(api.org), 5)]
    booked = api.ask("GET", "/api/v1/ledger").json()["items"]
    assert [line["amount"] for line in booked] == [-5]
    for path in ("stats?since=1h", "queues", "quota", "workers", "pauses"):
        assert api.ask("GET", f"/api/v1/{path}", "viewer").status_code == 200, path
    checks = api.ask("GET", "/api/v1/checks", "viewer").json()["items"]
    assert [each for each in checks if each["state"] == "trouble" and each["check"] == "Settings"] == []
    assert {"PostgreSQL", "Redis", "Workers"} <= {each["check"] for each in checks}
    once_more(api, job)


def once_more(api, job):
    """Its image is made again beside the old one, on the customer's account, and that is on record."""
    asked = {"images": [1], "again": True}
    told = api.ask("POST", f"/api/v1/jobs/{job}/retry", json=asked).json()
    assert (told["images"], told["credits"]) == ([2], 5)
    done = until(lambda: ended(api, job), "one more is there")
    assert (done["completed_images"], done["total_images"], len(set(done["generated_attach_ids"]))) == (
        2,
        2,
        2,
    )
    acts = api.ask("GET", "/api/v1/actions", "operator").json()["items"]
    assert [act["target"] for act in acts if act["verb"] == "retry"] == [asked]


def test_in_paintings_and_turn_arounds_are_ordered_and_made(api, pipeline):
    pipeline.workers()
    photograph = pipeline.world.photograph("coffee.png")
    encoded = base64.b64encode(photograph).decode()
    original = api.studio.photograph("coffee.png")
    address = f"{pipeline.world.storage.url}/storage/v1/object/public/attachments/x.png"
    mask = io.BytesIO()
    strokes = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    strokes.paste((255, 0, 0, 255), (8, 8, 24, 24))
    strokes.save(mask, "PNG")
    painting = {
        "imageUrl": address,
        "maskDataUrl": f"data:image/png;base64,{base64.b64encode(mask.getvalue()).decode()}",
        "prompt": "a hat",
        "attachId": original,
        "quantity": 1,
    }
    ordered = api.ask("POST", "/api/modify/submit", "member", json=painting).json()
    assert ordered["success"], ordered
    views = {
        "sourceImage": encoded,
        "referenceImages": [{"image": encoded, "angle": 90, "description": "from the right"}],
        "angles": [0, 90],
    }
    told = api.ask("POST", "/api/multiview/generate", "member", json=views)
    assert told.status_code == 200, told.text
    made = told.json()
    assert (made["success"], made["totalImages"], made["creditsUsed"]) == (True, 2, 5)
    assert [(each["angle"], each["angleLabel"]) for each in made["generatedImages"]] == [
        (0, "Front"),
        (90, "Right"),
    ]
    assert made["creditsRemaining"] in (
        10_000 - 5,
        10_000 - 10,
    )  # five may be held by now
    for each in made["generatedImages"]:
        assert plain_http.get(each["imageUrl"]).headers["content-type"] == "image/webp"
    row = until(lambda: ended(api, ordered["jobId"]), "the in-painting ends")
    assert (row["job_status"], row["completed_images"]) == ("completed", 1)
    own = f"/api/v1/jobs/{ordered['jobId']}"
    detail = api.ask("GET", own, "member").json()
    assert (detail["payer_kind"], detail["payer_id"]) == ("organization", str(api.org))
    assert "event: end" in api.ask("GET", f"{own}/events", "member").text
    again = api.ask("POST", f"{own}/cancel", "member")
    assert (again.status_code, again.json()["type"]) == (409, "urn:quel:problem:already-ended")
    listed = api.ask("GET", "/api/v1/jobs", "client").json()["items"]
    assert ordered["jobId"] in [each["job_id"] for each in listed]
    asked = api.ask("GET", "/api/multiview/check-credits?angleCount=4", "member").json()
    assert (asked["creditSource"], asked["requiredCredits"], asked["canGenerate"]) == (
        "organization",
        15,
        True,
    )


def test_twenty_keys_make_twenty_jobs_whatever_is_killed_between(api):
    rows = {f"key-{number}": api.row(org_id=str(api.org)) for number in range(20)}
    made = submit_under_kills(api, rows, times=5, threads=6, kills=2)
    assert sorted(made) == sorted(rows)
    assert all(len(ids) == 1 for ids in made.values())
    written = {str(row["job_id"]) for row in api.studio.rows("SELECT job_id FROM quel_production_jobs")}
    assert written == {job_id for ids in made.values() for job_id in ids}
    assert api.studio.rows("SELECT count(*) FROM quel_production_photo")[0]["count"] == 20
    waiting = {UUID(entry.decode()) for entry in api.studio.redis.lrange("jobs:queue", 0, -1)}
    assert waiting == {UUID(job_id) for job_id in written}
    other = api.row(org_id=str(api.org))
    answer = api.ask("POST", "/api/v1/jobs", json=other, headers={"Idempotency-Key": "key-1"})
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:quel:problem:key-reused")


def test_who_watches_a_job_learns_its_true_end_through_a_restart(api, pipeline, world):
    world.gemini.fail_when("", slow(1.0))
    job = api.job(total=6)
    watchers = [Watcher(api, job) for _ in range(12)]
    for watcher in watchers:
        watcher.start()
    until(lambda: all(watcher.names for watcher in watchers), "all listen")
    pipeline.workers(threads=4)
    api.studio.push(job)
    until(lambda: any("image" in watcher.names for watcher in watchers), "an image is told")
    began = time.monotonic()
    assert api.process.terminate(30) == 0
    assert time.monotonic() - began < 10
    until(lambda: api.studio.job_row(job)["completed_images"] >= 3, "half of it is there")
    api.start()
    for watcher in watchers:
        watcher.join(60)
    row = api.studio.job_row(job)
    assert {watcher.end["status"] for watcher in watchers} == {row["job_status"]} == {"completed"}
    assert all(watcher.end["attach_ids"] == row["generated_attach_ids"] for watcher in watchers)
    assert all("bye" in watcher.names for watcher in watchers)
