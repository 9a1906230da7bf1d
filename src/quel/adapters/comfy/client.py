"""The calls to one ComfyUI server: over HTTP alone, each with a deadline and a bound, none raises.

No WebSocket: one client that stops reading blocks the events of all. Addresses and credentials stay here;
whoever speaks of a server names it by its name.
"""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx

from quel.adapters.bounded_http import AnswerTooLargeError, bounded_client
from quel.adapters.http_settings import header_secret, http_url
from quel.core.comfy.answers import File, Stand, Standing, listed, read_json, seconds_of, standing_of_history
from quel.core.outcome import PictureBytes
from quel.settings_file import ServerSection

ASK_S = 5.0
"""The deadline of a question."""

SEND_S = 30.0
"""The deadline of what moves a picture."""

FOLDER = "quel"
CLIENT_ID = "quel"  # without one, servers before 0.19 leave cached outputs out of their history

_MOST_TOLD_BYTES = 32 * 1024 * 1024  # /queue carries every waiting graph whole: 8 kB each
_MOST_PICTURE_BYTES = 64 * 1024 * 1024
_OK, _NOT_FOUND, _BROKEN = 200, 404, 500

UNTOLD = -1
"""The load of a server that answers and does not tell it."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: bytes
    retry_after: str | None = None

    @property
    def pause(self) -> timedelta | None:
        """For how long the server asks to be left alone."""
        return seconds_of(self.retry_after)

    def json(self) -> Any:
        """The body as JSON, None where it is none."""
        return read_json(self.body)


@dataclass(frozen=True)
class NoAnswer:
    """None came; `was_refused`: no connection was made, so nothing can have arrived.

    `is_too_large`: one came, and is larger than any that is wanted.
    """

    was_refused: bool = False
    is_too_large: bool = False


class ComfyClient:
    """One server's. Thread-safe; made after the fork. Raises SettingsError for an address that is none."""

    def __init__(self, server: ServerSection, secret: str, *, connections: int) -> None:
        self.name = server.name
        url = http_url(server.url, f'The url of the ComfyUI server "{server.name}"').rstrip("/")
        self._url = url.removesuffix("/api") + "/api"
        self._headers = _headers(server, secret)
        self._ask = bounded_client(
            timeout_s=ASK_S, max_answer_bytes=_MOST_TOLD_BYTES, max_connections=connections
        )
        self._send = bounded_client(
            timeout_s=SEND_S, max_answer_bytes=_MOST_PICTURE_BYTES, max_connections=connections
        )
        self._knows_jobs = True

    def submit(self, graph: dict[str, Any], prompt_id: str, output: str) -> Answer | NoAnswer:
        """Hands a prompt over; the server runs an id that it is given twice twice."""
        body = {
            "prompt": graph,
            "prompt_id": prompt_id,
            "client_id": CLIENT_ID,
            "partial_execution_targets": [output],
        }
        return self._request(self._send, "POST", "/prompt", json=body)

    @property
    def asks_cheaply(self) -> bool:
        """Whether the server tells of one prompt: the older ones send all that wait, with their graphs."""
        return self._knows_jobs

    def standing(self, prompt_id: str) -> Standing:
        """Where a prompt stands."""
        if self._knows_jobs:
            answer = self._request(self._ask, "GET", f"/jobs/{prompt_id}")
            told = answer.json() if isinstance(answer, Answer) else None
            if isinstance(answer, Answer) and answer.status == _NOT_FOUND and not isinstance(told, dict):
                self._knows_jobs = False  # before 0.6
            elif isinstance(answer, Answer) and answer.status == _NOT_FOUND:
                return Standing.of(Stand.ABSENT)
            else:
                return self._standing_of_job(prompt_id, answer, told)
        queue = self._request(self._ask, "GET", "/queue")  # first: what moves to the history moves at once
        told = queue.json() if isinstance(queue, Answer) and queue.status == _OK else None
        if not isinstance(told, dict):
            return Standing.of(Stand.SILENT)
        for key, stand in (("queue_running", Stand.RUNNING), ("queue_pending", Stand.PENDING)):
            if prompt_id in _ids(told.get(key)):
                return Standing.of(stand)
        return self._history(prompt_id)

    def _standing_of_job(self, prompt_id: str, answer: Answer | NoAnswer, told: Any) -> Standing:
        if not isinstance(answer, Answer) or answer.status != _OK or not isinstance(told, dict):
            return Standing.of(Stand.SILENT)
        match told.get("status"):
            case "pending":
                return Standing.of(Stand.PENDING)
            case "in_progress":
                return Standing.of(Stand.RUNNING)
            case _:
                return self._history(prompt_id)

    def _history(self, prompt_id: str) -> Standing:
        answer = self._request(self._ask, "GET", f"/history/{prompt_id}")
        told = answer.json() if isinstance(answer, Answer) and answer.status == _OK else None
        if not isinstance(told, dict):
            return Standing.of(Stand.SILENT)
        return standing_of_history(told.get(prompt_id))

    def running(self) -> frozenset[str] | None:
        """The ids of the prompts that run, everybody's; None where the server does not tell."""
        answer = self._request(self._ask, "GET", "/queue")
        told = answer.json() if isinstance(answer, Answer) and answer.status == _OK else None
        return frozenset(_ids(told.get("queue_running"))) if isinstance(told, dict) else None

    def own(self) -> Mapping[str, bool]:
        """The prompts of quel's that are there, and whether each runs; none where it does not tell."""
        answer = self._request(self._ask, "GET", "/queue")
        told = answer.json() if isinstance(answer, Answer) and answer.status == _OK else None
        if not isinstance(told, dict):
            return {}
        waiting, running = (_ids(told.get(key), ours=True) for key in ("queue_pending", "queue_running"))
        return dict.fromkeys(waiting, False) | dict.fromkeys(running, True)

    def load(self) -> int | None:
        """The prompts that run or wait, everybody's; None where nobody answers, UNTOLD where one refuses.

        What refuses (a wrong credential, something that is no ComfyUI) says so to a prompt as well.
        """
        answer = self._request(self._ask, "GET", "/prompt")
        if not isinstance(answer, Answer) or answer.status >= _BROKEN:
            return None
        told = answer.json() if answer.status == _OK else None
        info = told.get("exec_info") if isinstance(told, dict) else None
        remaining = info.get("queue_remaining") if isinstance(info, dict) else None
        return remaining if isinstance(remaining, int) else UNTOLD

    def cancel(self, prompt_id: str) -> None:
        """Takes a prompt out of the queue or interrupts it; nobody else's is ever touched."""
        answer = self._request(self._ask, "POST", f"/jobs/{prompt_id}/cancel", json={})
        if isinstance(answer, Answer) and answer.status == _OK:
            return
        self._request(self._ask, "POST", "/queue", json={"delete": [prompt_id]})
        self._request(self._ask, "POST", "/interrupt", json={"prompt_id": prompt_id})

    def forget(self, prompt_id: str) -> None:
        """Drops a prompt's entry, which holds the customer's words; its file stays."""
        self._request(self._ask, "POST", "/history", json={"delete": [prompt_id]})

    def free(self) -> None:
        """Has the server give its memory back."""
        self._request(self._ask, "POST", "/free", json={"unload_models": True, "free_memory": True})

    def view(self, file: File) -> Answer | NoAnswer:
        """A picture's bytes."""
        where = {"filename": file.filename, "subfolder": file.subfolder, "type": file.type}
        return self._request(self._send, "GET", "/view", params=where)

    def upload(self, picture: PictureBytes, name: str) -> str | Answer | NoAnswer:
        """Puts a picture into the folder of inputs; what a node loads it by, which may be another name."""
        answer = self._request(
            self._send,
            "POST",
            "/upload/image",
            files={"image": (name, picture.data, picture.mime_type)},
            data={"type": "input", "subfolder": FOLDER},
        )
        told = answer.json() if isinstance(answer, Answer) and answer.status == _OK else None
        if not isinstance(told, dict) or not told.get("name"):
            return answer
        folder, kind = str(told.get("subfolder") or "").strip("/"), told.get("type", "input")
        path = f"{folder}/{told['name']}" if folder else str(told["name"])
        return path if kind == "input" else f"{path} [{kind}]"

    def object_info(self, class_type: str) -> Answer | NoAnswer:
        """What /object_info says of a class."""
        return self._request(self._ask, "GET", f"/object_info/{quote(class_type, safe='')}")

    def node_class(self, class_type: str) -> dict[str, Any] | None:
        """That as it was meant: empty where the server has no such class, None where it does not tell."""
        answer = self.object_info(class_type)
        told = answer.json() if isinstance(answer, Answer) and answer.status == _OK else None
        found = told.get(class_type, {}) if isinstance(told, dict) else None
        return found if isinstance(found, dict) else None

    def system(self) -> Answer | NoAnswer:
        """What /system_stats says."""
        return self._request(self._ask, "GET", "/system_stats")

    def close(self) -> None:
        """Closes the connections."""
        self._ask.close()
        self._send.close()

    def _request(self, client: httpx.Client, method: str, path: str, **content: Any) -> Answer | NoAnswer:
        try:
            answer = client.request(method, self._url + path, headers=self._headers, **content)
        except httpx.ConnectError:
            return NoAnswer(was_refused=True)
        except AnswerTooLargeError:
            return NoAnswer(is_too_large=True)
        except (httpx.TransportError, httpx.InvalidURL):  # it holds request and credential: only read here
            return NoAnswer()
        return Answer(answer.status_code, answer.content, answer.headers.get("retry-after"))


def _headers(server: ServerSection, secret: str) -> dict[str, str]:
    if server.auth == "none":
        return {}
    secret = header_secret(secret, server.secret)
    match server.auth.partition(":"):
        case ("bearer", _, _):
            return {"Authorization": f"Bearer {secret}"}
        case ("basic", _, _):
            return {"Authorization": f"Basic {b64encode(secret.encode()).decode()}"}
        case (_, _, name):
            return {name: secret}


def _ids(items: Any, *, ours: bool = False) -> set[str]:
    """The ids of a list of /queue, everybody's or ours; an item is [number, id, graph, extra_data, …]."""
    entries = (item for item in listed(items) if isinstance(item, list) and len(item) > 1)
    return {str(item[1]) for item in entries if not ours or _is_ours(item)}


def _is_ours(item: list[Any]) -> bool:
    extra = item[3] if len(item) > 3 else None
    return isinstance(extra, dict) and extra.get("client_id") == CLIENT_ID
