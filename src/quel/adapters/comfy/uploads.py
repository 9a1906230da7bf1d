"""The pictures of a take at its server: each content once a server, under its digest, never overwritten."""

import hashlib
from datetime import timedelta

from quel.adapters.comfy.client import Answer, NoAnswer
from quel.adapters.comfy.take import Take
from quel.core.comfy.answers import KEY_REFUSED, NOT_COMFYUI
from quel.core.outcome import Outcome, PictureBytes, Postponed, QuotaScope, Refused, Transient, Wait

_SUFFIXES = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}


def upload(take: Take) -> list[str] | Outcome:
    """What the server calls each picture, in sending order; or why it has not got them."""
    names = []
    for picture in take.request.pictures:
        digest = _digest(picture)
        name = take.servers.file(take.server, digest)
        if name is None:
            suffix = _SUFFIXES.get(picture.mime_type, "png")
            answer = take.client.upload(picture, f"{digest}.{suffix}")
            if not isinstance(answer, str):
                return _not_uploaded(take, answer)
            name = answer
            take.servers.note_file(take.server, digest, name)
        names.append(name)
    return names


def forget_uploads(take: Take) -> None:
    """The server has not got them, or cannot read them: the next take sends them anew."""
    for picture in take.request.pictures:
        take.servers.note_file(take.server, _digest(picture), None)


def _digest(picture: PictureBytes) -> str:
    return hashlib.sha256(picture.data).hexdigest()


def _not_uploaded(take: Take, answer: Answer | NoAnswer) -> Outcome:
    match answer:
        case Answer(status=401 | 403):
            return KEY_REFUSED
        case Answer(status=200 | 404 | 405):
            return NOT_COMFYUI
        case Answer(status=400):
            return Refused("upload_refused", take.told("takes no picture of quel's"), account=True)
        case Answer(status=413):
            return Refused("request_too_large", take.told("takes no picture of that size"))
        case Answer(status=429 | 503):
            return Wait(QuotaScope.UNKNOWN, answer.pause or timedelta(0))
        case Answer(status=500):
            return Transient("server_error", take.told("broke over a picture"))
        case _:
            take.servers.silent(take.server)
            return Postponed("server_down", take.told("cannot be reached"), 0.0)
