"""Why Storage refuses, and whose it is to mend. Pure.

Read from Storage's own `code`, `error` and `message`, which stay here: they may quote what was sent. A
reference that is not there, or a key that no object can have, is the picture's matter; a key, bucket, plan or
address that is refused is an operator's, and what waits for it is kept meanwhile.
"""

import json
import re
from enum import Enum

from quel.core.errors import Misconfigured

_ACCESS = re.compile(
    r"jw[ste]\b|signature|token|api ?key|unauthori[sz]ed|not authori[sz]ed|authorization|permission|row-level"
    r"|access ?denied|access ?key|invalid algorithm"
)
_NO_ROUTE = re.compile(r"\broute (?:get|post|put|delete|head):\S* not found|\bno route matched|\btenant")
_NO_OBJECT = re.compile(r"nosuchkey|\b(?:object|key) (?:was )?not found|key does not exist")
_UNPAID = re.compile(r"\bproject\b.{0,40}\b(?:paused|restricted|suspended)")


class Refusal(Enum):
    """A cause: its fixed name, and the end of a sentence that tells an operator what to check."""

    NO_OBJECT = ("no_object", "there is no such object")
    BAD_KEY = ("bad_key", "no object may have this name")
    ACCESS = (
        "access",
        "the key is refused: an operator must check SUPABASE_SERVICE_KEY and the bucket's policies",
    )
    NO_BUCKET = ("no_bucket", "there is no such bucket: an operator must check SUPABASE_BUCKET")
    TYPE = (
        "type",
        "the bucket takes no image/webp: an operator must add it to the bucket's allowed MIME types",
    )
    SIZE = (
        "size",
        "it is larger than the bucket or a gateway takes: an operator must raise the file size limit",
    )
    QUOTA = ("quota", "the project is over its quota or unpaid: an operator must look at its plan")
    ADDRESS = ("address", "the address is not Storage's: an operator must check SUPABASE_URL")
    OTHER = ("other", "for a reason that is new to quel: an operator must look at Storage's own log")

    def __init__(self, fault: str, told: str) -> None:
        self.fault = fault
        self.told = told


_CODES = {
    # Storage's own codes, as its releases name them; in lower case.
    "nosuchkey": Refusal.NO_OBJECT,
    "invalidkey": Refusal.BAD_KEY,
    "nosuchbucket": Refusal.NO_BUCKET,
    "invalidbucketname": Refusal.NO_BUCKET,
    "invalidmimetype": Refusal.TYPE,
    "entitytoolarge": Refusal.SIZE,
    "invalidjwt": Refusal.ACCESS,
    "accessdenied": Refusal.ACCESS,
    "expiredtoken": Refusal.ACCESS,
    "invalidsignature": Refusal.ACCESS,
    "signaturedoesnotmatch": Refusal.ACCESS,
    "s3invalidaccesskeyid": Refusal.ACCESS,
    "tenantnotfound": Refusal.ADDRESS,
}

NO_SUCH_OBJECT = frozenset({Refusal.NO_OBJECT, Refusal.BAD_KEY})
"""The refusals of a read that speak of the object; every other is the operator's."""


def read_refusal(status: int, body: bytes) -> Refusal:
    """Why a request was refused. `status` is that of a StorageAnswer."""
    error = _error(body)
    by_code = _CODES.get(str(error.get("code", "")).lower())
    if by_code is not None:
        return by_code
    words = " ".join(str(error.get(name, "")) for name in ("code", "error", "message")).lower()
    return _by_words(status, words) or _by_status(status)


def for_the_operator(what: str, status: int, why: Refusal, limit: str = "") -> Misconfigured:
    """The error that says what was refused and what to check; `limit` is a further sentence."""
    return Misconfigured(
        f"Storage refuses {what} ({status}): {why.told}.{limit}", fault=f"storage_{why.fault}"
    )


def _by_words(status: int, words: str) -> Refusal | None:
    """Older releases, the parts of a body that have no code, and what stands in front."""
    if _UNPAID.search(words):
        return Refusal.QUOTA
    if re.search("nosuchbucket|bucket not found|bucket does not exist", words):
        return Refusal.NO_BUCKET
    if re.search("invalidkey|invalid key|name is invalid", words):
        return Refusal.BAD_KEY
    if _NO_OBJECT.search(words):
        return Refusal.NO_OBJECT
    if "invalid_mime_type" in words or "mime type" in words:
        return Refusal.TYPE
    if _NO_ROUTE.search(words):
        return Refusal.ADDRESS
    return Refusal.ACCESS if status not in (402, 404, 413, 415) and _ACCESS.search(words) else None


def _by_status(status: int) -> Refusal:
    known = {
        401: Refusal.ACCESS,
        402: Refusal.QUOTA,
        403: Refusal.ACCESS,
        404: Refusal.NO_OBJECT,
        405: Refusal.ADDRESS,
        410: Refusal.NO_OBJECT,
        413: Refusal.SIZE,
        414: Refusal.BAD_KEY,
        415: Refusal.TYPE,
    }
    return known.get(status, Refusal.ADDRESS if status < 400 else Refusal.OTHER)


def _error(body: bytes) -> dict[str, object]:
    try:
        error = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return error if isinstance(error, dict) else {}
