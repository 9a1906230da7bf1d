"""Why Storage refuses, and whose it is to mend. Pure.

Read from Storage's own `code`, `error` and `message`, which stay here: they may quote what was sent. A
reference that is not there, or a key that no object can have, is the picture's matter; a key, bucket, plan or
address that is refused is an operator's, and what waits for it is kept meanwhile.
"""

import json
import re
from enum import Enum

_ACCESS = re.compile(
    r"jw[ste]\b|signature|token|api ?key|unauthori[sz]ed|not authori[sz]ed|permission|row-level|accessdenied"
)


class Refusal(Enum):
    """A cause, with the sentence's end that tells an operator what to check."""

    NO_OBJECT = "there is no such object"
    BAD_KEY = "no object may have this name"
    ACCESS = "the key is refused: an operator must check SUPABASE_SERVICE_KEY and the bucket's policies"
    NO_BUCKET = "there is no such bucket: an operator must check SUPABASE_BUCKET"
    TYPE = "the bucket takes no image/webp: an operator must add it to the bucket's allowed MIME types"
    SIZE = "it is larger than the bucket or a gateway takes: an operator must raise the file size limit"
    QUOTA = "the project is over its quota or unpaid: an operator must look at its plan"
    ADDRESS = "the address is not Storage's: an operator must check SUPABASE_URL"
    OTHER = "for a reason that is new to quel: an operator must look at Storage's own log"


FOR_THE_OPERATOR = frozenset({Refusal.ACCESS, Refusal.NO_BUCKET, Refusal.QUOTA, Refusal.ADDRESS})
"""Refusals of a read that say nothing about the object."""

NO_SUCH_OBJECT = frozenset({Refusal.NO_OBJECT, Refusal.BAD_KEY})
"""Refusals of a read that another reading of the path may not meet."""


def read_refusal(status: int, body: bytes) -> Refusal:
    """Why a request was refused. `status` is the verdict's: the body's where it has one, else HTTP's."""
    words = _words(body)
    if "nosuchbucket" in words or "bucket not found" in words:
        return Refusal.NO_BUCKET
    if "invalidkey" in words or "invalid key" in words:
        return Refusal.BAD_KEY
    if status == 415 or "invalidmimetype" in words or "mime type" in words:
        return Refusal.TYPE
    if status == 413 or "entitytoolarge" in words:
        return Refusal.SIZE
    if status == 402:
        return Refusal.QUOTA
    if status in (401, 403) or (status != 404 and _ACCESS.search(words)):
        return Refusal.ACCESS
    if status == 404:
        return Refusal.NO_OBJECT
    return Refusal.ADDRESS if status < 400 or status == 405 else Refusal.OTHER


def _words(body: bytes) -> str:
    try:
        error = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(error, dict):
        return ""
    return " ".join(str(error.get(name, "")) for name in ("code", "error", "message")).lower()
