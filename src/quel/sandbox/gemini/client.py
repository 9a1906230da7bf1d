"""`Gemini`: starts the simulator and shows what it was asked."""

import base64
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from quel.sandbox.gemini.simulator import GeminiSimulator
from quel.sandbox.simulator import Client


@dataclass(frozen=True)
class SentPicture:
    """A picture the simulator received; `sha256` in hexadecimal."""

    mime_type: str
    width: int
    height: int
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class Call:
    """One generateContent call, in order of arrival from number 0, at the address `target`.

    `outcome` is "made", the name of a fault, or "rate_limited", "invalid_key", "unknown_model",
    "invalid_argument". Times are seconds since 1970; `finished_at` is None while the answer is on its way.
    What was asked is None or empty where the request was refused before it was read, and `pictures` is
    always empty with `ready_made`.
    """

    number: int
    arrived_at: float
    finished_at: float | None
    model: str
    outcome: str
    status: int
    target: str
    prompt: str = ""
    parts: tuple[str, ...] = ()
    pictures: tuple[SentPicture, ...] = ()
    aspect_ratio: str | None = None
    image_size: str | None = None
    seed: int | None = None
    temperature: float | None = None
    response_modalities: tuple[str, ...] = ()
    system_instruction: bool = False
    fields: tuple[str, ...] = ()
    config: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Call":
        """The call as the control plane tells it."""
        pictures = tuple(SentPicture(**picture) for picture in value.get("pictures", ()))
        tuples = {name: tuple(value.get(name, ())) for name in ("parts", "response_modalities", "fields")}
        return cls(**{**value, **tuples, "pictures": pictures})


class Gemini(Client):
    """The provider on loopback; without a key it makes one. The options are those of GeminiSimulator."""

    def __init__(
        self,
        *,
        api_key: str = "",
        in_process: bool = False,
        rpm: int | None = None,
        latency_s: float = 0.0,
        ready_made: bool = False,
        sketches: bool = False,
        keep_pictures: bool = False,
    ) -> None:
        self.api_key = api_key or f"sandbox-{secrets.token_hex(12)}"
        options = {
            "api_key": self.api_key,
            "rpm": rpm,
            "latency_s": latency_s,
            "ready_made": ready_made,
            "sketches": sketches,
            "keep_pictures": keep_pictures,
        }
        super().__init__(GeminiSimulator, options, in_process=in_process)

    def calls(self, since: int = 0, *, containing: str = "") -> list[Call]:
        """Every call from number `since` on whose prompt contains the text, the unanswered included."""
        found = self.control("calls", since=since, containing=containing)
        return [Call.from_json(call) for call in found]

    def picture(self, sha256: str) -> bytes:
        """The bytes of a picture that was sent; needs `keep_pictures`. Raises SandboxError when unknown."""
        return base64.b64decode(self.control("picture", sha256=sha256))

    @contextmanager
    def holding_back(self, after: int = 0) -> Iterator[None]:
        """The next `after` answers go out, the others at the end: meanwhile their calls are under way."""
        self.control("hold_back", after=after)
        try:
            yield
        finally:
            self.control("let_go")

    def configure(self, **options: Any) -> None:
        """Changes `rpm`, `latency_s`, `ready_made` or `keep_pictures` until the next reset."""
        self.control("configure", **options)
