"""The contract's plain PostgreSQL DSN as SQLAlchemy wants it."""

import re


def sqlalchemy_url(dsn: str) -> str:
    """`postgres://…` or `postgresql://…` for the psycopg2 driver.

    SQLAlchemy 2.1 would take psycopg 3 for the plain scheme.
    """
    return re.sub(r"^postgres(?:ql)?(?:\+\w+)?://", "postgresql+psycopg2://", dsn.strip())
