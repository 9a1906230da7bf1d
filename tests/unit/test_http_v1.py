"""/api/v1 over rows that a test gives: what each role sees, pages, orders under a key, figures as CSV."""

import json
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from quel.core.errors import InvalidInput
from quel.core.job import JobStatus
from quel.core.operations.job_page import JobFacts
from quel.core.operations.ledger import LedgerLine
from quel.core.operations.statistics import PayerStats
from quel.http.v1.spans import read_since, read_span
from tests.unit.http_world import (
    AT,
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

ROW = {
    "job_type": "simple_general",
    "total_images": 2,
    "job_input_data": {"prompt": "a hat"},
}
SETTINGS = {"DATABASE_URL": "postgresql://h/d", "SUPABASE_URL": "http://s", "SUPABASE_SERVICE_KEY": "k"}


class Listed:
    """Ten jobs, a second apart; keeps what was asked for."""

    def __init__(self):
        self.views = [replace(a_job().view, created_at=AT + timedelta(seconds=n)) for n in range(10)]
        self.asked = []

    def jobs(self, chosen, *, most, newest, after):
        self.asked.append(chosen)
        views = sorted(self.views, key=lambda view: (view.created_at, view.job_id), reverse=newest)
        if after is not None:
            here = (after.created_at, after.job_id)
            places = [(view.created_at, view.job_id) for view in views]
            views = [
                view
                for view, place in zip(views, places, strict=True)
                if (place < here if newest else place > here)
            ]
        return views[:most]


def test_pages_lead_on_and_back_and_a_cursor_is_another_filter_s_to_nobody(tmp_path):
    rows = Listed()
    with an_api(tmp_path, job_list=rows) as (client, _):

        def page(query):
            return client.get(f"/api/v1/jobs?{query}", headers=asks_as("viewer"))

        first = page("limit=4").json()
        second = page(f"limit=4&cursor={first['next']}")
        third = page(f"limit=4&cursor={second.json()['next']}").json()
        seen = [item["job_id"] for each in (first, second.json(), third) for item in each["items"]]
        assert seen == [str(view.job_id) for view in reversed(rows.views)]
        assert (first["prev"], third["next"]) == (None, None)
        back = page(f"limit=4&cursor={third['prev']}").json()
        assert back["items"] == second.json()["items"]
        assert page(f"limit=4&cursor={back['prev']}").json()["items"] == first["items"]
        assert 'rel="next"' in second.headers["link"]
        assert 'rel="prev"' in second.headers["link"]
        for other in ("order=oldest", "status=failed", "until=2026-01-01", "since=1h"):
            assert page(f"{other}&cursor={first['next']}").status_code == 400
        assert page("cursor=e30").status_code == 400
    assert len({str(chosen) for chosen in rows.asked}) == 1


def test_a_filter_says_what_it_means_and_a_client_sees_its_own(tmp_path):
    rows = Listed()
    query = (
        "status=failed&status=completed&path=fashion&type=simple_general&reason=blocked&q=hat"
        f"&member={MEMBER}&production={MEMBER}&until=2026-02-01T00:00:00Z"
    )
    with an_api(tmp_path, job_list=rows) as (client, _):
        assert client.get(f"/api/v1/jobs?{query}", headers=asks_as("client")).status_code == 200
        foreign = client.get(f"/api/v1/jobs?org={THEIRS}", headers=asks_as("client"))
        assert foreign.status_code == 404
        for bad in ("limit=0", "limit=201", "status=odd", "since=1y", "org=me", "q=ab", "until=x", "pathh=x"):
            answer = client.get(f"/api/v1/jobs?{bad}", headers=asks_as("operator"))
            assert (answer.status_code, answer.json()["status"]) == (400, 400)
    (chosen,) = rows.asked
    assert (chosen.org_id, chosen.statuses) == (OURS, (JobStatus.FAILED, JobStatus.COMPLETED))
    assert (chosen.words, chosen.since_s) == ("hat", 7 * 86_400)


class Pages:
    """The pages of jobs; keeps whether prompts were asked for."""

    def __init__(self, *jobs):
        self.jobs, self.prompts = {job.job_id: job for job in jobs}, []

    def read(self, job_id, *, prompts):
        self.prompts.append(prompts)
        view = self.jobs[job_id].view
        return JobFacts(view, None, MEMBER, OURS, None, None, None, ("Mind the hat.",), (), (), ())


def test_a_job_is_looked_at_and_prompts_are_for_operators(tmp_path):
    ours, theirs = (a_job(org, JobStatus.COMPLETED, 4) for org in (OURS, THEIRS))
    pages = Pages(ours, theirs)
    with an_api(tmp_path, job_page=pages, job_row=Jobs(ours, theirs)) as (client, _):
        address = f"/api/v1/jobs/{ours.job_id}"
        told = client.get(address, headers=asks_as("client"))
        assert told.json()["warnings"] == ["Mind the hat."]
        assert (told.json()["total"], told.json()["completed"]) == (4, 4)
        known = asks_as("client") | {"If-None-Match": f"W/{told.headers['etag']}"}
        assert client.get(address, headers=known).status_code == 304
        assert client.get(f"/api/v1/jobs/{theirs.job_id}", headers=asks_as("client")).status_code == 404
        assert client.get("/api/v1/jobs/hello", headers=asks_as("client")).status_code == 400
        for role, status in (("viewer", 403), ("client", 403), ("operator", 200)):
            assert client.get(f"{address}?prompts=true", headers=asks_as(role)).status_code == status
    assert pages.prompts == [False, False, True]


def test_cancel_and_retry_say_why_not_and_who_may_not(tmp_path):
    ended, theirs, running = a_job(OURS, JobStatus.COMPLETED), a_job(THEIRS), a_job(OURS)
    rows, keys = Jobs(ended, theirs, running), Keys()
    with an_api(tmp_path, job_list=rows, job_row=rows, cancellations=keys) as (client, _):

        def act(job_id, verb="cancel", **body):
            return client.post(f"/api/v1/jobs/{job_id}/{verb}", headers=asks_as("client"), **body)

        assert act(ended.job_id).json()["type"] == "urn:quel:problem:already-ended"
        assert [act(each).status_code for each in (theirs.job_id, uuid4())] == [404, 404]
        done = act(running.job_id)
        assert (done.status_code, done.json()["job_id"]) == (202, str(running.job_id))
        assert keys.cancelled == [running.job_id]
        assert act(theirs.job_id, "retry").status_code == 404
        wrongs: list[object] = [
            {"images": []},
            {"images": [0]},
            {"imagez": [1]},
            {"failed_only": "perhaps"},
            {"again": True},
            [],
        ]
        for wrong in wrongs:
            answer = act(running.job_id, "retry", json=wrong)
            assert answer.status_code == 422, wrong
            assert answer.json()["errors"][0]["pointer"].startswith("")


def orders(tmp_path, rows, **more):
    given = {"submit_job": rows, "job_list": Jobs(), "action_log": Log(), "storage": Bucket()}
    given |= {"push": lambda job_id: 1, "ping_redis": lambda: None} | more
    return an_api(tmp_path, environment=SETTINGS, **given)


def test_an_order_under_a_key_is_one_job_and_another_body_is_refused(tmp_path):
    rows = Submitted()
    pushed: list[object] = []
    with orders(tmp_path, rows, push=pushed.append) as (client, services):

        def order(body, key="k-1", role="client"):
            headers = asks_as(role) | {"Idempotency-Key": key, "X-Request-Id": "r1"}
            return client.post("/api/v1/jobs", json=body, headers=headers)

        first, again = order(ROW), order(ROW)
        assert (first.status_code, again.status_code) == (201, 201)
        assert first.json() == again.json()
        assert first.headers["location"] == f"/api/v1/jobs/{first.json()['job_id']}"
        assert "idempotency-replayed" not in first.headers
        assert again.headers["idempotency-replayed"] == "true"
        assert order(ROW | {"total_images": 3}).json()["type"] == "urn:quel:problem:key-reused"
        assert order(ROW | {"total_images": 3}).status_code == 422
        assert order(ROW, key="k-2").headers["location"] != first.headers["location"]
        operator_s = order(ROW | {"quel_member_id": str(MEMBER)}, role="operator")
        assert operator_s.json()["job_id"] != first.json()["job_id"]
        assert order(ROW, key="ü".encode()).status_code == 400
        assert services.action_log.acts[0] == ("studio", "api", "submit", "r1")
    assert [org for _, _, org in rows.written] == [OURS, OURS, None]
    assert len(pushed) == 3


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ([], 422, "one JSON object"),
        (ROW | {"job_type": "odd"}, 422, "job_type"),
        (ROW | {"callback_url": "https://169.254.169.254/"}, 422, "QUEL_WEBHOOK_HOSTS"),
        (ROW | {"callback_url": 7}, 422, "callback_url"),
        (ROW | {"total_images": 10_000}, 422, "cannot be run"),
        (ROW | {"job_input_data": {"prompt": "a\0b"}}, 422, "NUL"),
        (ROW | {"quel_member_id": "me"}, 422, "quel_member_id"),
        (ROW | {"quel_member_id": str(MEMBER)}, 403, "no member"),
        (ROW | {"job_input_data": {"prompt": "a hat", "userId": str(uuid4())}}, 403, "no member"),
        (ROW | {"org_id": str(THEIRS)}, 403, "its own organization"),
        (ROW | {"total_images": 50}, 402, "Not enough credits"),
        (ROW | {"job_input_data": {"attachId": "hat.png", "prompt": "x"}}, 422, "No picture was given"),
    ],
)
def test_an_order_that_cannot_be_is_refused_and_nothing_is_written(tmp_path, body, status, says):
    rows = Submitted()
    with orders(tmp_path, rows) as (client, _):
        answer = client.post("/api/v1/jobs", json=body, headers=asks_as("client"))
        assert (answer.status_code, says in answer.json()["detail"]) == (status, True), answer.text
        assert client.post("/api/v1/jobs", content=b"{", headers=asks_as("client")).status_code == 400
    assert rows.written == []


