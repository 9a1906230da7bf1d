"""One take at one server, from its submission or from wherever it stands, to an outcome."""

import time
from collections.abc import Callable
from dataclasses import replace

from quel.adapters.comfy.client import Answer, NoAnswer
from quel.adapters.comfy.ending import Lost, conclude
from quel.adapters.comfy.take import Take
from quel.adapters.comfy.uploads import forget_uploads, upload
from quel.adapters.comfy.watch import Watch
from quel.core.comfy.answers import (
    Accepted,
    InputLost,
    Stand,
    Standing,
    SubmitAnswer,
    Unfit,
    Unknown,
    judge_submit,
)
from quel.core.comfy.workflow import Bound, Filling, bind
from quel.core.comfy.workflow import Unfit as UnfitImage
from quel.core.outcome import Outcome, Postponed, Refused, Transient
from quel.core.plan import LARGEST_SEED

_MOST_LOSSES = 2
_MOST_POSTS = 2
_BROKE_OFTEN = 2
_ASK_AGAIN_S, _LATER_S = 2.0, 5.0
_OK = 200

IsOptional = Callable[[str, str, str], bool]  # (server, class_type, input)


class PromptRun:
    """Follows one take. Its methods may raise QuelError of the rows or of Redis."""

    def __init__(self, take: Take, is_optional: IsOptional) -> None:
        self._take, self._is_optional = take, is_optional
        self._posts = 0

    def resume(self) -> Outcome:
        """A take of an earlier call: its server is asked before anything else."""
        take = self._take
        if take.server not in take.servers.clients:  # taken out of the settings
            return self._lost()
        standing = take.standing()
        if standing.stand is Stand.SILENT:
            take.servers.silent(take.server)
            if take.servers.silent_s(take.server) < take.engine.lost_after_s:
                return Postponed("server_silent", take.told("does not answer"), _LATER_S)
            return self._lost()
        take.servers.answered(take.server)
        if standing.stand not in (Stand.PENDING, Stand.RUNNING):
            return self._conclude(standing)
        if not take.servers.move(take.call.owner, take.server):
            return self._place_taken()
        return self._follow()

    def submit(self) -> Outcome:
        """Hands the take to the server whose place the call has."""
        take = self._take
        if self._has_another():
            return self._place_taken()
        names = upload(take)
        if not isinstance(names, list):
            return names
        server, request = take.server, take.request
        filling = Filling(
            prompt=request.text,
            negative=request.negative_prompt,
            seed=(request.seed + take.submission.take) % (LARGEST_SEED + 1),
            size_px=take.workflow.size_px(request.aspect_ratio),
            pictures=list(zip(_roles(take), names, strict=True)),
            prefix=f"{take.folder}/{take.submission.prompt_id}",
            steps=request.steps,
            cfg=request.cfg,
        )
        bound = bind(take.workflow, filling, lambda kind, name: self._is_optional(server, kind, name))
        if isinstance(bound, UnfitImage):
            return Refused("workflow_unfit", bound.reason, account=True)
        if not take.call.submitted(take.submission):
            return Postponed("lease_lost", "Another worker has the image by now.", 0.0)
        return self._post(bound)

    def _has_another(self) -> bool:
        """Whether an image whose worker died is still made there, for which its place has lapsed.

        Whoever takes that image up follows it; one that nobody comes back for and that does not end hangs.
        """
        take = self._take
        others = {id_: runs for id_, runs in take.client.own().items() if id_ != take.submission.prompt_id}
        for id_, runs in others.items():
            if runs and take.servers.stays_s(take.server, id_) > take.workflow.timeout_s:
                take.servers.hung(take.server, f"the prompt {id_} does not end")
        return bool(others)

    def _post(self, bound: Bound) -> Outcome:
        take = self._take
        self._posts += 1
        answer = take.client.submit(bound.graph, take.submission.prompt_id, bound.output)
        if isinstance(answer, NoAnswer):
            return self._unreachable() if answer.was_refused else self._find_out(bound)
        match self._judge(answer, bound):
            case Accepted():
                take.accepted()
                return self._follow()
            case Unknown():
                return self._find_out(bound)
            case Unfit(reason):
                take.servers.unfit(take.server, take.workflow.name, reason)
                return take.over(self._unfit(reason))
            case InputLost():
                forget_uploads(take)
                return take.over(Transient("input_lost", take.told("has lost a picture it was given")))
            case Transient("server_error") if take.call.attempts >= _BROKE_OFTEN:
                broke = "The ComfyUI server breaks over the workflow each time."
                return take.over(Refused("workflow_invalid", broke, account=True))
            case outcome:
                return take.over(outcome)

    def _judge(self, answer: Answer, bound: Bound) -> SubmitAnswer:
        prompt_id = self._take.submission.prompt_id
        said = judge_submit(
            answer.status, answer.body, answer.retry_after, prompt_id=prompt_id, output=bound.output
        )
        if answer.status == _OK and not isinstance(said, Accepted):  # taken without what is wanted of it
            self._withdraw(answer)
        return said

    def _withdraw(self, answer: Answer) -> None:
        """Takes back what the server may run all the same, under whatever name it gave it."""
        client, told = self._take.client, answer.json()
        names = {self._take.submission.prompt_id, told.get("prompt_id") if isinstance(told, dict) else None}
        for name in names:
            if isinstance(name, str):
                client.cancel(name)
                client.forget(name)

    def _unfit(self, reason: str) -> Outcome:
        workflow = self._take.workflow
        out = self._take.servers.out(workflow.servers, workflow.name)
        if all(out.get(name, ("",))[0].startswith("unfit") for name in workflow.servers):
            told = f'No server can run the workflow "{workflow.name}". {reason}'
            return Refused("workflow_unfit", told, account=True)
        return Postponed("server_unfit", reason, 0.0)

    def _unreachable(self) -> Outcome:
        self._take.servers.silent(self._take.server)
        return self._take.over(Postponed("server_down", self._take.told("cannot be reached"), 0.0))

    def _find_out(self, bound: Bound) -> Outcome:
        """No answer came to the submission: whether it arrived, the server is asked, twice."""
        take = self._take
        standing = Standing.of(Stand.SILENT)
        for pause_s in (0.0, _ASK_AGAIN_S):
            take.engine.sleep(pause_s)
            standing = take.standing()
            if standing.stand not in (Stand.ABSENT, Stand.SILENT):
                take.accepted()
                return self._follow()
        if standing.stand is Stand.ABSENT and self._posts < _MOST_POSTS:
            return self._post(bound)
        take.servers.silent(take.server)
        return Postponed("server_silent", take.told("does not answer"), _LATER_S)

    def _follow(self) -> Outcome:
        seen = Watch(self._take).until_it_ends()
        return self._conclude(seen) if isinstance(seen, Standing) else seen

    def _conclude(self, standing: Standing) -> Outcome:
        ending = conclude(self._take, standing)
        return self._lost() if isinstance(ending, Lost) else ending

    def _lost(self) -> Outcome:
        """Neither prompt nor file are there: it is handed over again, under the same id."""
        take = self._take
        if take.submission.accepted:
            take.submission = take.submission.lost()
        if take.submission.losses >= _MOST_LOSSES:
            gone = "Two ComfyUI servers lost the image while they made it, so it was not tried again."
            return take.over(Refused("provider_crash", gone))
        if not take.servers.move(take.call.owner, take.call.place):
            return self._place_taken()
        take.submission = replace(take.submission, server=take.call.place, accepted=False, at_s=time.time())
        return self.submit()

    def _place_taken(self) -> Outcome:
        return Postponed("place_taken", self._take.told("is busy with another image"), _ASK_AGAIN_S)


def _roles(take: Take) -> list[str]:
    roles, pictures = take.request.roles, take.request.pictures
    return [*roles[: len(pictures)], *[""] * (len(pictures) - len(roles))]
