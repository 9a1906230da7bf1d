"""`quel serve` as a process: every route's guard, lists, records, rates, its end."""

import json
import socket
import time
from contextlib import contextmanager
from uuid import uuid4

from tests.integration import plain_http
from tests.integration.api_world import SECRET_PROMPT, Api
from tests.integration.quel_command import run_quel


def routes_of(api, job_id):
    """Method and address of every route of the OpenAPI, its job the one that is given."""
    described = plain_http.get(f"{api.url}/openapi.json").json()
    for path, methods in described["paths"].items():
        for method in methods:
            filled = path.replace("{job_id}", str(job_id)).replace("{bulk_id}", str(uuid4()))
            yield method.upper(), filled.replace("{path}", "fashion").replace("{letter_id}", "abcdef")


def test_every_route_holds_its_guard_and_nothing_sent_makes_a_500(api):
    with slow_and_large_callers(api):
        hold_every_route(api)
    assert api.answers()


@contextmanager
def slow_and_large_callers(api):
    """Somebody who never ends his headers, and somebody who announces more than is taken."""
    head = f"POST /enqueue HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.tokens['client'].token}\r\n"
    address = ("127.0.0.1", api.port)
    with socket.create_connection(address, 30) as silent, socket.create_connection(address, 30) as large:
        silent.sendall(head.encode())
        large.sendall(f"{head}Content-Length: 99999999\r\n\r\n".encode())
        assert b" 413 " in large.recv(4_000)
        yield
        assert silent.recv(10) == b""  # it was closed meanwhile, or is within ten seconds


def hold_every_route(api):
    theirs = api.job(api.other_org)
    routes = list(routes_of(api, theirs))
    assert len(routes) > 25
    hostile = ("?limit=x", "?cursor=e30", "?since=9999999h", "?x=%00", "?status=" + "a" * 2_000)
    bodies = (b"", b"{", b"[]", b'{"job_id": "\\u0000"}', b'{"images": [99999999999999999999]}', b"[" * 9_000)
    for method, path in routes:
        assert api.ask(method, path, None).status_code == 401, (method, path)
        wrong = api.ask(method, path, None, headers={"Authorization": "Bearer quel_wrong"})
        assert (wrong.status_code, wrong.headers["content-type"]) == (401, "application/problem+json")
        if method == "GET":
            for query in ("", *hostile):
                if path.endswith("/events") and not query:
                    continue
                assert api.ask(method, path + query, "operator").status_code < 500, (path, query)
        else:
            assert api.ask(method, path, "viewer", json={}).status_code == 403, (method, path)
            for body in bodies:
                kind = {"Content-Type": "application/json"}
                answer = api.ask(method, path, "operator", content=body, headers=kind)
                assert answer.status_code < 500, (method, path, body[:30], answer.text)
        if str(theirs) in path:
            assert api.ask(method, path, "client", json={}).status_code == 404, (method, path)
    assert api.studio.job_row(theirs)["job_status"] in ("pending", "user_cancelled")


def test_a_list_is_walked_in_the_database_s_order_while_jobs_are_added(api):
    jobs = [api.job() for _ in range(7)]
    api.job(api.other_org)
    seen, cursor = [], ""
    while True:
        page = api.ask("GET", f"/api/v1/jobs?limit=3{cursor}").json()
        seen += [each["job_id"] for each in page["items"]]
        if page["next"] is None:
            break
        api.job()
        cursor = f"&cursor={page['next']}"
    assert seen == [str(job) for job in reversed(jobs)]
    back = api.ask("GET", f"/api/v1/jobs?limit=3&cursor={page['prev']}").json()
    assert [each["job_id"] for each in back["items"]] == seen[3:6]
    statement = "UPDATE quel_production_jobs SET error_message = %s WHERE job_id = %s"
    api.studio.rows(statement, "100%_sure", jobs[0])
    found = api.ask("GET", "/api/v1/jobs?q=0%25_s").json()["items"]
    assert [each["job_id"] for each in found] == [str(jobs[0])]
    assert api.ask("GET", "/api/v1/jobs?q=0%25xs").json()["items"] == []