@pytest.mark.parametrize("address", ["/api/v1/jobs", "/api/v1/jobs?check=true", "/api/v1/jobs/preview"])
def test_a_client_speaks_for_the_member_of_its_line_alone_in_every_spelling(tmp_path, address):
    other = str(uuid4())
    rows = Submitted()
    with orders(tmp_path, rows) as (client, _):

        def code(role, **row):
            return client.post(address, json=ROW | row, headers=asks_as(role)).status_code

        for named in (other, other.upper(), f"{{{other}}}", f"urn:uuid:{other}", f"{other}."):
            assert code("member", job_input_data={"prompt": "a hat", "userId": named}) == 403, named
        assert code("member", job_input_data={"prompt": "a hat", "user_id": other}) == 403
        assert code("member", quel_member_id=other) == 403
        assert code("client", quel_member_id=str(MEMBER)) == 403
        assert rows.written == []
        own = {"quel_member_id": str(MEMBER), "job_input_data": {"prompt": "a hat", "userId": str(MEMBER)}}
        assert code("member", **own) in (200, 201)
        assert code("client", job_input_data={"prompt": "a hat", "userId": "shop-7"}) in (200, 201)


def test_a_member_without_a_row_is_told_to_an_operator(tmp_path):
    with orders(tmp_path, Submitted()) as (client, _):
        row = ROW | {"quel_member_id": str(uuid4())}
        answer = client.post("/api/v1/jobs", json=row, headers=asks_as("operator"))
    assert (answer.status_code, "There is no member" in answer.json()["detail"]) == (404, True)


