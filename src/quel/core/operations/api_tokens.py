"""Who may call the HTTP API: tokens by the hash of what was handed out, so that the file betrays none."""

import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from quel.core.errors import InvalidInput
from quel.core.fetch_job import as_uuid

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_OWN_NAMES = frozenset({"legacy", "local"})
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Role(StrEnum):
    """What a token's holder may do: look; order, look, cancel and retry for one organization; everything."""

    VIEWER = "viewer"
    CLIENT = "client"
    OPERATOR = "operator"


@dataclass(frozen=True)
class Caller:
    """Who calls. A client is held to `org_id`, and may speak for a member; nobody else has either."""

    name: str
    role: Role
    org_id: UUID | None = None
    member_id: UUID | None = None


@dataclass(frozen=True)
class Token:
    """A line of the tokens file: the SHA-256 of a token in hexadecimal, and whose it is."""

    caller: Caller
    sha256: str


def read_tokens(text: str) -> tuple[Token, ...]:
    """The tokens of a file: a line each, blank ones and those that begin with # left out.

    A name may stand on several lines, for a token that takes another's place. Raises InvalidInput naming the
    line, never what stands on it.
    """
    tokens = tuple(
        _token(number, line.split())
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    )
    if len({token.caller for token in tokens}) != len({token.caller.name for token in tokens}):
        raise InvalidInput("Two lines of one name differ in their role, organization or member.")
    return tokens


def _token(number: int, words: Sequence[str]) -> Token:
    if len(words) < 3:
        raise InvalidInput(f"Line {number} must be: name role sha256 [org=UUID [member=UUID]].")
    name, role, sha256, *rest = words
    if not _NAME.fullmatch(name):
        raise InvalidInput(f"Line {number}: a name is 1 to 64 letters, digits, dots, dashes, @ or _.")
    if role not in list(Role):
        raise InvalidInput(f"Line {number}: the role must be one of {', '.join(Role)}.")
    if not _SHA256.fullmatch(sha256):
        raise InvalidInput(f"Line {number}: the third word must be a SHA-256 in 64 hexadecimal digits.")
    ids = dict(_id(number, word) for word in rest)
    if len(ids) != len(rest):
        raise InvalidInput(f"Line {number} says one thing twice.")
    return Token(caller_named(name, Role(role), ids.get("org"), ids.get("member")), sha256)


def _id(number: int, word: str) -> tuple[str, UUID]:
    key, _, value = word.partition("=")
    found = as_uuid(value)
    if key not in ("org", "member") or found is None:
        raise InvalidInput(f"Line {number}: after the SHA-256 stand only org= and member=, each with a UUID.")
    return key, found


def caller_named(name: str, role: Role, org_id: UUID | None, member_id: UUID | None = None) -> Caller:
    """The caller. Raises InvalidInput for a name that is none, and where role and ids do not fit."""
    if name.lower() in _OWN_NAMES:
        raise InvalidInput(f"{name} is what quel calls callers without a token: choose another name.")
    if not _NAME.fullmatch(name):
        raise InvalidInput("A token's name is 1 to 64 letters, digits, dots, dashes, @ or _.")
    if (role is Role.CLIENT) != (org_id is not None):
        raise InvalidInput(f"{name}: a client needs its organization (org=UUID), and only a client has one.")
    if member_id is not None and role is not Role.CLIENT:
        raise InvalidInput(f"{name}: only a client speaks for a member (member=UUID).")
    return Caller(name, role, org_id, member_id)


def token_line(caller: Caller, token: str) -> str:
    """The line of the tokens file that lets a token in."""
    org = f" org={caller.org_id}" if caller.org_id else ""
    member = f" member={caller.member_id}" if caller.member_id else ""
    return f"{caller.name} {caller.role} {_digest(token)}{org}{member}"


def caller_of(tokens: Iterable[Token], presented: str) -> Caller | None:
    """Whose token was presented, None for nobody's; it takes as long whichever it is."""
    digest, found = _digest(presented), None
    for token in tokens:
        if hmac.compare_digest(token.sha256, digest):
            found = token.caller
    return found


def _digest(token: str) -> str:
    # 256 random bits need no slow hash.
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
