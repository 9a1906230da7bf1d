"""One take of an image: what was asked, where it was handed over, and what its row is told."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from quel.adapters.comfy.client import ComfyClient
from quel.adapters.comfy.places import ComfyServers
from quel.core.call import Call
from quel.core.comfy.answers import Standing
from quel.core.comfy.workflow import Workflow
from quel.core.outcome import GenerateRequest, Outcome
from quel.core.submission import Submission

if TYPE_CHECKING:
    from quel.adapters.comfy.engine import ComfyEngine


@dataclass
class Take:
    """Its methods may raise QuelError of the rows or of Redis."""

    engine: "ComfyEngine"
    request: GenerateRequest
    call: Call
    submission: Submission

    @property
    def workflow(self) -> Workflow:
        """What makes the image."""
        return self.engine.workflow

    @property
    def servers(self) -> ComfyServers:
        """What is known of all servers."""
        return self.engine.servers

    @property
    def server(self) -> str:
        """The name of the one that has it."""
        return self.submission.server

    @property
    def client(self) -> ComfyClient:
        """Speaks to that one."""
        return self.servers.clients[self.server]

    @property
    def folder(self) -> str:
        """Where its file is written, among the outputs of the server."""
        return f"quel/{self.call.job_id}"

    def standing(self) -> Standing:
        """Where it stands."""
        return self.client.standing(self.submission.prompt_id)

    def told(self, what: str) -> str:
        """A sentence on the server."""
        return f'The ComfyUI server "{self.server}" {what}.'

    def accepted(self) -> None:
        """The server has it."""
        self.submission = replace(self.submission, accepted=True)
        self.call.submitted(self.submission)

    def ended(self, outcome: Outcome, *, spent_usd: float = 0.0) -> Outcome:
        """The same of one that the server has begun: its entry, which holds the words, goes as well."""
        self.client.forget(self.submission.prompt_id)
        return self.over(outcome, spent_usd=spent_usd)

    def over(self, outcome: Outcome, *, spent_usd: float = 0.0) -> Outcome:
        """It brought no picture: the next take has another id."""
        spent_usd += self.submission.spent_usd
        self.submission = replace(self.submission, ended=True, spent_usd=spent_usd)
        self.call.submitted(self.submission)
        return outcome
