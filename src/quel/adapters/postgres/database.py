"""Short transactions behind any pooler: a timeout on every statement, and errors that tell nothing private.

No session state is kept, so a transaction pooler in between is fine. The timeouts travel in the same round
trip as a transaction's first statement. A transaction that falls silent (its process is frozen) is ended by
PostgreSQL, so that what it locked is free again for others.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from quel.adapters.postgres.cause import cause_of
from quel.adapters.postgres.url import sqlalchemy_url
from quel.core.errors import DatabaseError, QuestionTooLong, RowLocked, ServiceUnavailable
from quel.core.request import decode_input

T = TypeVar("T")

STATEMENT_TIMEOUT_S = 15
_TIMEOUTS = (
    "SET LOCAL statement_timeout = '{statement_timeout_s}s'; "
    "SET LOCAL idle_in_transaction_session_timeout = '10s'; "
    "SET LOCAL lock_timeout = '{lock_timeout_ms}ms'; "
)
_READ_ACCESS = "SET TRANSACTION READ ONLY; "
_LOCK_TIMEOUT_S = 10.0
_STAY_OPEN = text("SET LOCAL idle_in_transaction_session_timeout = 0")
_LOCK_NOT_AVAILABLE = "55P03"
_READ_ONLY = "25006"  # a standby or a full disk: SQLSTATE read_only_sql_transaction
_DISK_FULL = "53100"
_QUERY_CANCELED = "57014"


class Database:
    """A pool of connections to DATABASE_URL.

    `overflow` are the connections it may open beside `pool_size` for a while. A statement is stopped after
    `statement_timeout_s`; `read_only`, PostgreSQL refuses those that write.
    """

    def __init__(
        self,
        dsn: str,
        *,
        pool_size: int,
        overflow: int = 2,
        statement_timeout_s: int = STATEMENT_TIMEOUT_S,
        read_only: bool = False,
    ) -> None:
        self._statement_timeout_s = statement_timeout_s
        self._access = _READ_ACCESS if read_only else ""
        self.engine = _engine(dsn, pool_size, overflow, self._timeouts(_LOCK_TIMEOUT_S))

    def run(self, work: Callable[[Connection], T], *, lock_timeout_s: float = _LOCK_TIMEOUT_S) -> T:
        """Runs `work` in one transaction and commits it.

        A connection that turns out to be dead is replaced once: `work` must be safe to run again, also
        when the first commit went through unseen. Raises ServiceUnavailable when PostgreSQL cannot answer
        now, RowLocked when somebody holds a row for longer than `lock_timeout_s`, DatabaseError when it
        refuses for good.
        """
        try:
            return self._once(work, lock_timeout_s)
        except _ConnectionLost:
            pass
        try:
            return self._once(work, lock_timeout_s)
        except _ConnectionLost:
            raise ServiceUnavailable("PostgreSQL closed the connection twice in a row.") from None

    @contextmanager
    def held(self) -> Iterator[Connection]:
        """A transaction that stays open for the block, for locks that go with it; raises as `run` does."""
        try:
            with self._translated(), self.engine.begin() as connection:
                connection.execute(_STAY_OPEN)
                yield connection
        except _ConnectionLost:
            raise ServiceUnavailable("PostgreSQL closed the connection.") from None

    def _once(self, work: Callable[[Connection], T], lock_timeout_s: float) -> T:
        with self._translated(), self.engine.begin() as connection:
            connection.info["quel_timeouts_due"] = self._timeouts(lock_timeout_s)
            return work(connection)

    def _timeouts(self, lock_timeout_s: float) -> str:
        return self._access + _TIMEOUTS.format(
            statement_timeout_s=self._statement_timeout_s, lock_timeout_ms=round(lock_timeout_s * 1000)
        )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise _translated(error, self._statement_timeout_s) from None
        except PoolTimeoutError:
            raise ServiceUnavailable("No connection to PostgreSQL became free in time.") from None
        except SQLAlchemyError as error:
            raise DatabaseError(f"A database statement failed ({type(error).__name__}).") from None

    def close(self) -> None:
        """Closes the pooled connections."""
        self.engine.dispose()


class _ConnectionLost(Exception):
    pass


def _translated(error: DBAPIError, statement_timeout_s: int) -> Exception:
    state = getattr(error.orig, "pgcode", None)
    if error.connection_invalidated:
        return _ConnectionLost()
    if state == _LOCK_NOT_AVAILABLE:
        return RowLocked("Somebody else holds a row of PostgreSQL for longer than it was waited for.")
    if state == _QUERY_CANCELED:
        return QuestionTooLong(
            f"PostgreSQL took longer than {statement_timeout_s} s over this question and stopped it:"
            " ask about a shorter span, or for less."
        )
    if isinstance(error, (OperationalError, InterfaceError)) or state in {_READ_ONLY, _DISK_FULL}:
        why = f"SQLSTATE {state}" if state else cause_of(str(error.orig)) or "SQLSTATE none"
        return ServiceUnavailable(f"PostgreSQL cannot answer now ({why}).")
    return DatabaseError(f"PostgreSQL refused a statement (SQLSTATE {state or 'none'}).")


def _engine(dsn: str, pool_size: int, overflow: int, timeouts: str) -> Engine:
    engine = create_engine(
        sqlalchemy_url(dsn),
        pool_size=pool_size,
        max_overflow=overflow,
        pool_timeout=10,
        pool_recycle=900,
        hide_parameters=True,
        json_deserializer=decode_input,  # a row may hold numbers and depths that json.loads raises on
        connect_args={
            "connect_timeout": 5,
            "application_name": "quel",
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
        },
    )

    def mark_begin(connection: Connection) -> None:
        connection.info["quel_timeouts_due"] = timeouts

    event.listen(engine, "begin", mark_begin)
    event.listen(engine, "before_cursor_execute", _prefix_timeouts, retval=True)
    return engine


def _prefix_timeouts(
    connection: Connection, _cursor: Any, statement: str, parameters: Any, _context: Any, executemany: bool
) -> tuple[str, Any]:
    if executemany:
        return statement, parameters
    return connection.info.pop("quel_timeouts_due", "") + statement, parameters
