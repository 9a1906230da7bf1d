"""ComfyUI as an engine: one workflow on its servers; a submission is found again after any death.

The row knows of a submission before its server does. Whoever comes to an image asks that server first, then
for the file under its known name, and only then hands it over again, under the same id.
"""

import time
from collections.abc import Callable, Mapping
from threading import Lock

from quel.adapters.comfy.client import Answer
from quel.adapters.comfy.places import ComfyServers
from quel.adapters.comfy.prompt_run import PromptRun
from quel.adapters.comfy.take import Take
from quel.adapters.imaging import Workbench
from quel.core.call import Call
from quel.core.comfy.answers import KEY_REFUSED, NOT_COMFYUI
from quel.core.comfy.workflow import Workflow
from quel.core.engines import COMFYUI, Maker
from quel.core.errors import QuelError
from quel.core.outcome import GenerateRequest, Outcome, Postponed
from quel.core.submission import submission_of

_CLASSES_KNOWN_S = 300.0
_LATER_S = 2.0


class ComfyEngine:
    """Makes images with one workflow; implements `Engine`. Thread-safe; one a process, after the fork.

    `poll_s` lies between two questions after a prompt at most; a server that is silent for `lost_after_s`
    has lost what it had; one that has not let go of a cancelled prompt after `lets_go_s` hangs.
    `is_stopping`: the process ends, and what runs is left to another one.
    """

    def __init__(
        self,
        workflow: Workflow,
        servers: ComfyServers,
        *,
        poll_s: float,
        lost_after_s: float,
        bench: Workbench,
        lets_go_s: float = 15.0,
        sleep: Callable[[float], None] = time.sleep,
        is_stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self.workflow, self.servers, self.bench = workflow, servers, bench
        self.poll_s, self.lost_after_s, self.lets_go_s = poll_s, lost_after_s, lets_go_s
        self.sleep, self.is_stopping = sleep, is_stopping
        self._classes = NodeClasses(servers)

    def generate(self, request: GenerateRequest, call: Call) -> Outcome:
        """One take, or the rest of one that was begun before; never raises for anything a server does."""
        submission, was_noted = submission_of(
            call.job_id,
            call.image_no,
            request,
            maker=Maker(COMFYUI, self.workflow.name),
            digest=self.workflow.digest,
            server=call.place,
            at_s=time.time(),
            earlier=call.earlier,
        )
        run = PromptRun(Take(self, request, call, submission), self._classes.is_optional)
        try:
            return run.resume() if was_noted else run.submit()
        except ClassesUntoldError as error:
            return error.outcome
        except QuelError as error:  # the rows or Redis are away: what was handed over is found later
            return Postponed(error.code, str(error), _LATER_S)


class ClassesUntoldError(Exception):
    """A server does not say which inputs its nodes need; `outcome` is what that means for the image."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__("A ComfyUI server does not tell of its nodes.")
        self.outcome = outcome


class NodeClasses:
    """Which inputs classes of nodes can do without, asked of a server now and then."""

    def __init__(self, servers: ComfyServers) -> None:
        self._servers = servers
        self._lock = Lock()
        self._known: dict[tuple[str, str], tuple[float, Mapping[str, object]]] = {}

    def is_optional(self, server: str, class_type: str, name: str) -> bool:
        """Whether the class runs without the input. Raises ClassesUntoldError."""
        inputs = self._class(server, class_type).get("input")
        optional = inputs.get("optional") if isinstance(inputs, dict) else None
        return isinstance(optional, dict) and name in optional

    def _class(self, server: str, class_type: str) -> Mapping[str, object]:
        with self._lock:
            known_at, known = self._known.get((server, class_type), (0.0, None))
        if known is None or time.monotonic() - known_at > _CLASSES_KNOWN_S:
            known = self._asked(server, class_type)
            with self._lock:
                self._known[server, class_type] = time.monotonic(), known
        return known

    def _asked(self, server: str, class_type: str) -> Mapping[str, object]:
        answer = self._servers.clients[server].object_info(class_type)
        if isinstance(answer, Answer) and answer.status in (401, 403):
            raise ClassesUntoldError(KEY_REFUSED)
        if isinstance(answer, Answer) and answer.status < 500 and answer.status != 429:
            told = answer.json()
            if answer.status != 200 or not isinstance(told, dict):
                raise ClassesUntoldError(NOT_COMFYUI)
            found = told.get(class_type)
            return found if isinstance(found, dict) else {}
        silent = f'The ComfyUI server "{server}" does not say which nodes it has.'
        raise ClassesUntoldError(Postponed("server_silent", silent, _LATER_S))
