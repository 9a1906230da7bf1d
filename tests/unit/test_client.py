"""The client: each of its requests is one that the API describes, and the API itself understands it."""

import json
from dataclasses import fields, is_dataclass
from types import NoneType, SimpleNamespace, UnionType
from typing import get_args, get_origin, get_type_hints
from uuid import uuid4

import anyio
import httpx
import pytest

from quel.client import ApiProblem, AsyncClient, Client, models, steps
from quel.client.steps import TRIES, Pause, Send
from quel.core.job import JobStatus
from quel.environment import read_settings
from quel.http.app import make_app
from quel.http.serving import make_api
from quel.operations.services import OperatorServices
from tests.unit.http_world import TOKENS, Bucket, Jobs, Keys, Submitted, a_job, an_api
from tests.unit.test_http_v1 import ROW, Listed, orders

JOB = uuid4()
QUERY = dict.fromkeys(
    ("status", "path", "type", "org", "member", "production", "reason", "since", "until", "q", "order"), "x"
) | {"limit": 2, "cursor": "y"}


def openapi():
    settings = read_settings({})
    return make_app(make_api(settings, OperatorServices(settings))).openapi()


OPENAPI = openapi()

OPERATIONS = {
    "submit": (steps.submit(ROW, pictures={"hat.png": b"x"}), models.Submitted),
    "preview": (steps.preview(ROW), models.Preview),
    "job": (steps.job(JOB), models.JobDetail),
    "cancel": (steps.cancel(JOB), models.Job),
    "retry": (steps.retry(JOB, [1]), models.Retried),
    "jobs": (steps.jobs(QUERY), models.JobPage),
    "pages": (steps.pages(QUERY), models.JobPage),
    "watch": (steps.watch(JOB, 1.0), models.JobDetail),
}
NAMES = {"JobPage": "JobList"}


def operation_of(send):
    return OPENAPI["paths"][send.path][send.method.lower()]


def schema_of(kind):
    return OPENAPI["components"]["schemas"][NAMES.get(kind.__name__, kind.__name__)]


def test_every_method_of_both_clients_is_checked_here():
    for client in (Client, AsyncClient):
        methods = {name for name in vars(client) if not name.startswith("_")} - {"close"}
        assert methods == OPERATIONS.keys()


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_is_sent_is_what_the_api_describes(name):
    doing, kind = OPERATIONS[name]
    send = next(doing)
    assert isinstance(send, Send)
    operation = operation_of(send)
    described = {(each["in"], each["name"]) for each in operation.get("parameters", ())}
    assert {("path", each) for each in send.ids} == {each for each in described if each[0] == "path"}
    assert {("query", each) for each in send.query} <= described
    told = {each.lower() for each in send.headers} - {"if-none-match"}
    assert {("header", each) for each in told} <= described
    if send.body is not None:
        content = operation["requestBody"]["content"]
        schema = content["application/json"]["schema"]
        for each in schema.get("anyOf", [schema]):
            if "$ref" in each:
                schema = OPENAPI["components"]["schemas"][each["$ref"].rpartition("/")[2]]
        assert send.body.keys() <= schema["properties"].keys()
        assert not send.pictures or "multipart/form-data" in content
    assert f"/schemas/{NAMES.get(kind.__name__, kind.__name__)}" in json.dumps(operation["responses"])


def test_what_is_submitted_beside_the_row_is_a_property_of_it():
    send = next(steps.submit(ROW, callback_url="https://hooks.example.com/"))
    assert isinstance(send, Send)
    assert send.body["callback_url"] == "https://hooks.example.com/"
    schema = operation_of(send)["requestBody"]["content"]["application/json"]["schema"]
    assert "callback_url" in schema["properties"]


@pytest.mark.parametrize(
    "kind",
    [each for each in vars(models).values() if isinstance(each, type) and is_dataclass(each)],
    ids=lambda kind: kind.__name__,
)
def test_every_field_that_is_read_is_told_by_the_api_and_null_where_it_may_be(kind):
    properties, hints = schema_of(kind)["properties"], get_type_hints(kind)
    for each in fields(kind):
        schema, hint = properties[each.name], hints[each.name]
        may_be_null = {"type": "null"} in schema.get("anyOf", [])
        assert may_be_null is (isinstance(hint, UnionType) and NoneType in get_args(hint)), each.name
        assert each.name in schema_of(kind)["required"], each.name
        assert (schema.get("type") == "array") is (get_origin(hint) is list), each.name


def through(api, seen=None, failing=()):
    """A transport to the API in this process; `failing` answers come first."""
    first = list(failing)

    def handle(request):
        if seen is not None:
            seen.append(request)
        if first:
            answer = first.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        told = api.request(
            request.method, str(request.url), headers=dict(request.headers), content=request.read()
        )
        headers = {name: value for name, value in told.headers.items() if name != "content-length"}
        return httpx.Response(told.status_code, headers=headers, content=told.content)

    return httpx.MockTransport(handle)


@pytest.fixture(autouse=True)
def pauses(monkeypatch):
    """How long the client waited, which it does not do here; other threads of the process go on sleeping."""
    passed: list[float] = []

    async def sleep(seconds):
        passed.append(seconds)

    monkeypatch.setattr("quel.client.clients.time", SimpleNamespace(sleep=passed.append))
    monkeypatch.setattr("quel.client.clients.anyio", SimpleNamespace(sleep=sleep))
    return passed


def client_of(role, api, **more):
    return Client("http://localhost", TOKENS[role].token, transport=through(api, **more))


