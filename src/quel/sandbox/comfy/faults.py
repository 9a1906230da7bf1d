"""What goes wrong inside an execution; answers that go wrong on their way are `quel.sandbox.faults`.

Give them to an execution: `comfy.fail_next(faults.black(), operation="execute")`.
"""

from quel.sandbox.faults import Fault

EXECUTE = "execute"


def black() -> Fault:
    """A success with a picture that is black: what a sampler makes of numbers that are none."""
    return Fault("black", shape="black")


def truncated() -> Fault:
    """The file ends in the middle."""
    return Fault("truncated", shape="truncated")


def no_output() -> Fault:
    """A success without a picture."""
    return Fault("no_output", shape="no_output")


def no_file() -> Fault:
    """A success whose file is gone."""
    return Fault("no_file", shape="no_file")


def batch() -> Fault:
    """Two pictures in place of one."""
    return Fault("batch", shape="batch")


def node_error(exception_type: str = "ValueError", message: str = "", *, node: str = "") -> Fault:
    """A node raises; `{prompt}` in the message stands for the customer's words, `node` is who does."""
    return Fault("node_error", shape="node_error", body=f"{exception_type}\n{node}\n{message}")


def out_of_memory() -> Fault:
    """The GPU has not got the memory."""
    return node_error("torch.OutOfMemoryError", "Allocation on device 0 would exceed allowed memory.\nTip: …")


def dies() -> Fault:
    """The one worker thread dies: from now on prompts are accepted and none is run."""
    return Fault("dies", shape="dies")


def restarts() -> Fault:
    """The server restarts in the middle of it: queue and history are empty, files stay."""
    return Fault("restarts", shape="restarts")


def restarts_after() -> Fault:
    """The server restarts when the file is written."""
    return Fault("restarts_after", shape="restarts_after")


def deaf() -> Fault:
    """A node that never looks whether it was interrupted."""
    return Fault("deaf", shape="deaf")
