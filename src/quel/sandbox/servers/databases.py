"""Fresh databases within a running PostgreSQL 15 or later, made in tens of milliseconds."""

from contextlib import closing
from urllib.parse import urlsplit, urlunsplit

import psycopg2
from psycopg2 import sql


def create_database(server_url: str, name: str, template: str | None = None) -> str:
    """Makes a database, empty or a copy of `template`, and returns its URL.

    PostgreSQL copies a template only while nobody is connected to it: otherwise psycopg2's ObjectInUse.
    """
    statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
    if template:
        # Its files are copied as they are: in memory half the time of copying through the log.
        statement += sql.SQL(" TEMPLATE {} STRATEGY file_copy").format(sql.Identifier(template))
    _execute(server_url, statement)
    return with_database(server_url, name)


def drop_database(server_url: str, name: str) -> None:
    """Removes a database and ends the sessions on it; a missing one is no error."""
    _execute(server_url, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def with_database(url: str, name: str) -> str:
    """The same server's URL with another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def database_name(url: str) -> str:
    """The database a URL names."""
    return urlsplit(url).path.removeprefix("/")


def _execute(server_url: str, statement: sql.Composable) -> None:
    with closing(psycopg2.connect(server_url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
