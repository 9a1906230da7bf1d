"""What stands before every route: tokens, roles, rates, parameters, bodies; and what every answer has."""

import re
import socket

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from quel.core.errors import InvalidInput, ServiceUnavailable, SettingsError
from quel.core.operations.api_tokens import Caller, Role, caller_of, read_tokens
from quel.core.operations.rate_limit import Allowance
from quel.core.storable import why_not_storable
from quel.environment import read_settings
from quel.http import auth, limits
from quel.http.guard import GuardedRoute
from quel.http.problems import Problem
from quel.http.serving import listen, serve
from quel.observe.events import hearing
from quel.operations.api_tokens import make_token
from quel.sandbox.servers.ports import free_port
from tests.unit.http_world import OURS, TOKENS, Jobs, Rate, a_job, an_api, asks_as

PATHS_OF_NO_TOKEN = {"/", "/health", "/openapi.json", "/docs"}


def routes_of(client):
    """Method and address of every route of the OpenAPI, its placeholders filled in."""
    for path, methods in client.get("/openapi.json").json()["paths"].items():
        for method in methods:
            yield method.upper(), re.sub(r"\{\w+\}", str(OURS), path)


def test_every_route_wants_a_token_that_is_known_and_no_viewer_changes_anything(tmp_path):
    with an_api(tmp_path) as (client, _):
        routes = list(routes_of(client))
        assert len(routes) > 4
        for method, path in routes:
            for headers in ({}, {"Authorization": "Bearer quel_wrong"}, {"Authorization": "Basic b3BzOg=="}):
                answer = client.request(method, path, headers=headers | {"Cookie": "token=x"})
                assert answer.status_code == 401, (method, path)
                assert answer.headers["www-authenticate"].startswith("Bearer")
                assert answer.headers["content-type"] == "application/problem+json"
            if method != "GET":
                refused = client.request(method, path, headers=asks_as("viewer"), json={})
                assert refused.status_code == 403, (method, path)


def open_doors(routes):
    """Path, methods and endpoint of whatever no guard stands before, in included and mounted routers too."""
    for route in routes:
        inner = getattr(route, "original_router", None) or getattr(route, "app", None)
        if isinstance(route, GuardedRoute):
            continue
        inside = None if isinstance(route, APIRoute) else getattr(inner, "routes", None)
        if inside is None:
            yield route.path, route.methods, route.endpoint.__module__
        else:
            yield from open_doors(inside)


def test_no_guard_stands_before_what_the_server_is_and_what_browsers_ask_and_nothing_else(tmp_path):
    with an_api(tmp_path) as (client, _):
        found = list(open_doors(client.app.routes))
        described = {path for path, _, module in found if module == "quel.http.description"}
        assert described >= PATHS_OF_NO_TOKEN
        others = [methods for _, methods, module in found if module != "quel.http.description"]
        assert others == [{"OPTIONS"}] * 8
        guardless, mounted = APIRouter(), FastAPI()
        guardless.get("/forgotten")(lambda: None)
        mounted.include_router(guardless)
        client.app.include_router(guardless, prefix="/api/v1")
        client.app.mount("/inside", mounted)
        assert [path for path, _, _ in open_doors(client.app.routes)].count("/forgotten") == 2


def test_every_answer_has_an_id_and_headers_that_keep_browsers_in_check(tmp_path):
    with an_api(tmp_path) as (client, _):
        for path in (*PATHS_OF_NO_TOKEN, "/nothing", "/api/jobs/x"):
            answer = client.get(path, headers={"X-Request-Id": "mine-1"})
            assert answer.headers["x-request-id"] == "mine-1"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
            assert "set-cookie" not in answer.headers
        other = client.get("/health", headers={"X-Request-Id": "a b<script>"}).headers["x-request-id"]
        assert re.fullmatch("[0-9a-f]{32}", other)
        assert client.get("/health").json() == {"status": "healthy", "service": "quel"}
        assert client.get("/docs").headers["content-type"].startswith("text/html")


def test_a_fault_of_ours_tells_its_kind_to_the_log_and_nothing_to_the_caller(tmp_path):
    class Broken(Jobs):
        def read(self, job_id, org_id):
            raise RuntimeError("SELECT secret")

    told = []
    with (
        an_api(tmp_path, job_row=Broken()) as (client, _),
        hearing(lambda event, fields: told.append((event, fields))),
    ):
        answer = client.get(f"/api/jobs/{OURS}", headers=asks_as("operator"))
    assert answer.status_code == 500
    assert answer.json()["type"] == "urn:quel:problem:internal"
    (event, fields), _ = told
    assert (event, fields["error"]) == ("api.request_failed", "RuntimeError")
    assert "test_http_guard" in fields["where"]
    assert "secret" not in answer.text + str(told)


