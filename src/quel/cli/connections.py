"""What most verbs need of the world: the database alone, or Redis alone, each only with its own settings."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import redis

    from quel.adapters.postgres.database import Database
    from quel.adapters.postgres.operations.job_list import JobListRows
    from quel.adapters.postgres.operations.lost_jobs import LostJobsRows
    from quel.settings import Settings


@contextmanager
def open_database(settings: "Settings") -> "Iterator[Database]":
    """PostgreSQL for one verb. Raises SettingsError naming DATABASE_URL where it is not set."""
    from quel.adapters.postgres.database import Database

    settings.require("DATABASE_URL")
    database = Database(settings.database_url, pool_size=1)
    try:
        yield database
    finally:
        database.close()


def browsing_rows(database: "Database", settings: "Settings") -> "JobListRows":
    """The list of jobs, with paths as the settings resolve them."""
    from quel.adapters.postgres.operations.job_list import JobListRows

    fall_back = settings.unknown_path == "use_default"
    return JobListRows(database, settings.default_path, fall_back=fall_back)


def lost_rows(database: "Database", settings: "Settings") -> "LostJobsRows":
    """What the sweep leaves alone, with these settings."""
    from quel.adapters.postgres.operations.lost_jobs import LostJobsRows

    return LostJobsRows(
        database, stuck_after_s=settings.stuck_after_s, adopt_within_s=settings.adopt_within_s
    )


def check_redis(settings: "Settings") -> None:
    """For verbs that send messages, before they write. Raises SettingsError where Redis lacks a database."""
    from quel.adapters.redis.databases import check_databases

    check_databases(settings.redis_urls)


def open_lists(settings: "Settings") -> "redis.Redis":
    """Raw lists, cancel keys and pauses. Raises SettingsError where Redis lacks their database."""
    return _open_redis("REDIS_URL", settings)


def open_broker(settings: "Settings") -> "redis.Redis":
    """The broker's messages. Raises SettingsError where Redis lacks their database."""
    return _open_redis("QUEL_BROKER_REDIS_URL", settings)


def _open_redis(variable: str, settings: "Settings") -> "redis.Redis":
    """A client that gives up within seconds: somebody sits in front of it."""
    from quel.adapters.redis.client import connect
    from quel.adapters.redis.databases import check_databases

    url = settings.redis_urls[variable]
    check_databases({variable: url})
    return connect(url, patient=False)
