"""The one error the sandbox raises on purpose."""

from quel.core.errors import QuelError


class SandboxError(QuelError):
    """A part of the sandbox could not be started or did not answer; the message says which and why."""

    code = "sandbox"