@pytest.mark.parametrize(
    ("error", "status"),
    [(ServiceUnavailable("PostgreSQL is away."), 503), (SettingsError("DATABASE_URL must be set."), 500)],
)
def test_what_quel_says_itself_is_told(tmp_path, error, status):
    class Silent(Jobs):
        def read(self, job_id, org_id):
            raise error

    with an_api(tmp_path, job_row=Silent()) as (client, _):
        answer = client.get(f"/api/jobs/{OURS}", headers=asks_as("operator"))
    assert (answer.status_code, answer.json()["detail"]) == (status, str(error))
    assert ("retry-after" in answer.headers) == (status == 503)


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"[" * 5_000, "application/json", 400),
        (b'{"job_id": ', "application/json", 400),
        (b'{"job_id": "a\\u0000b"}', "application/json", 422),
        (b'{"job_id": "\\ud800"}', "application/json", 422),
        (b'{"job_id": NaN}', "application/json", 422),
        (b'{"job_id": 1e999}', "application/json", 422),
        (b'{"a":' * 100 + b"1" + b"}" * 100, "application/json", 422),
        (b"x" * 1_048_577, "application/json", 413),
        (b"--b--", "multipart/form-data; boundary=b", 415),
    ],
)
def test_a_body_that_cannot_be_kept_is_refused_in_words(tmp_path, body, kind, status):
    with an_api(tmp_path) as (client, _):
        headers = asks_as("operator") | {"Content-Type": kind}
        assert client.post("/enqueue", content=body, headers=headers).status_code == status
        pieces = (body[at : at + 1000] for at in range(0, len(body), 1000))  # no Content-Length
        assert client.post("/enqueue", content=pieces, headers=headers).status_code == status


def test_a_form_beyond_its_bound_is_told_as_that_also_without_a_length(tmp_path):
    with an_api(tmp_path, environment={"QUEL_MAX_REFERENCE_BYTES": "1000"}) as (client, _):
        head = b'--b\r\nContent-Disposition: form-data; name="a.png"; filename="a.png"\r\n\r\n'
        pieces = (piece for piece in (head, *[b"x" * 500_000] * 6, b"\r\n--b--\r\n"))
        headers = asks_as("operator") | {"Content-Type": "multipart/form-data; boundary=b"}
        answer = client.post("/api/v1/jobs", content=pieces, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:quel:problem:too-large")


def test_where_the_old_endpoints_are_open_each_address_has_its_own_rate(tmp_path):
    class Asked(Rate):
        names: list[str]

        def take(self, name):
            self.names.append(name)
            return super().take(name)

    rate = Asked()
    rate.names = []
    with an_api(tmp_path, environment={"QUEL_HTTP_LEGACY": "open"}, rate=rate, job_row=Jobs()) as (client, _):
        client.get(f"/api/jobs/{OURS}")
        client.get(f"/api/jobs/{OURS}", headers=asks_as("operator"))
    assert rate.names == ["legacy testclient", "ops"]


def test_parameters_that_are_not_known_are_named(tmp_path):
    with an_api(tmp_path) as (client, _):
        answer = client.get(f"/api/jobs/{OURS}?pathh=x", headers=asks_as("operator"))
        assert answer.status_code == 400
        assert answer.json()["errors"] == [{"parameter": "pathh", "detail": "It is not known here."}]
        assert client.get("/api/jobs/%00", headers=asks_as("operator")).status_code == 400


def test_beyond_its_rate_a_token_waits_and_without_redis_nobody_does(tmp_path):
    spent = Rate(Allowance(True, 0, 0.1), Allowance(False, 0, 2.3), ServiceUnavailable("Redis is away."))
    with an_api(tmp_path, rate=spent, job_row=Jobs()) as (client, _):
        answers = [client.get(f"/api/jobs/{OURS}", headers=asks_as("operator")) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [404, 429, 404, 404]
    assert answers[0].headers["ratelimit-policy"] == '"token";q=600;w=60'
    assert answers[1].headers["retry-after"] == "3"
    assert "ratelimit" not in answers[3].headers  # Redis is not asked again at once


def test_tokens_are_read_again_and_a_file_that_is_none_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(auth, "_LOOK_EVERY_S", -1)
    file = tmp_path / "tokens"
    file.write_text(TOKENS["viewer"].line)
    tokens = auth.Tokens(str(file))
    viewer = tokens.caller_of(TOKENS["viewer"].token)
    assert viewer is not None
    file.write_text(f"{TOKENS['operator'].line}\n\n# {TOKENS['viewer'].line}\n")
    assert tokens.caller_of(TOKENS["viewer"].token) is None
    assert not tokens.still_holds(viewer)
    file.write_text("ops emperor 00")
    assert tokens.caller_of(TOKENS["operator"].token) == Caller("ops", Role.OPERATOR)
    file.unlink()
    assert tokens.caller_of(TOKENS["operator"].token) == Caller("ops", Role.OPERATOR)


def test_two_tokens_of_one_name_stand_side_by_side():
    first, second = (make_token("studio", Role.CLIENT, OURS) for _ in range(2))
    tokens = read_tokens(f"{first.line}\n{second.line}\n")
    assert caller_of(tokens, first.token) == caller_of(tokens, second.token)
    assert caller_of(tokens, first.token[:-1]) is None
    assert first.token not in first.line


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("ops operator", "Line 1 must be"),
        (f"o/s operator {'0' * 64}", "Line 1: a name"),
        (f"legacy operator {'0' * 64}", "choose another name"),
        (f"Local viewer {'0' * 64}", "choose another name"),
        (f"ops root {'0' * 64}", "the role must be"),
        ("ops operator quel_abc", "SHA-256"),
        (f"ops operator {'0' * 64} org=us", "org= and member="),
        (f"ops operator {'0' * 64} org={OURS}", "only a client has one"),
        (f"ops client {'0' * 64}", "needs its organization"),
        (f"ops client {'0' * 64} org={OURS} org={OURS}", "says one thing twice"),
        (f"ops operator {'0' * 64} member={OURS}", "speaks for a member"),
        (f"ops viewer {'0' * 64}\nops operator {'1' * 64}", "differ in their role"),
    ],
)
def test_what_is_wrong_with_a_tokens_file_is_said_and_never_quoted(line, says):
    with pytest.raises(InvalidInput, match=says) as told:
        read_tokens(line)
    assert "quel_abc" not in str(told.value)


