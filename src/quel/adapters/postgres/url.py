"""The contract's plain PostgreSQL DSN as SQLAlchemy wants it."""

from quel.core.database_url import client_url


def sqlalchemy_url(dsn: str) -> str:
    """`postgres://…` or `postgresql://…` for the psycopg2 driver. Raises SettingsError.

    SQLAlchemy 2.1 would take psycopg 3 for the plain scheme.
    """
    return client_url(dsn)
