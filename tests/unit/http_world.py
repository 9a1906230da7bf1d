"""The HTTP API over the neighbours a test gives, with a caller of each role."""

from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import UUID, uuid4

from fastapi import FastAPI
from fastapi.testclient import TestClient

from quel.core.credits import Organization
from quel.core.job import JobStatus
from quel.core.operations.api_tokens import Role
from quel.core.operations.job_list import JobView
from quel.core.operations.rate_limit import Allowance
from quel.core.operations.submit_job import EarlierSubmission
from quel.http.app import make_app
from quel.http.services import Api
from quel.http.serving import make_api
from quel.operations.api_tokens import make_token
from tests.unit.operator_services import GivenServices

OURS, THEIRS, MEMBER = uuid4(), uuid4(), uuid4()
"""Two organizations; the client is held to the first. And whom the member's token speaks for."""
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TOKENS = {
    "viewer": make_token("watcher", Role.VIEWER, None),
    "client": make_token("studio", Role.CLIENT, OURS),
    "member": make_token("painter", Role.CLIENT, OURS, MEMBER),
    "operator": make_token("ops", Role.OPERATOR, None),
}


class Rate:
    """Lets everybody by, or what a test says."""

    def __init__(self, *answers):
        self._answers = list(answers)

    def take(self, name):
        answer = self._answers.pop(0) if self._answers else Allowance(True, 599, 0.0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Jobs:
    """The rows of jobs, by id: whose each is, and how it stands."""

    def __init__(self, *jobs):
        self.rows = {job.job_id: job for job in jobs}

    def jobs_by_id(self, job_ids):
        return [self.rows[each].view for each in job_ids if each in self.rows]

    def of_org(self, job_ids, org_id):
        return {each for each in job_ids if each in self.rows and self.rows[each].org_id == org_id}

    def read(self, job_id, org_id):
        job = self.rows.get(job_id)
        if job is None or (org_id and job.org_id != org_id):
            return None
        data = {"maskDataUrl": "data:image/png;base64,AAAA", "prompt": "a hat", "sourceImage": "A" * 30_000}
        return {"job_id": job_id, "job_status": job.view.status, "updated_at": AT, "job_input_data": data}


def a_job(org_id=OURS, status=JobStatus.PENDING, completed=0):
    ended = AT if status not in (JobStatus.PENDING, JobStatus.PROCESSING) else None
    view = JobView(uuid4(), "simple_general", status, "fashion", 4, completed, 0, AT, AT, ended, None, 0, 5.0)
    return SimpleNamespace(job_id=view.job_id, org_id=org_id, view=view)


class Keys:
    """The cancel keys that were set."""

    def __init__(self):
        self.cancelled: list[UUID] = []

    def cancel(self, job_id):
        self.cancelled.append(job_id)


class Submitted:
    """New jobs, and the keys they came with."""

    def __init__(self, credits=100, status="active", *, member=100, held=0):
        self.written, self.keys = [], {}
        self._org = Organization(OURS, status, credits, MEMBER)
        self._member, self._held = member, held

    def earlier(self, key):
        return self.keys.get((key.holder, key.key))

    def accounts(self, org_id, member_ids):
        return (self._org if org_id == OURS else None), {MEMBER: self._member}

    def held(self, kind, account_id):
        return self._held

    def unknown_payers(self, member_id, org_id):
        return [f"member {member_id}"] if member_id not in (None, MEMBER) else []

    def write(self, job_id, row, uploads, *, member_id, org_id, callback_url, key, facts):
        self.written.append((row, dict(uploads), org_id))
        if key is not None:
            told = EarlierSubmission(key.body_sha256, job_id, AT, facts)
            self.keys[key.holder, key.key] = told
        return AT


class Log:
    """The operator log."""

    def __init__(self):
        self.acts = []

    def during(self, actor, verb, job_ids, told):
        self.acts.append((actor.name, actor.channel, verb, actor.request_id))
        return nullcontext()

    def write(self, actor, verb, job_ids, told, *, outcome, detail):
        self.acts.append((outcome, detail))


class Bucket:
    """What was uploaded."""

    def __init__(self):
        self.objects = []

    def write_upload(self, path, data, mime_type):
        self.objects.append((data, mime_type))


def asks_as(name):
    return {"Authorization": f"Bearer {TOKENS[name].token}"} if name in TOKENS else {}


@contextmanager
def an_api(tmp_path, *, environment=None, tokens=True, rate=None, **neighbours):
    """A client of the app, and the services behind it."""
    file = tmp_path / "tokens"
    file.write_text("\n".join(["# made by hand", *(each.line for each in TOKENS.values())]))
    set_to = {"QUEL_API_TOKENS_FILE": str(file)} if tokens else {}
    services = GivenServices(
        environment=set_to | (environment or {}), rate_limit=rate or Rate(), **neighbours
    )
    app = _app_over(make_api(services.settings, services))
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as client:
        yield client, services


_APPS: dict[tuple[str, ...], FastAPI] = {}


def _app_over(api: Api) -> FastAPI:
    """One app for all tests with the same routes: it finds them at its first request, which takes 45 ms."""
    routes = (api.settings.http_legacy, *api.settings.api_origins)
    if routes not in _APPS:
        _APPS[routes] = make_app(api)
    _APPS[routes].state.api = api
    return _APPS[routes]