def test_without_tokens_only_this_machine_is_let_in_and_no_page_on_it(tmp_path):
    with an_api(tmp_path, tokens=False, job_row=Jobs(job := a_job())) as (client, _):
        address = f"/api/jobs/{job.job_id}"
        assert client.get(address).status_code == 200
        assert client.get(address, headers={"Origin": "https://evil.example"}).status_code == 403
        assert client.get(address, headers={"Host": "evil.example"}).status_code == 403


def test_pages_of_listed_origins_may_ask(tmp_path):
    listed = {"QUEL_API_ORIGINS": "https://app.example.com"}
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    with an_api(tmp_path, environment=listed) as (client, _):
        allowed = client.options("/enqueue", headers=asked | {"Origin": "https://app.example.com"})
        assert allowed.headers["access-control-allow-origin"] == "https://app.example.com"
        assert "access-control-allow-credentials" not in allowed.headers
        other = client.options("/enqueue", headers=asked | {"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers


def test_it_does_not_start_where_others_reach_it_without_tokens(tmp_path):
    for host in ("0.0.0.0", "::", "10.0.0.7", "quel.internal"):
        settings = read_settings({"QUEL_API_HOST": host, "DATABASE_URL": "postgresql://u@localhost/x"})
        with pytest.raises(SettingsError, match="QUEL_API_TOKENS_FILE must be set"):
            serve(settings)
    named = {"QUEL_API_TOKENS_FILE": str(tmp_path / "none"), "DATABASE_URL": "postgresql://u@localhost/x"}
    with pytest.raises(SettingsError, match="QUEL_API_TOKENS_FILE names"):
        serve(read_settings(named))


@pytest.mark.parametrize("value", [1, "text", None, {"a": [{"b": "ü"}]}, [[[]]], 10**40])
def test_ordinary_json_can_be_kept(value):
    assert why_not_storable(value) is None


def test_a_body_that_comes_too_slowly_is_given_up(monkeypatch):
    import anyio

    async def never():
        await anyio.sleep(60)

    async def take():
        await limits.bounded(never, most_bytes=10, within_s=0.01)()

    with pytest.raises(Problem) as told:
        anyio.run(take)
    assert told.value.status_code == 408


def test_small_answers_are_sent_at_once():
    listeners = listen("localhost", free_port())
    try:
        assert listeners
        assert all(each.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for each in listeners)
    finally:
        for each in listeners:
            each.close()
    taken = listen("127.0.0.1", port := free_port())
    with pytest.raises(SettingsError, match="cannot be listened at"):
        listen("127.0.0.1", port)
    taken[0].close()
