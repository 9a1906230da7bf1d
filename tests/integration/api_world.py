"""One `quel serve` and a caller of each role, as tests ask it."""

from typing import Any
from uuid import uuid4

import httpx

from quel.core.operations.api_tokens import Role
from quel.operations.api_tokens import make_token
from quel.sandbox.servers.ports import free_port
from tests.integration import plain_http
from tests.integration.harness import until

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


def ended(api, job):
    """A job's row as whoever ordered it polls it, once it has ended."""
    row = api.ask("GET", f"/api/jobs/{job}", "member").json()
    return row if row["completed_at"] else None
