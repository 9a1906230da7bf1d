"""How a simulator can be told to misbehave, and the ways of misbehaving that HTTP servers share.

A `Fault` is plain data: what to change about the true answer and how to deliver it. The lists of what each
provider does beyond that are in `gemini.faults` and `storage.faults`.
"""

import random
import threading
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from quel.sandbox.http_server import Delivery, Reply

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Fault:
    """What goes wrong with an answer. What is left at its default stays as in the true answer.

    `name` is what the log of calls shows; `shape` bends the answer's content in a way only the simulator
    knows how (see the lists of faults); `status` with `body` replaces it (bytes that are no UTF-8 stand in
    `body` as surrogates). `delay_s` passes before the first byte; `pace_s` and `size_bytes` belong to the
    deliveries that dribble and swell.
    """

    name: str
    status: int | None = None
    body: str = ""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    shape: str | None = None
    delivery: Delivery = Delivery.WHOLE
    delay_s: float = 0.0
    pace_s: float = 0.0
    size_bytes: int = 0

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """The fault that `to_json` described."""
        headers = tuple((name, text) for name, text in value["headers"])
        return cls(**{**value, "delivery": Delivery(value["delivery"]), "headers": headers})

    def to_json(self) -> dict[str, Any]:
        """The fault as JSON takes it."""
        return asdict(self)

    def after(self, delay_s: float) -> Self:
        """The same fault, `delay_s` later."""
        return replace(self, delay_s=delay_s)

    @property
    def replaces_answer(self) -> bool:
        """Whether the true answer need not be made at all."""
        return self.status is not None

    def bend(self, answer: Reply) -> Reply:
        """The answer as it leaves the house."""
        if self.status is not None:
            answer = replace(
                answer,
                status=self.status,
                body=self.body.encode(errors="surrogateescape"),
                content_type=self.content_type,
                headers=self.headers,
            )
        return replace(
            answer,
            delay_s=answer.delay_s + self.delay_s,
            delivery=self.delivery,
            pace_s=self.pace_s,
            size_bytes=self.size_bytes,
        )


def slow(delay_s: float) -> Fault:
    """The true answer, late."""
    return Fault("slow", delay_s=delay_s)


def cut_before_answer() -> Fault:
    """The connection is closed without a byte."""
    return Fault("cut_before_answer", delivery=Delivery.CUT_BEFORE)


def cut_during_answer() -> Fault:
    """The connection is closed halfway through the body."""
    return Fault("cut_during_answer", delivery=Delivery.CUT_DURING)


def dribble(pace_s: float) -> Fault:
    """The body comes a byte each `pace_s` seconds, which no timeout per read notices."""
    return Fault("dribble", delivery=Delivery.DRIBBLE, pace_s=pace_s)


def hang() -> Fault:
    """The request is taken and never answered."""
    return Fault("hang", delivery=Delivery.HANG)


def enormous(size_bytes: int = 500 * MEGABYTE) -> Fault:
    """A body of `size_bytes`, honestly announced."""
    return Fault("enormous", delivery=Delivery.ENORMOUS, size_bytes=size_bytes)


def endless() -> Fault:
    """A body without a Content-Length that goes on until the client hangs up."""
    return Fault("endless", delivery=Delivery.ENDLESS)


def raw(answer: bytes, pace_s: float = 0.0) -> Fault:
    """What is sent is `answer` alone, whether it is HTTP or not; a byte each `pace_s` seconds."""
    body = answer.decode(errors="surrogateescape")
    return Fault("raw", status=200, body=body, delivery=Delivery.RAW, pace_s=pace_s)


def gateway_page(status: int) -> Fault:
    """An HTML page of the gateway in front of the service, for instance 401, 413 or 502."""
    page = f"<html><head><title>{status}</title></head><body><h1>{status}</h1><hr>gateway</body></html>"
    return Fault(f"gateway_page_{status}", status=status, body=page, content_type="text/html")


@dataclass
class Rule:
    """When a fault strikes: calls whose text contains `containing` and that are an `operation` (None: any).

    `times` counts down and None means for ever; `probability` is decided by a generator seeded with `seed`.
    """

    fault: Fault
    containing: str = ""
    operation: str | None = None
    times: int | None = None
    probability: float = 1.0
    seed: int = 0
    _dice: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)  # noqa: S311 - repeatable on purpose

    def strikes(self, text: str, operation: str) -> bool:
        """Whether this call gets the fault; counts it when it does."""
        if self.times == 0 or self.containing not in text or self.operation not in (None, operation):
            return False
        if self.probability < 1 and self._dice.random() >= self.probability:
            return False
        if self.times is not None:
            self.times -= 1
        return True


class FaultPlan:
    """The rules of one simulator; the first that strikes decides a call. Safe for many threads."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._lock = threading.Lock()

    def add(self, rule: Rule) -> None:
        """Adds a rule behind those already there."""
        with self._lock:
            self._rules.append(rule)

    def clear(self) -> None:
        """Forgets every rule."""
        with self._lock:
            self._rules.clear()

    def next_fault(self, text: str, operation: str) -> Fault | None:
        """What goes wrong with this call, if anything."""
        with self._lock:
            return next((rule.fault for rule in self._rules if rule.strikes(text, operation)), None)
