"""A simulator of the Gemini API's generateContent and models routes: no model, it draws what it was sent.

It checks key, model, request and quota as the provider does, in that order, then misbehaves if it was told
to, then answers with one picture. Every call is in its log.
"""

import base64
import json
import re
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from http import HTTPStatus
from typing import Any

from quel.sandbox.errors import SandboxError
from quel.sandbox.faults import Fault
from quel.sandbox.gemini import drawing
from quel.sandbox.gemini.bad_takes import BadTake, spoilt
from quel.sandbox.gemini.errors import (
    api_key_invalid,
    error_body,
    invalid_argument,
    quota_exceeded,
    unknown_model,
)
from quel.sandbox.gemini.faults import Shape
from quel.sandbox.gemini.gate import Gate
from quel.sandbox.gemini.models import MODELS, description
from quel.sandbox.gemini.quota import RollingWindow, as_duration
from quel.sandbox.gemini.request import GenerateContent, InvalidArgument, check_against, read_request
from quel.sandbox.gemini.schema import REQUESTS
from quel.sandbox.http_server import Reply, Request
from quel.sandbox.simulator import Simulator

ROUTE = re.compile(
    rf"(?:/[^:]+)?/(?P<version>{'|'.join(REQUESTS)})/models"
    r"(?:/(?P<model>[^/:]+)(?P<generate>:generateContent)?)?"
)
PNG, JPEG = "image/png", "image/jpeg"
GARBAGE = bytes(range(256)) * 64
TEXT_PART = {"text": "Here is the picture."}


@dataclass(frozen=True)
class GeminiOptions:
    """How the simulator behaves when nothing is wrong.

    `rpm` limits requests in any 60 s (None: no limit); `latency_s` passes before every generated answer;
    `ready_made` answers every request with the same photograph, encoded once, and neither decodes nor logs
    the pictures it receives; `sketches` draws small, for those who want many answers and check no takes;
    `keep_pictures` keeps the bytes of what is received for `picture(sha256)`.
    """

    rpm: int | None = None
    latency_s: float = 0.0
    ready_made: bool = False
    sketches: bool = False
    keep_pictures: bool = False


