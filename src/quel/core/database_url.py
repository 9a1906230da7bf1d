"""A PostgreSQL connection string as people have it, made into one that PostgreSQL's own client reads.

Dashboards and other libraries add parameters of their own (`pgbouncer=true`), which the client refuses. Those
that are known fall away; one that nobody knows is named. Pure: nothing is connected to, nothing is quoted.
"""

import re
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit

from quel.core.errors import SettingsError
from quel.core.url_option import named_option

_FOREIGN = frozenset(
    {
        # Prisma, and Supabase's dashboard for it
        "pgbouncer", "connection_limit", "pool_timeout", "schema", "socket_timeout", "statement_cache_size",
        "sslaccept", "sslidentity", "single_use_connections",
        # Supabase's and Vercel's integrations, asyncpg, psycopg 3, SQLAlchemy, node-postgres
        "supa", "workaround", "pool_mode", "pool_size", "max_overflow", "prepared_statement_cache_size",
        "statement_cache_mode", "prepare_threshold", "prepared_statements", "command_timeout",
        "uselibpqcompat", "max_connections",
    }
)  # fmt: skip

# https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-PARAMKEYWORDS
_KNOWN = frozenset(
    {
        "host", "hostaddr", "port", "dbname", "user", "password", "passfile", "require_auth",
        "channel_binding", "connect_timeout", "client_encoding", "options", "application_name",
        "fallback_application_name", "keepalives", "keepalives_idle", "keepalives_interval",
        "keepalives_count", "tcp_user_timeout", "replication", "gssencmode", "sslmode", "requiressl",
        "sslnegotiation", "sslcompression", "sslcert", "sslkey", "sslkeylogfile", "sslpassword",
        "sslcertmode", "sslrootcert", "sslcrl", "sslcrldir", "sslsni", "requirepeer",
        "ssl_min_protocol_version", "ssl_max_protocol_version", "min_protocol_version",
        "max_protocol_version", "krbsrvname", "gsslib", "gssdelegation", "service", "target_session_attrs",
        "load_balance_hosts",
    }
)  # fmt: skip

_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_AS_MODES = {  # as node-postgres and asyncpg spell it
    ("ssl", "true"): "require",
    ("ssl", "1"): "require",
    ("ssl", "require"): "require",
    ("ssl", "false"): "prefer",
    ("sslmode", "no-verify"): "require",
}

_ENCODE = (
    "DATABASE_URL cannot be read: in a user's name or password #, /, ?, [, ] and @ must be percent-encoded"
    " (%23, %2F, %3F, %5B, %5D, %40)."
)
_ADDRESS = re.compile(r"(\[[0-9a-fA-F:.%\w]+\]|[^\[\]:,/@]*)(:\d{1,5})?")


def client_url(dsn: str) -> str:
    """The URL with the parameters that PostgreSQL's client knows, for SQLAlchemy's psycopg2 dialect.

    Several hosts (`host1:5432,host2`) go where that dialect expects them. Raises SettingsError, whose
    sentence names the variable and what to mend, and quotes nothing but a parameter's name.
    """
    parts = _split(dsn.strip())
    given = [_as_mode(*option) for option in parse_qsl(parts.query)]
    options = [(name, value) for name, value in given if name.lower() not in _FOREIGN]
    for name, value in options:
        if name not in _KNOWN:
            raise SettingsError(_unknown(named_option(name, value, parts.query)))
        if name == "sslmode" and value not in _SSL_MODES:
            raise SettingsError(
                f"DATABASE_URL must have one of these as its sslmode: {', '.join(_SSL_MODES)}."
            )
    login, at, hosts = parts.netloc.rpartition("@")
    addresses = hosts.split(",")
    if len(addresses) > 1:
        options += [("host", address) for address in addresses]
        hosts = ""
    query = urlencode(options, quote_via=quote, safe=":/,")
    return f"postgresql+psycopg2://{login}{at}{hosts}{parts.path}{'?' if query else ''}{query}"


def _as_mode(name: str, value: str) -> tuple[str, str]:
    mode = _AS_MODES.get((name, value.lower()))
    return (name, value) if mode is None else ("sslmode", mode)


def _split(dsn: str) -> SplitResult:
    try:
        parts = urlsplit(dsn)
    except ValueError:
        raise SettingsError(_ENCODE) from None
    login, _, hosts = parts.netloc.rpartition("@")
    readable = all(_ADDRESS.fullmatch(address) for address in hosts.split(","))
    ports = [int(port) for port in re.findall(r":(\d+)(?=,|$)", hosts)]
    strays = parts.fragment or "@" in login or "@" in parts.path
    if not readable or strays or any(not 0 < port < 65536 for port in ports):
        raise SettingsError(_ENCODE if strays or "@" in dsn else "DATABASE_URL names no host and port.")
    return parts


def _unknown(name: str | None) -> str:
    if name is None:
        return _ENCODE
    return f"DATABASE_URL has the parameter {name}, which PostgreSQL's client does not know: take it away."
