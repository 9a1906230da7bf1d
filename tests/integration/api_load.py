"""Many who order and watch at once, while the server they ask is killed or restarted."""

import json
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from tests.integration import plain_http
from tests.integration.api_world import Api
from tests.integration.harness import PATIENCE_S, until


def submit_under_kills(
    api: Api, rows: Mapping[str, Any], *, times: int, threads: int, kills: int
) -> dict[str, set[str]]:
    """Submits each row under its key so many times, and kills the server in between; the ids by key."""
    left = [key for key in rows for _ in range(times)]  # one key's are under way side by side
    step = len(left) // (kills + 1)
    lock = threading.Lock()
    made: dict[str, set[str]] = {}

    def submit() -> None:
        while True:
            with lock:
                if not left:
                    return
                key = left.pop()
            headers = {"Idempotency-Key": key}
            while (answer := _asked(api, rows[key], headers)) is None or answer.status_code != 201:
                assert answer is None or answer.status_code in (409, 503), answer.text
                time.sleep(0.05)
            with lock:
                made.setdefault(key, set()).add(answer.json()["job_id"])

    with ThreadPoolExecutor(threads) as pool:
        asked = [pool.submit(submit) for _ in range(threads)]
        try:
            for number in range(kills, 0, -1):
                until(lambda number=number: len(left) < number * step, "some are submitted")  # type: ignore[misc]
                api.process.kill()
                api.start()
        finally:
            for each in asked:
                each.result(PATIENCE_S)
    return made


def _asked(api: Api, row: Any, headers: Mapping[str, str]) -> httpx.Response | None:
    try:
        answer: httpx.Response = api.ask("POST", "/api/v1/jobs", json=row, headers=headers)
    except httpx.TransportError:
        return None
    return answer


class Watcher(threading.Thread):
    """Listens to a job's stream, and comes again whenever it is cut off, until its end."""

    def __init__(self, api: Api, job: Any, role: str = "client") -> None:
        super().__init__(daemon=True)
        self.api, self.job, self.role = api, job, role
        self.names: list[str] = []
        self.end: Any = None
        self.ended_at = 0.0

    def run(self) -> None:
        """Until the end is told."""
        while self.end is None:
            try:
                self._listen()
            except httpx.TransportError:
                time.sleep(0.2)

    def _listen(self) -> None:
        address = f"{self.api.url}/api/v1/jobs/{self.job}/events"
        with plain_http.stream("GET", address, headers=self.api.as_(self.role), timeout=30) as answer:
            name = ""
            for line in answer.iter_lines():
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                    self.names.append(name)
                if line.startswith("data: ") and name == "end":
                    self.end, self.ended_at = json.loads(line.removeprefix("data: ")), time.time()
