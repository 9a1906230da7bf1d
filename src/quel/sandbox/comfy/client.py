"""`Comfy`: starts a server that speaks ComfyUI's wire and shows what it ran."""

from typing import Any

from quel.sandbox.comfy.simulator import ComfySimulator
from quel.sandbox.simulator import Client


class Comfy(Client):
    """One server on loopback. The options are those of ComfyOptions."""

    def __init__(self, *, in_process: bool = False, **options: Any) -> None:
        super().__init__(ComfySimulator, options, in_process=in_process)

    def configure(self, **options: Any) -> None:
        """Changes options until the next reset."""
        self.control("configure", **options)

    def restart(self) -> None:
        """Queue and history are empty, files stay."""
        self.control("restart")

    def runs(self) -> list[dict[str, Any]]:
        """Every execution that began, in order: prompt_id, graph, began_at, ended_at, beside, fault."""
        found: list[dict[str, Any]] = self.control("runs")
        return found

    def calls(self, operation: str = "") -> list[dict[str, Any]]:
        """The requests that came, of one operation (the path's first part; `load` for GET /prompt) or all."""
        calls: list[dict[str, Any]] = self.control("calls", since=0)
        return [call for call in calls if operation in ("", call["operation"])]

    def files(self) -> list[tuple[str, str, str]]:
        """(type, subfolder, name) of every file."""
        return [tuple(key) for key in self.control("files")]

    def drop_files(self) -> None:
        """Somebody empties the folders."""
        self.control("drop_files")

    def queue(self) -> dict[str, Any]:
        """What runs and waits."""
        found: dict[str, Any] = self.control("queue")
        return found

    def submit_foreign(self, seconds: float) -> str:
        """Somebody else's prompt, which takes so long; its id."""
        prompt_id: str = self.control("submit_foreign", seconds=seconds)
        return prompt_id

    def take_back(self, prompt_id: str) -> None:
        """Somebody ends a prompt."""
        self.control("take_back", prompt_id=prompt_id)