def test_a_job_is_ordered_once_however_often_it_is_sent(tmp_path, pauses):
    rows, bucket = Submitted(), Bucket()
    row = ROW | {"job_input_data": {"prompt": "x", "mergedImageAttachId": "hat.png"}}
    seen: list[httpx.Request] = []
    away = [httpx.ConnectError("no"), httpx.Response(503, headers={"Retry-After": "7"}, json={})]
    with (
        orders(tmp_path, rows, storage=bucket) as (api, _),
        client_of("client", api, seen=seen, failing=away) as quel,
    ):
        first = quel.submit(row, pictures={"hat.png": b"PNG"})
        assert quel.submit(row, pictures={"hat.png": b"PNG"}, idempotency_key="k").job_id != first.job_id
        again = quel.submit(row, pictures={"hat.png": b"PNG"}, idempotency_key="k")
        assert again.job_id == quel.submit(row, pictures={"hat.png": b"PNG"}, idempotency_key="k").job_id
        assert (first.total, first.credits, first.status) == (2, 10, "pending")
        assert quel.preview(row | {"job_input_data": {"prompt": "x"}}).credits == 10
    assert len({request.headers["idempotency-key"] for request in seen[:3]}) == 1
    assert pauses == [0.5, 7.0]
    assert len(rows.written) == 2


def test_a_problem_is_told_with_its_code_and_place(tmp_path):
    with orders(tmp_path, Submitted()) as (api, _), client_of("client", api) as quel:
        with pytest.raises(ApiProblem, match="QUEL_WEBHOOK_HOSTS") as refused:
            quel.submit(ROW, callback_url="https://169.254.169.254/")
        assert (refused.value.status, refused.value.errors[0]["pointer"]) == (422, "/callback_url")
        assert refused.value.request_id
        with pytest.raises(ApiProblem) as unpaid:
            quel.submit(ROW | {"total_images": 50})
        assert unpaid.value.status == 402


def test_pages_lead_to_the_last_job_and_no_job_comes_twice(tmp_path):
    rows = Listed()
    with an_api(tmp_path, job_list=rows) as (api, _), client_of("viewer", api) as quel:
        found = [job.job_id for page in quel.pages(limit=3, order="oldest") for job in page.items]
        assert found == [view.job_id for view in rows.views]
        assert len(quel.jobs(limit=4).items) == 4


def test_a_job_is_cancelled_and_one_that_has_ended_is_not(tmp_path):
    open_one, ended = a_job(), a_job(status=JobStatus.COMPLETED)
    rows, keys = Jobs(open_one, ended), Keys()
    given = {"job_list": rows, "job_row": rows, "cancellations": keys}
    with an_api(tmp_path, **given) as (api, _), client_of("client", api) as quel:
        assert quel.cancel(open_one.job_id).job_id == open_one.job_id
        with pytest.raises(ApiProblem) as refused:
            quel.cancel(ended.job_id)
    assert (keys.cancelled, refused.value.code) == ([open_one.job_id], "already-ended")


def detail(status, completed, **more):
    standing = {
        "job_id": str(JOB),
        "type": "simple_general",
        "status": status,
        "path": "fashion",
        "total": 2,
        "completed": completed,
        "failed": 0,
        "created_at": "2026-01-02T03:04:05Z",
        "started_at": None,
        "completed_at": None,
        "error_message": None,
        "is_settled": False,
        "production_id": None,
        "member_id": None,
        "org_id": None,
        "charged": 0,
        "cost_usd": 0,
        "waits_for": None,
        "warnings": [],
        "images": [],
    }
    return standing | more


def watched():
    """A server that is restarted while a job is watched, and has nothing new to tell in between."""
    ended = detail("cancelled", 2, is_settled=True, new_in_a_later_release=[1])
    return [
        httpx.Response(200, headers={"ETag": '"1"'}, json=detail("pending", 0)),
        httpx.Response(304),
        httpx.ConnectError("restarted"),
        httpx.Response(502, text="<html>"),
        httpx.Response(200, headers={"ETag": '"2"'}, json=detail("cancelled", 1)),
        httpx.Response(429, headers={"Retry-After": "3"}, json={}),
        httpx.Response(200, headers={"ETag": '"3"'}, json=ended),
    ]


def test_a_job_is_watched_to_its_end_through_a_restart(pauses):
    seen: list[httpx.Request] = []
    with Client("http://quel", "t", transport=through(None, seen, watched())) as quel:
        stood = [(job.status, job.completed) for job in quel.watch(JOB)]
    assert stood == [("pending", 0), ("cancelled", 1), ("cancelled", 2)]
    assert [request.headers.get("if-none-match") for request in seen] == [None, *['"1"'] * 4, *['"2"'] * 2]
    assert pauses == [2.0, 2.0, 0.5, 1.0, 2.0, 3.0]


def test_what_is_awaited_is_what_is_waited_for(pauses):
    async def watch():
        async with AsyncClient("http://quel", "t", transport=through(None, None, watched())) as quel:
            return [(job.status, job.completed) async for job in quel.watch(JOB)]

    assert anyio.run(watch) == [("pending", 0), ("cancelled", 1), ("cancelled", 2)]
    assert len(pauses) == 6


def test_a_server_that_stays_away_is_given_up_and_what_may_not_come_twice_is_sent_once(pauses):
    def away(_):
        raise httpx.ConnectError("no")

    with Client("http://quel", "t", transport=httpx.MockTransport(away)) as quel:
        with pytest.raises(ApiProblem, match="did not answer"):
            quel.job(JOB)
        assert len(pauses) == TRIES - 1
        with pytest.raises(ApiProblem, match="did not answer"):
            quel.retry(JOB)
        assert len(pauses) == TRIES - 1


def test_an_answer_of_something_else_is_no_job():
    doing = steps.job(JOB)
    next(doing)
    with pytest.raises(ValueError, match="no JobDetail"):
        doing.send(httpx.Response(200, json={"status": 7}))
    assert next(steps.watch(JOB, 1.0)) != Pause(1.0)
