"""A simulator in a process of its own, so that a benchmark does not share its interpreter with it.

Run as `python -m quel.sandbox.simulator_child <parent pid>`; ends when the parent is gone.
"""

from importlib import import_module

from quel.sandbox.http_server import LoopbackServer
from quel.sandbox.servers.parent_watch import answer_parent, parent_requests


def main() -> None:
    """Serves the simulator that the first request names until the pipe closes."""
    requests = parent_requests()
    for request in requests:
        module, name = request["factory"].split(":")
        server = LoopbackServer(getattr(import_module(module), name)(**request["options"]))
        server.start()
        answer_parent(url=server.url)


if __name__ == "__main__":
    main()
