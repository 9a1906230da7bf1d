"""Answers nobody sends on purpose: real ones with values replaced, bytes flipped, cut, spliced, wrapped."""

import base64
import gzip
import io
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PIL import Image

from quel.sandbox.faults import Fault
from quel.sandbox.gemini import faults as gemini_faults
from tests.unit.provider_answers import NAMES, answer_named

STATUSES = (*[200] * 6, 201, 204, 302, 400, 401, 402, 403, 404, 408, 413, 429, 429, 500, 502, 503, 504, 599)
RETRY_AFTERS = (None, None, "7", "-1", "1e9", "soon", "Wed, 21 Oct 2099 07:28:00 GMT", "Wed,", "9" * 400)


@dataclass(frozen=True)
class HostileAnswer:
    """What the provider would send."""

    status: int
    body: bytes
    headers: dict[str, str]


def _picture(kind: str) -> str:
    buffer = io.BytesIO()
    Image.effect_noise((24, 16), 80).convert("RGB").save(buffer, kind)
    return base64.b64encode(buffer.getvalue()).decode()


_PICTURES = tuple(_picture(kind) for kind in ("PNG", "JPEG", "WEBP", "GIF"))

_FAULTS: tuple[Fault, ...] = (
    gemini_faults.quota_minute(), gemini_faults.quota_day(), gemini_faults.quota_bare(),
    gemini_faults.no_quota(), gemini_faults.spending_cap(), gemini_faults.unknown_field(),
    gemini_faults.api_key_rejected(), gemini_faults.failed_precondition(),
    gemini_faults.server_error(503), gemini_faults.permission_denied(),
    gemini_faults.blocked_prompt(), gemini_faults.finished_for("IMAGE_SAFETY"), gemini_faults.text_only(),
)  # fmt: skip

_VALUES: tuple[Callable[[random.Random], Any], ...] = (
    lambda _: None,
    lambda _: {},
    lambda _: [],
    lambda _: "",
    lambda dice: dice.choice([True, 0, -1, 429, 10**400, 1.5e308, float("nan")]),
    lambda dice: "".join(chr(dice.choice([0, 9, 34, 92, 0x1F600, 0xD800, 0x202E, 65])) for _ in range(20)),
    lambda dice: dice.choice(_PICTURES),
    lambda dice: dice.choice(_PICTURES)[: dice.randrange(200)],
    lambda dice: json.dumps({"error": {"code": dice.choice([400, 429, "x"]), "message": "limit: 0"}}),
    lambda dice: "{" * dice.randrange(2_000),
    lambda dice: "retry in " + "9" * dice.randrange(1, 400) + dice.choice(["s", "h", "ms", "days", ""]),
)


def hostile_answer(dice: random.Random) -> HostileAnswer:
    """One answer, decided by the dice alone."""
    body = _body(dice)
    for _ in range(dice.choice([0, 0, 1, 3])):
        body = dice.choice(_BYTE_CHANGES)(dice, body)
    body = dice.choice(_WRAPPINGS)(body)
    headers = {"retry-after": value} if (value := dice.choice(RETRY_AFTERS)) is not None else {}
    return HostileAnswer(dice.choice(STATUSES), body, headers)


def _body(dice: random.Random) -> bytes:
    match dice.randrange(4):
        case 0:
            return answer_named(dice.choice(NAMES)).body
        case 1:
            value = json.loads(dice.choice(_FAULTS).body)
        case 2:
            value = _answer(dice)
        case _:
            return dice.randbytes(dice.randrange(400))
    for _ in range(dice.choice([0, 1, 1, 4])):
        _replace_somewhere(dice, value)
    return json.dumps(value).encode(errors="surrogatepass")


def _answer(dice: random.Random) -> dict[str, Any]:
    parts: list[dict[str, Any]] = []
    for _ in range(dice.randrange(5)):
        label = dice.choice(["image/png", "", None, "text/html"])
        picture = {"inlineData": {"mimeType": label, "data": dice.choice(_PICTURES)}}
        parts.append(dice.choice([{"text": "Here."}, picture, picture | {"thought": True}]))
    reason = dice.choice(["STOP", "SAFETY", "NEW"])
    return {"candidates": [{"content": {"parts": parts}, "finishReason": reason}]}


def _replace_somewhere(dice: random.Random, value: Any) -> None:
    """Walks down at random and puts a hostile value in the place of what stands there."""
    while isinstance(value, dict | list) and value:
        key = dice.choice(list(value) if isinstance(value, dict) else range(len(value)))
        if dice.random() < 0.3 or not isinstance(value[key], dict | list):
            value[key] = dice.choice(_VALUES)(dice)
            return
        value = value[key]


def _flip(dice: random.Random, body: bytes) -> bytes:
    changed = bytearray(body or b"?")
    changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def _splice(dice: random.Random, body: bytes) -> bytes:
    at = dice.randrange(len(body) + 1)
    inserted = dice.choice([b"\x00", b"\xff\xfe", b"\n\n", b'"}', b"data: ", body[: len(body) // 2]])
    return body[:at] + inserted + body[at:]


_BYTE_CHANGES: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    _flip,
    _splice,
    lambda dice, body: body[: dice.randrange(len(body) + 1)],
)

_WRAPPINGS: tuple[Callable[[bytes], bytes], ...] = (
    lambda body: body,
    lambda body: body,
    lambda body: b"[" + body + b"]",
    lambda body: b"\xef\xbb\xbf" + body,
    lambda body: b"event: x\ndata: " + body + b"\n\ndata: [DONE]\n\n",
    gzip.compress,
    lambda body: gzip.compress(body)[:-5],
    lambda body: b"[" * 3_000 + body,
    lambda body: json.dumps({"error": {"message": body.decode(errors="replace"), "code": 400}}).encode(),
    lambda body: body.decode(errors="replace").encode("utf-16", errors="replace"),
)
