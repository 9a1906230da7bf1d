"""Why PostgreSQL cannot be reached, in fixed words: the driver's own text may quote names and addresses."""

import re

_CAUSES = (
    (r"password authentication failed|no password supplied", "the password is refused"),
    (r"role .* does not exist", "there is no such role"),
    (r"database .* does not exist", "there is no such database"),
    (r"tenant or user not found", "the pooler knows no such tenant or user"),
    (r"no pg_hba\.conf entry", "this host, role and database are not let in"),
    (r"could not translate host name|name or service|failure in name resolution", "its host is not known"),
    (r"connection refused", "nobody listens at its address"),
    (r"no such file or directory", "there is no such socket"),
    (r"certificate|not support ssl|ssl error|ssl off|sslmode", "TLS could not be agreed on"),
    (r"invalid response to ssl|expected authentication request|frontend protocol", "that is no PostgreSQL"),
    (r"too many (?:clients|connections)|remaining connection|max_client_conn", "it has no connection left"),
    (r"starting up|shutting down|recovery", "it is starting or stopping"),
    (r"timeout|timed out", "it does not answer in time"),
    (r"invalid (?:dsn|connection option|uri)", "DATABASE_URL has an option its client does not know"),
)  # fmt: skip


def cause_of(message: str) -> str | None:
    """The cause that the driver's message tells, or None for one that is not known."""
    text = message.lower()
    return next((cause for pattern, cause in _CAUSES if re.search(pattern, text)), None)
