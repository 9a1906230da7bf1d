"""`make live`: makes one image through the real provider, and keeps request and answer for the next release.

Needs GEMINI_API_KEY in the environment and asks before it spends; GEMINI_MODEL, GEMINI_BASE_URL and
GEMINI_API_VERSION are those of the settings. What was sent and what came back is written to live-output/,
with pictures, signatures and the key cut out. Exit code 0 for a picture or a no, 1 for anything else that the
provider answered, 2 without a key.
"""

import io
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from quel.adapters.bounded_http import BoundedTransport
from quel.adapters.gemini import GeminiEngine
from quel.adapters.gemini.engine import GEMINI_URL
from quel.core.aspect import AspectRatio
from quel.core.errors import SettingsError
from quel.core.outcome import GenerateRequest, Made, Outcome, PictureBytes
from quel.environment import settings
from quel.settings import Settings

OUTPUT = Path(__file__).parents[2] / "live-output"
PROMPT = "One photograph of a plain ceramic cup in the colour of image 1, on a wooden table, soft daylight."
TIMEOUT_S = 120.0
MAX_ANSWER_BYTES = 64 * 1024 * 1024
LONGEST_KEPT = 400  # characters of a text: nobody reads a picture, and signatures are the account's


class RecordingTransport(httpx.BaseTransport):
    """Passes on, and keeps the last exchange as JSON without headers of the request."""

    def __init__(self, transport: httpx.BaseTransport) -> None:
        self._transport = transport
        self.exchange: dict[str, Any] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        sent = request.read()
        answer = self._transport.handle_request(request)
        self.exchange = {
            "request": {"method": request.method, "path": request.url.path, "body": readable(sent)},
            "answer": {
                "status": answer.status_code,
                "headers": dict(answer.headers),
                "body": readable(answer.read()),
            },
        }
        return answer

    def close(self) -> None:
        self._transport.close()


def readable(body: bytes) -> Any:
    """The JSON of a body, or its text, with everything long cut out."""
    try:
        return cut(json.loads(body))
    except ValueError:
        return cut(body.decode(errors="replace"))


def cut(value: Any) -> Any:
    """The same value, in which each long text tells only its length."""
    if isinstance(value, dict):
        return {name: cut(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [cut(inner) for inner in value]
    if isinstance(value, str) and len(value) > LONGEST_KEPT:
        return f"({len(value)} characters cut out)"
    return value


def main(ask: Callable[[str], str] = input, folder: Path = OUTPUT) -> int:
    """Asks, buys, keeps."""
    chosen = settings()
    try:
        chosen.require("GEMINI_API_KEY")
    except SettingsError as error:
        print(error)
        return 2
    recorder = RecordingTransport(BoundedTransport(TIMEOUT_S, MAX_ANSWER_BYTES, 1))
    engine = _engine(chosen, recorder)
    where = httpx.URL(chosen.gemini_base_url or GEMINI_URL).host
    what = f"one image of {engine.model.id} at {where} for about ${engine.model.price_usd}"
    if ask(f"This buys {what}. Go on? [y/N] ").strip().lower() not in ("y", "yes"):
        print("Nothing was bought.")
        return 0
    outcome = engine.generate(GenerateRequest(PROMPT, (_reference(),), AspectRatio(1, 1), 7))
    engine.close()
    print(f"{_told(outcome)} Kept in {_keep(recorder.exchange, folder, chosen)}.")
    return 0 if isinstance(outcome, Made) else 1


def _engine(chosen: Settings, transport: httpx.BaseTransport) -> GeminiEngine:
    return GeminiEngine(
        api_key=chosen.gemini_api_key,
        model=chosen.gemini_model,
        base_url=chosen.gemini_base_url,
        api_version=chosen.gemini_api_version,
        timeout_s=TIMEOUT_S,
        transport=transport,
    )


def _reference() -> PictureBytes:
    buffer = io.BytesIO()
    Image.new("RGB", (256, 256), (40, 90, 160)).save(buffer, "PNG")
    return PictureBytes(buffer.getvalue(), "image/png")


def _told(outcome: Outcome) -> str:
    if isinstance(outcome, Made):
        return f"A picture came: {outcome.picture.mime_type}, {len(outcome.picture.data)} bytes."
    return f"No picture came: {outcome!r}."


def _keep(exchange: dict[str, Any], folder: Path, chosen: Settings) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{chosen.gemini_model}.json"
    text = json.dumps(exchange, indent=2, ensure_ascii=False).replace(chosen.gemini_api_key.strip(), "(key)")
    file.write_text(text + "\n", encoding="utf-8")
    return file


if __name__ == "__main__":
    sys.exit(main())
