"""Reads a call that got no answer, or one that cannot be unpacked: all of these may go well next time."""

import httpx

from quel.adapters.bounded_http import AnswerTooLargeError, UnreadableAnswerError
from quel.core.outcome import Broken, Transient


def judge_transport_error(error: httpx.TransportError, timeout_s: float) -> Transient | Broken:
    """What a failed call comes to. Only the error's class is read: it holds the request and the API key."""
    match error:
        case httpx.TimeoutException():
            return Transient("timeout", f"Gemini did not answer within {timeout_s:g} s.")
        case AnswerTooLargeError():
            return Broken("answer_too_large", "Gemini's answer was larger than any picture should be.")
        case UnreadableAnswerError():
            return Broken("packed_answer", "Gemini's answer was packed in a way that cannot be undone.")
        case httpx.ConnectError():
            return Transient("unreachable", "Gemini could not be reached.")
        case _:
            return Transient("connection_broken", "The connection to Gemini broke.")
