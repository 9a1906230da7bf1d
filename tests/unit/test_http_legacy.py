"""The old server's endpoints: the bodies the front end knows, and where quel differs on purpose."""

import base64
import gc
import io
import json
import weakref
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest
from PIL import Image

from quel.adapters.imaging import PillowImaging
from quel.core.errors import ServiceUnavailable
from quel.core.job import JobStatus
from quel.core.operations.job_page import JobFacts
from quel.core.operations.job_progress import JobProgress
from quel.http.legacy import multiview
from tests.unit.http_world import (
    MEMBER,
    OURS,
    THEIRS,
    Bucket,
    Jobs,
    Keys,
    Log,
    Submitted,
    a_job,
    an_api,
    asks_as,
)


def a_mask():
    buffer = io.BytesIO()
    Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


BODY = {
    "imageUrl": "https://project.example/a.png",
    "maskDataUrl": a_mask(),
    "prompt": "a hat",
    "layers": [],
    "attachId": 41,
    "quantity": "2",
}


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
        for address in (f"/api/modify/status/{ours.job_id}", f"/api/jobs/{ours.job_id}"):
            seen = client.get(address, headers=asks_as("viewer"))
            assert (seen.status_code, seen.json()["job_status"]) == (200, "pending")
            assert ("job_input_data" in seen.json(), "a hat" in seen.text) == (False, False)
        again = asks_as("client") | {"If-None-Match": first.headers["etag"]}
        assert client.get(f"/api/jobs/{ours.job_id}", headers=again).status_code == 304
        for none in (theirs.job_id, uuid4(), "hello"):
            answer = client.get(f"/api/jobs/{none}", headers=asks_as("client"))
            assert (answer.status_code, answer.json()) == (404, {"error": "Job not found"})


class Paintings:
    """The rows an in-painting begins with."""

    def __init__(self):
        self.orders = []

    def write(self, job_id, order, org_id):
        self.orders.append((order.user_id, org_id))
        return OURS


def paintings(tmp_path, rows, accounts=None):
    given = {"submit_modify": rows, "submit_job": accounts or Submitted()}
    return an_api(tmp_path, imaging=PillowImaging(), push=lambda job_id: 1, **given)


def test_an_in_painting_is_ordered_for_the_token_s_member_or_whom_an_operator_names(tmp_path):
    rows = Paintings()
    with paintings(tmp_path, rows) as (client, _):
        for role, named in (("member", None), ("member", MEMBER), ("operator", MEMBER)):
            body = BODY | {"userId": str(named) if named else None}
            answer = client.post("/api/modify/submit", json=body, headers=asks_as(role))
            told = answer.json()
            assert (answer.status_code, told["success"], told["totalImages"]) == (200, True, 2)
            assert told["productionId"] == str(OURS)
            assert sorted(told) == ["jobId", "message", "productionId", "success", "totalImages"]
        for role, named in (("member", THEIRS), ("client", MEMBER)):
            body = BODY | {"userId": str(named)}
            answer = client.post("/api/modify/submit", json=body, headers=asks_as(role))
            assert answer.status_code == 403
    assert rows.orders == [(MEMBER, OURS), (MEMBER, OURS), (MEMBER, None)]  # a client finds its own again


