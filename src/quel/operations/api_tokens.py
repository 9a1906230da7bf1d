"""Makes tokens for the HTTP API, and reads the file that lets their holders in."""

import secrets
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from quel.core.errors import InvalidInput, SettingsError
from quel.core.operations.api_tokens import Role, Token, caller_named, read_tokens, token_line

_BYTES = 32


@dataclass(frozen=True)
class NewToken:
    """A token, which is told once, and the line of the tokens file that lets it in."""

    token: str
    line: str


def make_token(name: str, role: Role, org_id: UUID | None) -> NewToken:
    """A token of 256 random bits. Raises InvalidInput for a name or organization that does not fit."""
    caller = caller_named(name, role, org_id)
    token = f"quel_{secrets.token_urlsafe(_BYTES)}"
    return NewToken(token, token_line(caller, token))


def read_tokens_file(path: str) -> tuple[Token, ...]:
    """The tokens of a file. Raises SettingsError naming QUEL_API_TOKENS_FILE."""
    try:
        return read_tokens(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise SettingsError(f"QUEL_API_TOKENS_FILE names {path}, which cannot be read ({why}).") from None
    except InvalidInput as error:
        raise SettingsError(f"QUEL_API_TOKENS_FILE names {path}. {error}") from None