def test_a_client_s_organization_that_is_not_active_pays_nothing(tmp_path):
    rows = Submitted(status="suspended")
    with orders(tmp_path, rows) as (client, _):
        answer = client.post("/api/v1/jobs", json=ROW, headers=asks_as("client"))
    assert (answer.status_code, answer.json()["type"]) == (402, "urn:quel:problem:no-payer")


def test_credits_that_are_held_for_other_images_pay_for_no_order(tmp_path):
    rows = Submitted(credits=12, held=3)
    with orders(tmp_path, rows) as (client, _):
        answer = client.post("/api/v1/jobs", json=ROW, headers=asks_as("client"))
        assert (answer.status_code, answer.json()["type"]) == (402, "urn:quel:problem:no-credit")
        assert "10 are required, and 9 are available" in answer.json()["detail"]
        one = client.post("/api/v1/jobs", json=ROW | {"total_images": 1}, headers=asks_as("client"))
        assert one.status_code == 201
    assert len(rows.written) == 1


def test_an_order_brings_its_pictures_and_the_boundary_does_not_count(tmp_path):
    rows, bucket = Submitted(), Bucket()
    row = ROW | {"job_input_data": {"prompt": "x", "mergedImageAttachId": "hat.png"}}
    with orders(tmp_path, rows, storage=bucket) as (client, _):

        def order(job=row, key="k", query="", **pictures):
            files = {name.replace("_", "."): (name, data) for name, data in pictures.items()}
            headers = asks_as("client") | {"Idempotency-Key": key}
            data = {"job": json.dumps(job)}
            return client.post(f"/api/v1/jobs{query}", data=data, files=files, headers=headers)

        first, again = order(hat_png=b"PNG"), order(hat_png=b"PNG")
        assert (first.status_code, again.json()) == (201, first.json())
        assert order(hat_png=b"other").status_code == 422
        assert order(key="k2", hat_png=b"PNG", coat_png=b"x").status_code == 422
        assert order(key="k3", shoe_png=b"PNG").status_code == 422
        assert order(key="k4", query="?check=true", hat_png=b"PNG").status_code == 200
        no_job = client.post("/api/v1/jobs", files={"hat.png": b"x"}, headers=asks_as("client"))
        assert no_job.status_code == 422
    assert bucket.objects == [(b"PNG", "image/png")]
    assert [list(uploads) for _, uploads, _ in rows.written] == [["hat.png"]]


