"""Whose request it is: by bearer token, never by a cookie.

Without a tokens file only this machine is listened to, and everybody on it is an operator: but no page that
a browser here happens to show, and nobody who gave this machine another name.
"""

import time
from ipaddress import ip_address
from pathlib import Path

from starlette.requests import Request

from quel.core.errors import SettingsError
from quel.core.operations.api_tokens import Caller, Role, Token, caller_of
from quel.http.problems import Problem
from quel.observe.events import Event, emit
from quel.operations.api_tokens import read_tokens_file

LOCAL = Caller("local", Role.OPERATOR)
LEGACY = Caller("legacy", Role.OPERATOR)
"""Who calls an old endpoint while these are open to everybody."""

_LOOK_EVERY_S = 2.0


class Tokens:
    """The tokens of a file, which is read again within seconds of a change.

    A change that cannot be read leaves the former tokens in force and is logged. Raises SettingsError where
    the file cannot be read at the start.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._seen = _state_of(path)
        self._tokens: tuple[Token, ...] = read_tokens_file(path)
        self._look_at = time.monotonic() + _LOOK_EVERY_S

    def caller_of(self, presented: str) -> Caller | None:
        """Whose token it is, None for nobody's."""
        self._look()
        return caller_of(self._tokens, presented)

    def still_holds(self, caller: Caller) -> bool:
        """Whether some token of this very caller is left."""
        self._look()
        return any(token.caller == caller for token in self._tokens)

    def _look(self) -> None:
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + _LOOK_EVERY_S
        state = _state_of(self._path)
        if state == self._seen:
            return
        self._seen = state
        try:
            self._tokens = read_tokens_file(self._path)
        except SettingsError as error:
            emit(Event.TOKENS_UNREADABLE, reason=str(error))


def _state_of(path: str) -> tuple[int, int, int] | None:
    try:
        stat = Path(path).stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_ino, stat.st_size


class Door:
    """Lets callers in. `tokens` None: everybody on this machine is an operator."""

    def __init__(self, tokens: Tokens | None, *, legacy_is_open: bool, origins: tuple[str, ...]) -> None:
        self._tokens, self._legacy_is_open, self._origins = tokens, legacy_is_open, origins

    def caller(self, request: Request, *, legacy: bool) -> Caller:
        """Who asks. Raises Problem: 401 without a token that holds, 403 for a page on this machine."""
        presented = _bearer(request)
        if self._tokens is None:
            self._check_local(request)
            return LOCAL
        found = self._tokens.caller_of(presented) if presented else None
        if found is not None:
            return found
        if legacy and self._legacy_is_open:
            return LEGACY
        challenge = {"WWW-Authenticate": 'Bearer realm="quel"'}
        words = "The token is not known here." if presented else "Send a token: Authorization: Bearer quel_…"
        raise Problem(401, words, headers=challenge)

    def still_holds(self, caller: Caller) -> bool:
        """Whether a caller would still be let in."""
        return self._tokens is None or caller == LEGACY or self._tokens.still_holds(caller)

    def _check_local(self, request: Request) -> None:
        origin = request.headers.get("origin")
        if origin is not None and origin not in self._origins:
            raise Problem(403, "Pages of this origin may not call the API: see QUEL_API_ORIGINS.")
        if not is_loopback(request.url.hostname or ""):
            raise Problem(403, "Without QUEL_API_TOKENS_FILE only localhost is answered.")


def is_loopback(host: str) -> bool:
    """Whether a host means this machine and is reached from nowhere else."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