class GeminiSimulator(Simulator):
    """The provider. `api_key` is the one key it takes; the options are those of GeminiOptions."""

    def __init__(self, api_key: str, **options: Any) -> None:
        super().__init__()
        self._api_key = api_key
        self._initial = options
        self._options = GeminiOptions()
        self._quota: RollingWindow | None = None
        self._kept: dict[str, bytes] = {}
        self._ready_made_body = b""
        self._gate = Gate()
        self.controls |= {"calls": self._calls, "configure": self.configure, "picture": self._picture}
        self.controls |= {"hold_back": self._gate.close, "let_go": self._gate.open}
        self.configure(**self._initial)

    def configure(self, **options: Any) -> None:
        """Changes the options named; a new `rpm` begins with an empty window."""
        self._options = replace(self._options, **options)
        if "rpm" in options:
            self._quota = None if self._options.rpm is None else RollingWindow(self._options.rpm)
        if self._options.ready_made and not self._ready_made_body:
            self._ready_made_body = _answer("ready-made", [_picture_part(drawing.ready_made(), PNG)])

    def reset(self) -> None:
        """As at the start."""
        super().reset()
        self._gate.open()
        self._kept.clear()
        self.configure(**(asdict(GeminiOptions()) | self._initial))

    def serve(self, request: Request) -> Reply:
        """One request of the provider's protocol, under any path that a gateway may put before it."""
        route = ROUTE.fullmatch(request.path)
        if route is None or (request.method == "POST") != bool(route["generate"]):
            return _error(404, error_body(404, "The requested URL was not found on this server."))
        if not self._knows_key(request):
            return self._refused(request, route, "invalid_key", 400, api_key_invalid())
        model = route["model"]
        if model is not None and model not in MODELS:
            return self._refused(request, route, "unknown_model", 404, unknown_model(model))
        if model is None:
            return Reply.of_json({"models": [description(name) for name in MODELS]})
        return self._generate(route, request) if route["generate"] else self._describe(model)

    def _describe(self, model: str) -> Reply:
        fault = self.faults.next_fault(model, "describe")
        answer = Reply.of_json(description(model))
        return fault.bend(answer) if fault else answer

    def _generate(self, route: re.Match[str], request: Request) -> Reply:
        arrived_s = time.monotonic()
        try:
            asked = read_request(
                request.body, open_pictures=not self._options.ready_made, version=route["version"]
            )
            check_against(MODELS[route["model"]], asked)
        except InvalidArgument as refused:
            return self._refused(
                request, route, "invalid_argument", 400, invalid_argument(str(refused), refused.violations)
            )
        call = self._record(request, route["model"], asked)
        wait_s = self._quota.admit(arrived_s) if self._quota else 0.0
        if self._quota and wait_s:
            body = quota_exceeded("Minute", self._quota.limit, as_duration(wait_s))
            return self._finish(call, "rate_limited", _error(429, body))
        fault = self.faults.next_fault(asked.prompt, "generate")
        answer = Reply() if fault and fault.replaces_answer else self._made(route["model"], asked, fault)
        self._gate.pass_through()
        spent_s = time.monotonic() - arrived_s
        answer = replace(answer, delay_s=max(0.0, self._options.latency_s - spent_s))
        return self._finish(call, fault.name if fault else "made", fault.bend(answer) if fault else answer)

    def _made(self, model: str, asked: GenerateContent, fault: Fault | None) -> Reply:
        shape = fault.shape if fault else None
        if self._options.ready_made and shape is None:
            return Reply(body=self._ready_made_body)
        mime_type = JPEG if shape == Shape.JPEG else PNG
        made = self._picture_of(asked, mime_type, shape)
        wants_text = shape == Shape.TEXT_FIRST or "TEXT" in asked.response_modalities
        parts = [TEXT_PART] if wants_text else []
        return Reply(body=_answer(model, parts + list(_pictures(made, mime_type, shape, asked))))

    def _picture_of(self, asked: GenerateContent, mime_type: str, shape: str | None) -> bytes:
        if shape in set(BadTake):
            return drawing.encode(spoilt(BadTake(shape), asked), mime_type)
        if self._options.ready_made:
            return drawing.ready_made()
        return drawing.encode(drawing.draw(asked, as_sketch=self._options.sketches), mime_type)

    def _knows_key(self, request: Request) -> bool:
        return self._api_key in (request.headers.get("x-goog-api-key"), request.query.get("key"))

    def _record(self, request: Request, model: str, asked: GenerateContent) -> dict[str, Any]:
        if self._options.keep_pictures:
            self._kept |= {picture.sha256: picture.data for picture in asked.pictures}
        return self._log(
            request,
            model,
            prompt=asked.prompt,
            parts=asked.parts,
            pictures=[
                {
                    "mime_type": picture.mime_type,
                    "width": picture.width,
                    "height": picture.height,
                    "sha256": picture.sha256,
                    "size_bytes": len(picture.data),
                }
                for picture in asked.pictures
            ],
            aspect_ratio=asked.aspect_ratio,
            image_size=asked.image_size,
            seed=asked.seed,
            temperature=asked.temperature,
            response_modalities=asked.response_modalities,
            system_instruction=asked.system_instruction,
            fields=asked.fields,
            config=asked.config,
        )

    def _log(self, request: Request, model: str | None, **asked: Any) -> dict[str, Any]:
        times = {"arrived_at": time.time(), "finished_at": None}
        return self.record(target=request.target, model=model, outcome="", status=0, **times, **asked)

    def _refused(self, request: Request, route: re.Match[str], outcome: str, status: int, body: str) -> Reply:
        """An answer before the request was understood; only generateContent is logged."""
        reply = _error(status, body)
        if not route["generate"]:
            return reply
        return self._finish(self._log(request, route["model"]), outcome, reply)

    def _finish(self, call: dict[str, Any], outcome: str, reply: Reply) -> Reply:
        call |= {"outcome": outcome, "status": reply.status}
        return replace(reply, finished=lambda: call.update(finished_at=time.time()))

    def _calls(self, since: int, containing: str) -> list[dict[str, Any]]:
        return [call for call in self.log[since:] if containing in call.get("prompt", "")]

    def _picture(self, sha256: str) -> str:
        if sha256 not in self._kept:
            raise SandboxError("No such picture was kept; start the simulator with keep_pictures.")
        return base64.b64encode(self._kept[sha256]).decode()


def _pictures(
    made: bytes, mime_type: str, shape: str | None, asked: GenerateContent
) -> Iterable[dict[str, Any]]:
    if shape == Shape.SEVERAL:
        for step, thought in ((1, True), (2, False)):
            other = drawing.encode(drawing.draw(replace(asked, seed=(asked.seed or 0) + step)), PNG)
            yield _picture_part(other, PNG) | ({"thought": True} if thought else {})
    bent: dict[str, bytes] = {Shape.GARBAGE: GARBAGE, Shape.TRUNCATED: made[: len(made) // 2]}
    yield _picture_part(bent.get(shape or "", made), mime_type)


def _picture_part(data: bytes, mime_type: str) -> dict[str, Any]:
    return {"inlineData": {"mimeType": mime_type, "data": base64.b64encode(data).decode()}}


def _answer(model: str, parts: list[dict[str, Any]]) -> bytes:
    candidate = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}
    usage = {"promptTokenCount": 1, "candidatesTokenCount": 1120, "totalTokenCount": 1121}
    body = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": model}
    return json.dumps(body).encode()


def _error(status: int, body: str) -> Reply:
    return Reply(HTTPStatus(status), body.encode())