def test_a_preview_says_what_would_be_made_and_writes_nothing(tmp_path):
    rows = Submitted()
    with orders(tmp_path, rows) as (client, _):
        told = client.post("/api/v1/jobs/preview", json=ROW, headers=asks_as("client")).json()
        checked = client.post("/api/v1/jobs?check=true", json=ROW, headers=asks_as("client"))
        assert (told["credits"], len(told["images"]), told["problems"]) == (10, 2, [])
        assert (checked.status_code, checked.json()["credits"]) == (200, 10)
    assert rows.written == []


class Figures:
    """Who paid, and a ledger of three lines."""

    def __init__(self):
        description = "=HYPERLINK(evil)"
        self.lines = [
            LedgerLine(uuid4(), AT - timedelta(hours=n), "DEDUCT", -5, 90, description, n, None, None, None)
            for n in range(3)
        ]

    def make_missing(self, since):
        return 0

    def payers(self, since, *, organizations, most, only=None):
        return [PayerStats(org, True, 1, 0, 4, 0, 20, 0.5) for org in (THEIRS, OURS) if only in (None, org)]

    def page(self, account, *, is_organization, most, after):
        assert (account, is_organization) == (OURS, True)
        return [line for line in self.lines if after is None or line.created_at < after.created_at][:most]


def test_figures_come_as_json_or_csv_and_a_client_sees_its_own(tmp_path):
    figures = Figures()
    with an_api(tmp_path, tally=figures, statistics=figures, ledger=figures) as (client, _):

        def ask(path, role="client", accept="*/*"):
            return client.get(f"/api/v1{path}", headers=asks_as(role) | {"Accept": accept})

        assert [each["payer_id"] for each in ask("/usage").json()["items"]] == [str(OURS)]
        assert len(ask("/usage", "viewer").json()["items"]) == 2
        assert ask("/stats").status_code == 403
        lines = ask("/usage", "viewer", "text/csv").text.splitlines()
        assert lines[0].startswith("payer_id,is_organization,jobs")
        assert len(lines) == 3
        first = ask("/ledger?limit=2").json()
        last = ask(f"/ledger?limit=2&cursor={first['next']}").json()
        assert (len(first["items"]), len(last["items"]), last["next"]) == (2, 1, None)
        assert ",'=HYPERLINK(evil)," in ask("/ledger", accept="text/csv").text
        assert ask(f"/ledger?org={THEIRS}").status_code == 404
        assert ask(f"/ledger?member={MEMBER}").status_code == 404
        assert ask("/ledger", "viewer").status_code == 400
        assert ask(f"/ledger?org={OURS}&cursor=e30", "viewer").status_code == 400


class Brake:
    """What is paused."""

    def __init__(self):
        self.on = {}

    def pause(self, path, why):
        self.on[path or "*"] = {"since": "2026-01-01T00:00:00Z", "why": why}

    def resume(self, path):
        self.on.pop(path or "*", None)

    def notes(self):
        return self.on


def test_operators_pause_paths_that_there_are(tmp_path):
    with an_api(tmp_path, pause=Brake()) as (client, _):

        def ask(method, path, **more):
            return client.request(method, f"/api/v1/pauses/{path}", headers=asks_as("operator"), **more)

        paused = ask("PUT", "fashion", json={"why": "quota"}).json()["items"]
        assert paused == [{"path": "fashion", "since": "2026-01-01T00:00:00Z", "why": "quota"}]
        assert ask("PUT", "all").json()["items"][0]["path"] is None
        assert ask("DELETE", "all").json()["items"] == paused
        assert ask("PUT", "nowhere").status_code == 404
        assert ask("PUT", "fashion", json={"why": "a\0"}).status_code == 422
        assert client.get("/api/v1/pauses", headers=asks_as("viewer")).json()["items"] == paused
        assert client.get("/api/v1/pauses", headers=asks_as("client")).status_code == 403


@pytest.mark.parametrize("words", ["0h", "7", "h", "1y", "99999w", "-1h", "", "1.5h"])
def test_a_span_that_is_none_is_refused(words):
    with pytest.raises(InvalidInput):
        read_span(words)
    assert read_span("90m") == timedelta(minutes=90)
    assert read_since("2026-01-02T03:04:05") == AT