@pytest.mark.parametrize(
    ("change", "status", "says"),
    [
        ({"imageUrl": ""}, 400, "imageUrl is missing"),
        ({"maskDataUrl": None}, 400, "maskDataUrl is missing"),
        ({"attachId": None}, 400, "attachId is missing"),
        ({"userId": None}, 400, "userId is missing"),
        ({"userId": str(THEIRS)}, 404, "no member"),
        ({"quantity": 11}, 400, "from 1 to 10"),
        ({"maskDataUrl": "data:image/png;base64,AAAA"}, 400, "maskDataUrl cannot be used"),
        ({"prompt": "a\0b"}, 400, "NUL"),
        ({"prompt": "x" * 33 * 1024 * 1024}, 413, "bytes"),
    ],
)
def test_an_in_painting_that_cannot_be_is_refused_in_the_body_s_error(tmp_path, change, status, says):
    rows = Paintings()
    with paintings(tmp_path, rows) as (client, _):
        body = BODY | {"userId": str(MEMBER)} | change
        answer = client.post("/api/modify/submit", json=body, headers=asks_as("operator"))
        assert (answer.status_code, says in answer.json()["error"]) == (status, True)
        not_json = client.post("/api/modify/submit", content=b"{", headers=asks_as("operator"))
        assert not_json.status_code == 400
    assert rows.orders == []


def test_an_in_painting_that_cannot_be_paid_says_what_is_there(tmp_path):
    rows = Paintings()
    with paintings(tmp_path, rows, Submitted(credits=12, held=3)) as (client, _):
        answer = client.post("/api/modify/submit", json=BODY, headers=asks_as("member"))
        assert answer.status_code == 402
        assert (answer.json()["requiredCredits"], answer.json()["availableCredits"]) == (10, 9)
    with paintings(tmp_path, rows, Submitted(status="suspended")) as (client, _):
        answer = client.post("/api/modify/submit", json=BODY, headers=asks_as("member"))
        assert (answer.status_code, "not active" in answer.json()["error"]) == (402, True)
    assert rows.orders == []


VIEWS = {"sourceImage": a_mask(), "angles": [0, 90], "originalPrompt": "linen"}


def views(tmp_path, rows, **more):
    """A turn-around's neighbours; its job never ends here."""
    settings = {"DATABASE_URL": "postgresql://h/d", "SUPABASE_URL": "http://s", "SUPABASE_SERVICE_KEY": "k"}
    given = {"submit_job": rows, "action_log": Log(), "storage": Bucket()}
    given |= {"push": lambda job_id: 1, "ping_redis": lambda: None} | more
    return an_api(tmp_path, environment=settings, **given)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"sourceImage": ""}, "IMAGE_REQUIRED"),
        ({"sourceImage": "no base64!"}, "INVALID_REQUEST"),
        ({"userId": None}, "UNAUTHORIZED"),
        ({"userId": str(THEIRS)}, "UNAUTHORIZED"),
        ({"angles": [360]}, "INVALID_ANGLE"),
        ({"angles": ["front"]}, "INVALID_ANGLE"),
        ({"angles": 90}, "INVALID_ANGLE"),
        ({"category": "cars"}, "INVALID_CATEGORY"),
        ({"referenceImages": [{"image": a_mask(), "angle": n} for n in range(4)]}, "INVALID_REQUEST"),
        ({"referenceImages": [{"image": "AAAA", "angle": 90}]}, "INVALID_REQUEST"),
        ({"referenceImages": ["x"]}, "INVALID_REQUEST"),
        ({"angles": list(range(1, 60))}, "INSUFFICIENT_CREDITS"),
        ({"angles": list(range(1, 200))}, "INVALID_REQUEST"),
    ],
)
def test_a_turn_around_that_cannot_be_is_refused_by_the_old_codes(tmp_path, change, code):
    rows = Submitted()
    with views(tmp_path, rows) as (client, _):
        body = VIEWS | {"userId": str(MEMBER)} | change
        answer = client.post("/api/multiview/generate", json=body, headers=asks_as("operator"))
        assert (answer.status_code, answer.json().get("errorCode")) == (200, code), answer.text
        assert answer.json()["success"] is False
    assert rows.written == []


