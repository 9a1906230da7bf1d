"""Dramatiq's dead letters of quel's queues: what failed for good stays a week to be looked at and sent again.

A letter is sent again or dropped at most once, whoever else does the same at that moment. The layout is
Dramatiq's (brokers/redis/dispatch.lua); see dead_letters.lua.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import redis

from quel.adapters.redis.client import redis_errors
from quel.core.operations.dead_letters import DeadLetter
from quel.core.pipeline import Step

_NAMESPACE = "dramatiq"
_SCRIPT = Path(__file__).with_suffix(".lua").read_text(encoding="utf-8")
_OF_THE_LAST_TRY = {"retries", "traceback", "requeue_timestamp", "eta"}
"""Options that Dramatiq's middleware left behind; a letter that is sent again begins anew without them."""


class DeadLetters:
    """Reads, resends and drops dead letters in the broker's database. Methods raise ServiceUnavailable."""

    def __init__(self, broker: redis.Redis) -> None:
        self._broker = broker
        self._take_away = broker.register_script(_SCRIPT)

    def letters(self, queue: Step | None = None) -> list[DeadLetter]:
        """The dead letters of one queue or all, the oldest first."""
        with redis_errors():
            found = [letter for stage in ([queue] if queue else Step) for letter in self._of(stage)]
        return sorted(found, key=lambda letter: letter.died_at)

    def requeue(self, letter: DeadLetter) -> bool:
        """Puts a letter back at the end of its queue with retries 0; False when it was gone already."""
        return self._move(letter, _as_new(letter))

    def drop(self, letter: DeadLetter) -> bool:
        """Forgets a letter; False when it was gone already."""
        return self._move(letter, b"")

    def _of(self, stage: Step) -> list[DeadLetter]:
        messages = self._broker.hgetall(f"{_dead(stage)}.msgs")
        return [
            _letter(stage, id_, self._broker.zscore(_dead(stage), id_) or 0.0, message)
            for id_, message in messages.items()
            if isinstance(id_, bytes) and isinstance(message, bytes)
        ]

    def _move(self, letter: DeadLetter, message: bytes) -> bool:
        dead, alive = f"{_NAMESPACE}:{letter.queue}.XQ", f"{_NAMESPACE}:{letter.queue}"
        keys = [dead, f"{dead}.msgs", alive, f"{alive}.msgs"]
        with redis_errors():
            return bool(self._take_away(keys=keys, args=[letter.id, letter.message, message]))


def _dead(stage: Step) -> str:
    return f"{_NAMESPACE}:{stage.value}.XQ"


def _letter(stage: Step, id_: bytes, at_ms: float, message: bytes) -> DeadLetter:
    fields = _fields(message)
    args: Sequence[Any] = fields.get("args") or ()
    options = fields.get("options") or {}
    return DeadLetter(
        queue=stage.value,
        id=id_.decode(),
        actor=str(fields.get("actor_name", "?")),
        job_id=str(args[0]) if args else None,
        image_no=args[1] if len(args) > 1 and isinstance(args[1], int) else None,
        retries=int(options.get("retries", 0)),
        died_at=datetime.fromtimestamp(at_ms / 1000, UTC),
        traceback=options.get("traceback"),
        message=message,
    )


def _fields(message: bytes) -> dict[str, Any]:
    """What the message says; nothing where it is no message of Dramatiq's."""
    try:
        fields = json.loads(message)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _as_new(letter: DeadLetter) -> bytes:
    fields = _fields(letter.message)
    if not fields:
        return letter.message
    options = {name: value for name, value in fields["options"].items() if name not in _OF_THE_LAST_TRY}
    fields |= {"queue_name": letter.queue, "options": options | {"retries": 0}}
    return json.dumps(fields, separators=(",", ":")).encode()
