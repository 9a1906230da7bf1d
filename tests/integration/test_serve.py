"""`quel serve` as a process: every route's guard, the old loop, orders through kills, streams."""

import base64
import io
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from PIL import Image

from quel.core.operations.api_tokens import Role
from quel.operations.api_tokens import make_token
from quel.sandbox.faults import slow
from quel.sandbox.servers.ports import free_port
from tests.integration import plain_http
from tests.integration.harness import until
from tests.integration.quel_command import run_quel

SECRET_PROMPT = "a-prompt-nobody-may-see"


class Api:
    """One `quel serve`, and a caller of each role."""

    def __init__(self, pipeline, folder):
        self.pipeline, self.studio = pipeline, pipeline.studio
        self.member = self.studio.member(10_000)
        self.org, self.other_org = (self.studio.organization(self.member, 10_000) for _ in range(2))
        self.tokens = {
            "viewer": make_token("watcher", Role.VIEWER, None),
            "client": make_token("studio", Role.CLIENT, self.org),
            "member": make_token("painter", Role.CLIENT, self.org, self.member),
            "operator": make_token("ops", Role.OPERATOR, None),
        }
        self.file = folder / "tokens"
        self.file.write_text("\n".join(token.line for token in self.tokens.values()))
        self.port = free_port()
        self.process: Any = None

    @property
    def log(self):
        """What the process that was started last says."""
        return self.process.log

    def start(self, **settings):
        """Starts the process, and waits until it answers."""
        place = {
            "GEMINI_API_KEY": "",
            "QUEL_API_PORT": self.port,
            "QUEL_API_TOKENS_FILE": self.file,
            "QUEL_API_RATE": 1_000_000,
        }
        self.process = self.pipeline.serve(**place | settings)
        until(self.answers, "quel serve answers")

    def answers(self):
        """Whether it answers now. Raises AssertionError where it has ended."""
        assert self.process.exit_code is None, self.log.read_text()[-2_000:]
        try:
            return plain_http.get(f"{self.url}/health", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def as_(self, role):
        """What lets a role in."""
        return {"Authorization": f"Bearer {self.tokens[role].token}"}

    def ask(self, method, path, role="client", **more):
        """An answer."""
        headers = (self.as_(role) if role else {}) | more.pop("headers", {})
        return plain_http.request(method, f"{self.url}{path}", headers=headers, timeout=30, **more)

    def row(self, **more):
        """A job's row."""
        data = {"prompt": f"{SECRET_PROMPT} {uuid4().hex}"}
        row = {"job_type": "simple_general", "total_images": 1, "job_input_data": data}
        return row | more

    def job(self, org=None, total=1, **columns):
        """A job of an organization, written as the front end does."""
        data = {"prompt": SECRET_PROMPT}
        return self.studio.job(
            "simple_general", data, total_images=total, member=self.member, org=org or self.org, **columns
        )


@pytest.fixture
def api(pipeline, tmp_path):
    own = Api(pipeline, tmp_path)
    own.start()
    yield own
    own.process.kill()


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


def ended(api, job):
    """A job's row as whoever ordered it polls it, once it has ended."""
    row = api.ask("GET", f"/api/jobs/{job}", "member").json()
    return row if row["completed_at"] else None


def test_twenty_keys_make_twenty_jobs_whatever_is_killed_between(api):
    rows = {f"key-{number}": api.row(org_id=str(api.org)) for number in range(20)}
    left = [key for key in rows for _ in range(5)]
    lock = threading.Lock()
    made: dict[str, set[str]] = {}

    def submit():
        while True:
            with lock:
                if not left:
                    return
                key = left.pop()
            while True:
                try:
                    headers = {"Idempotency-Key": key}
                    answer = api.ask("POST", "/api/v1/jobs", json=rows[key], headers=headers)
                except httpx.TransportError:
                    time.sleep(0.05)
                    continue
                if answer.status_code == 201:
                    made.setdefault(key, set()).add(answer.json()["job_id"])
                    break
                assert answer.status_code in (409, 503), answer.text
                time.sleep(0.05)

    with ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(submit) for _ in range(6)]
        try:
            for _ in range(2):
                enough = max(1, len(left) - 15)
                until(lambda enough=enough: len(left) < enough, "some are submitted")  # type: ignore[misc]
                api.process.kill()
                api.start()
        finally:
            for each in asked:
                each.result(120)
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


class Watcher(threading.Thread):
    """Listens to a job's stream, and comes again whenever it is cut off, until its end."""

    def __init__(self, api, job):
        super().__init__(daemon=True)
        self.api, self.job = api, job
        self.names: list[str] = []
        self.end: Any = None

    def run(self):
        while self.end is None:
            try:
                self._listen()
            except httpx.TransportError:
                time.sleep(0.2)

    def _listen(self):
        address = f"{self.api.url}/api/v1/jobs/{self.job}/events"
        with plain_http.stream("GET", address, headers=self.api.as_("client"), timeout=30) as answer:
            name = ""
            for line in answer.iter_lines():
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                    self.names.append(name)
                if line.startswith("data: ") and name == "end":
                    self.end = json.loads(line.removeprefix("data: "))


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