def test_a_turn_around_that_takes_too_long_is_polled(tmp_path, monkeypatch):
    monkeypatch.setattr(multiview, "WAIT_S", 0.05)
    rows = Submitted()
    job = a_job()
    progress = JobProgress(job.job_id, OURS, "multiview", "processing", 0, 0, 2, (), False)
    page = JobFacts(job.view, None, MEMBER, OURS, None, None, None, (), (), (), ())
    brake = SimpleNamespace(notes=dict)
    quota = SimpleNamespace(state=dict, blocked_for_s=lambda: 0.0)
    neighbours = {
        "job_progress": SimpleNamespace(of=lambda job_ids: [progress]),
        "job_page": SimpleNamespace(read=lambda job_id, prompts: page),
    }
    with views(tmp_path, rows, pause=brake, quota=quota, **neighbours) as (client, _):
        body = VIEWS | {"referenceImages": [{"image": a_mask(), "angle": 90}]}
        answer = client.post("/api/multiview/generate", json=body, headers=asks_as("member"))
        assert (answer.status_code, answer.json()["success"]) == (202, True)
        assert client.post("/api/multiview/generate", json=body, headers=asks_as("client")).status_code == 403
    ((row, uploads, org),) = rows.written
    assert (list(uploads), org, row["total_images"]) == (["reference-90.png"], OURS, 2)
    assert row["job_input_data"]["referenceImages"] == [{"attachId": "reference-90.png", "angle": 90}]


def test_what_a_turn_around_costs_is_told_before(tmp_path):
    with views(tmp_path, Submitted(credits=33)) as (client, _):

        def ask(role, query):
            return client.get(f"/api/multiview/check-credits?{query}", headers=asks_as(role)).json()

        personal = ask("operator", f"userId={MEMBER}")
        assert (personal["requiredCredits"], personal["requestedAngles"], personal["canGenerate"]) == (
            35,
            8,
            True,
        )
        assert (personal["creditSource"], personal["maxAngles"]) == ("personal", 21)
        assert "orgCredits" not in personal
        paid = ask("member", "angleCount=8")
        assert (paid["creditSource"], paid["orgCredits"], paid["canGenerate"]) == ("organization", 33, False)
        assert ask("operator", f"userId={MEMBER}&angleCount=400")["errorCode"] == "INVALID_REQUEST"
        assert ask("operator", "angleCount=4")["errorCode"] == "UNAUTHORIZED"


def test_an_order_that_was_written_is_told_by_its_id_whatever_fails_then_and_its_body_is_let_go(
    tmp_path, monkeypatch
):
    rows, kept = Submitted(), []

    class Body(dict):
        pass

    def read(given):
        body = Body(json.loads(given))
        kept.append(weakref.ref(body))
        return body

    def away(job_ids):
        gc.collect()
        assert kept[0]() is None
        raise ServiceUnavailable("PostgreSQL is away.")

    monkeypatch.setattr(multiview, "read_json", read)
    with views(tmp_path, rows, job_progress=SimpleNamespace(of=away)) as (client, _):
        answer = client.post("/api/multiview/generate", json=VIEWS, headers=asks_as("member"))
    assert (answer.status_code, answer.json()["success"]) == (202, True), answer.text
    assert UUID(answer.json()["jobId"])
    assert len(rows.written) == 1


@pytest.mark.parametrize("accounts", [{"credits": 13, "held": 4}, {"credits": 50, "status": "suspended"}])
def test_what_can_be_paid_is_told_before_as_it_is_decided_then(tmp_path, accounts):
    rows = Submitted(member=100, **accounts)
    with views(tmp_path, rows) as (client, _):
        asked = client.get("/api/multiview/check-credits?angleCount=3", headers=asks_as("member")).json()
        body = VIEWS | {"angles": [0, 90, 180]}
        ordered = client.post("/api/multiview/generate", json=body, headers=asks_as("member")).json()
    assert (asked["canGenerate"], asked["requiredCredits"]) == (False, 10)
    assert (asked["creditSource"], asked["maxAngles"] < 3) == ("organization", True)
    assert (ordered["success"], ordered["errorCode"]) == (False, "INSUFFICIENT_CREDITS")
    assert rows.written == []


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