def test_who_did_what_is_on_record_and_no_secret_is_anywhere(api):
    row = api.row()
    made = api.ask("POST", "/api/v1/jobs", json=row, headers={"X-Request-Id": "r-1", "Idempotency-Key": "k"})
    job = made.json()["job_id"]
    assert api.ask("POST", f"/api/v1/jobs/{job}/cancel").status_code == 202
    assert api.ask("PUT", "/api/v1/pauses/eats", "operator", json={"why": "a test"}).status_code == 200
    assert api.ask("DELETE", "/api/v1/pauses/all", "operator").status_code == 200
    api.ask("POST", "/api/v1/jobs", json=row | {"total_images": "many"})
    acts = api.ask("GET", "/api/v1/actions", "operator").json()["items"]
    assert [(each["actor"], each["channel"], each["verb"]) for each in acts] == [
        ("ops", "api", "resume"),
        ("ops", "api", "pause"),
        ("studio", "api", "cancel"),
        ("studio", "api", "submit"),
    ]
    recorded = api.studio.rows("SELECT request_id FROM quel.action WHERE verb = 'submit'")
    assert recorded[0]["request_id"] == "r-1"
    kept = json.dumps(
        api.studio.rows("SELECT * FROM quel.action") + api.studio.rows("SELECT * FROM quel.submission"),
        default=str,
    )
    redis = api.studio.redis
    values = [key + (redis.dump(key) or b"") for key in redis.scan_iter()]
    everything = api.log.read_text() + kept + b"".join(values).decode("latin-1")
    secrets = [SECRET_PROMPT, *(token.token for token in api.tokens.values())]
    environment = api.pipeline.environment()
    secrets += [environment["SUPABASE_SERVICE_KEY"], environment["DATABASE_URL"]]
    assert [secret for secret in secrets if secret in everything] == []
    assert '"request_id": "r-1"' in api.log.read_text()


def test_webhooks_are_listed_and_sent_again_and_no_url_is_shown(api):
    job, other = api.job(), api.job()
    insert = (
        "INSERT INTO quel.webhook (job_id, type, url, body, state, tries, last_status, ended_at)"
        " VALUES (%s, 'job.completed', 'https://hooks.example/secret-part', '{}', %s, 8, 500, now())"
    )
    for job_id in (job, other):
        api.studio.rows(insert, job_id, "given_up")
    listed = api.ask("GET", f"/api/v1/webhooks?job={job}&state=given_up&since=7d", "operator")
    [told] = listed.json()["items"]
    assert (told["state"], told["tries"], told["last_status"]) == ("given_up", 8, 500)
    assert (told["host"], "secret-part" in listed.text) == ("hooks.example", False)
    assert len(api.ask("GET", "/api/v1/webhooks", "operator").json()["items"]) == 2

    again = api.ask("POST", "/api/v1/webhooks/send-again", "operator", json={"ids": [told["id"][:12]]})
    assert (again.status_code, again.json()["webhooks"]) == (202, 1)
    states = api.studio.rows("SELECT job_id, state, tries FROM quel.webhook")
    assert {str(row["job_id"]): (row["state"], row["tries"]) for row in states} == {
        str(job): ("waiting", 0),
        str(other): ("given_up", 8),
    }
    verbs = [each["verb"] for each in api.ask("GET", "/api/v1/actions", "operator").json()["items"]]
    assert verbs[0] == "send webhooks again"
    for wrong, status in (({}, 400), ({"ids": ["ffffffffffff"]}, 404), ({"job": str(uuid4())}, 404)):
        refused = api.ask("POST", "/api/v1/webhooks/send-again", "operator", json=wrong)
        assert refused.status_code == status, refused.text
    assert api.ask("GET", "/api/v1/webhooks", "viewer").status_code == 403


def test_a_neighbour_that_is_away_is_told_and_redis_holds_nobody_to_a_rate(api):
    api.process.kill()
    api.start(REDIS_URL="redis://127.0.0.1:1/0", QUEL_BROKER_REDIS_URL="redis://127.0.0.1:1/1")
    job = api.job()
    assert api.ask("GET", f"/api/v1/jobs/{job}").status_code == 200
    pushed = api.ask("POST", "/enqueue", json={"job_id": str(job)})
    assert (pushed.status_code, pushed.json()["success"]) == (503, False)
    assert api.ask("POST", "/api/v1/jobs", json=api.row()).status_code == 503
    assert "api.rate_unchecked" in api.log.read_text()


def test_one_rate_holds_for_all_replicas(api, tmp_path):
    second = Api(api.pipeline, tmp_path)
    second.tokens, second.file = api.tokens, api.file
    api.file.write_text("\n".join(token.line for token in api.tokens.values()))
    api.process.kill()
    api.start(QUEL_API_RATE=60)
    second.start(QUEL_API_RATE=60)
    try:
        began = time.monotonic()
        codes = [
            each.ask("GET", f"/api/jobs/{uuid4()}").status_code for _ in range(60) for each in (api, second)
        ]
        spent_s = time.monotonic() - began
    finally:
        second.process.kill()
    assert 60 <= codes.count(404) <= 60 + spent_s + 1
    assert codes.count(429) == 120 - codes.count(404)


def test_it_ends_when_it_is_told_to_and_refuses_to_start_open_to_others(api):
    began = time.monotonic()
    assert api.process.terminate(30) == 0
    assert time.monotonic() - began < 10
    refused = run_quel(api.pipeline.environment(QUEL_API_HOST="0.0.0.0"), "serve")
    assert (refused.returncode, "QUEL_API_TOKENS_FILE" in refused.stderr) == (2, True)
