"""The old server's endpoints: the bodies the front end knows, and where quel differs on purpose."""

from uuid import uuid4

import pytest

from quel.core.errors import ServiceUnavailable
from quel.core.job import JobStatus
from tests.unit.http_world import OURS, THEIRS, Jobs, Keys, a_job, an_api, asks_as


def a_world(tmp_path, *jobs, push=lambda job_id: 3, **more):
    rows, keys = Jobs(*jobs), Keys()
    return an_api(tmp_path, job_list=rows, job_row=rows, cancellations=keys, push=push, **more), keys


def test_a_pending_job_is_enqueued_by_both_addresses(tmp_path):
    pushed = []
    job = a_job()

    def push(job_id):
        pushed.append(job_id)
        return len(pushed)

    world, _ = a_world(tmp_path, job, push=push)
    with world as (client, _):
        for place, path in enumerate(("/enqueue", "/api/enqueue"), start=1):
            answer = client.post(path, json={"job_id": str(job.job_id)}, headers=asks_as("client"))
            assert answer.status_code == 200
            assert answer.json() == {
                "success": True,
                "message": "Job enqueued successfully",
                "job_id": str(job.job_id),
                "queue": "jobs:queue",
                "queuePosition": place,
            }
    assert pushed == [job.job_id] * 2


def test_what_cannot_be_enqueued_is_told_in_the_body_and_pushes_nothing(tmp_path):
    ended, theirs = a_job(status=JobStatus.COMPLETED), a_job(THEIRS)

    def push(job_id):
        raise AssertionError

    world, _ = a_world(tmp_path, ended, theirs, push=push)
    with world as (client, _):

        def ask(body):
            answer = client.post("/enqueue", json=body, headers=asks_as("client"))
            return answer.status_code, answer.json()["success"]

        for none in (None, ["hello"], {"job": 1}, {"job_id": 7}, {"job_id": "hello"}, {"job_id": ""}):
            assert ask(none) == (200, False)
        for unknown in (uuid4(), theirs.job_id):
            assert ask({"job_id": str(unknown)}) == (404, False)
        assert ask({"job_id": str(ended.job_id)}) == (200, True)


def test_a_redis_that_is_away_is_a_503_with_the_same_body(tmp_path):
    def push(job_id):
        raise ServiceUnavailable("Redis cannot answer now.")

    job = a_job()
    world, _ = a_world(tmp_path, job, push=push)
    with world as (client, _):
        answer = client.post("/enqueue", json={"job_id": str(job.job_id)}, headers=asks_as("operator"))
    assert (answer.status_code, answer.json()) == (
        503,
        {"success": False, "error": "Redis cannot answer now."},
    )


def test_an_open_job_is_cancelled_by_its_key(tmp_path):
    job = a_job(status=JobStatus.PROCESSING, completed=2)
    world, keys = a_world(tmp_path, job)
    with world as (client, services):
        answer = client.post(f"/api/jobs/{job.job_id}/cancel", headers=asks_as("client"))
    assert answer.json() == {
        "success": True,
        "message": "Job cancellation requested",
        "job_id": str(job.job_id),
        "current_status": "processing",
        "completed_images": 2,
        "total_images": 4,
    }
    assert keys.cancelled == [job.job_id]
    assert [message.step for message in services.sent] == ["finalize_job"]


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled", "user_cancelled"])
def test_a_job_that_has_ended_is_said_to_have_and_gets_no_key(tmp_path, status):
    job = a_job(status=JobStatus(status), completed=4)
    world, keys = a_world(tmp_path, job)
    with world as (client, _):
        answer = client.post(f"/api/jobs/{job.job_id}/cancel", headers=asks_as("client"))
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "success": False,
            "message": f"Job already {status}",
            "job_id": str(job.job_id),
            "job_status": status,
            "completed_images": 4,
        },
    )
    assert keys.cancelled == []


def test_cancel_tells_what_is_no_id_and_what_is_no_job(tmp_path):
    world, _ = a_world(tmp_path, theirs := a_job(THEIRS))
    with world as (client, _):
        for path, status in (("hello", 400), (uuid4(), 404), (theirs.job_id, 404)):
            answer = client.post(f"/api/jobs/{path}/cancel", headers=asks_as("client"))
            assert (answer.status_code, answer.json().keys()) == (status, {"error"})
            assert answer.headers["content-type"] == "application/json"


def test_the_row_is_polled_without_pictures_and_only_sent_when_it_changed(tmp_path):
    ours, theirs = a_job(), a_job(THEIRS)
    world, _ = a_world(tmp_path, ours, theirs)
    with world as (client, _):
        first = client.get(f"/api/modify/status/{ours.job_id}", headers=asks_as("client"))
        assert first.json()["job_status"] == "pending"
        assert first.json()["updated_at"] == "2026-01-02T03:04:05+00:00"
        left_out = "(left out: the bytes of a picture)"
        data = {"maskDataUrl": left_out, "prompt": "a hat", "sourceImage": left_out}
        assert first.json()["job_input_data"] == data
        again = asks_as("client") | {"If-None-Match": first.headers["etag"]}
        assert client.get(f"/api/jobs/{ours.job_id}", headers=again).status_code == 304
        for none in (theirs.job_id, uuid4(), "hello"):
            answer = client.get(f"/api/jobs/{none}", headers=asks_as("client"))
            assert (answer.status_code, answer.json()) == (404, {"error": "Job not found"})


def test_what_is_not_built_says_what(tmp_path):
    with an_api(tmp_path) as (client, _):
        for path in ("/enqueue-video", "/api/landing/generate"):
            answer = client.post(path, json={}, headers=asks_as("operator"))
            assert answer.status_code == 501
            assert answer.json()["error"].endswith("is not built yet.")
        assert client.post("/api/landing/generate", json={}).status_code == 401


@pytest.mark.parametrize(("mode", "status"), [("token", 401), ("open", 404), ("off", 404)])
def test_the_old_endpoints_are_open_or_off_only_where_a_setting_says_so(tmp_path, mode, status):
    with an_api(tmp_path, environment={"QUEL_HTTP_LEGACY": mode}, job_row=Jobs()) as (client, _):
        answer = client.get(f"/api/jobs/{OURS}")
        assert answer.status_code == status
        assert (answer.json().get("error") == "Job not found") == (mode == "open")
        assert ("/api/jobs/{job_id}" in client.get("/openapi.json").json()["paths"]) == (mode != "off")


def test_browsers_ask_first_and_are_answered_without_a_token(tmp_path):
    with an_api(tmp_path) as (client, _):
        for path in ("/enqueue", f"/api/jobs/{OURS}/cancel", "/api/modify/submit"):
            assert client.options(path).status_code == 204
