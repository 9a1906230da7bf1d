"""Which jobs wait, run or have ended, and which ones the sweep leaves alone."""

from collections.abc import Sequence
from uuid import UUID

from quel.core.errors import InvalidInput, NotFound
from quel.core.operations.job_list import (
    SHORTEST_ID,
    JobFilter,
    JobPage,
    JobView,
    Place,
    id_range,
    read_cursor,
    write_cursor,
)
from quel.core.operations.lost_jobs import LostJob
from quel.operations.services import OperatorServices

_MOST_NAMED = 10


def list_jobs(
    services: OperatorServices,
    chosen: JobFilter,
    *,
    most: int,
    newest: bool = False,
    cursor: str | None = None,
) -> JobPage:
    """A page of at most `most` jobs, the oldest or newest first, from where `cursor` points to.

    A job without a path counts as one of the default path. Raises InvalidInput for a cursor that is none or
    of another filter, ServiceUnavailable, DatabaseError, QuestionTooLong.
    """
    place = None if cursor is None else read_cursor(cursor, chosen, newest=newest)
    back = place is not None and place.back
    found = services.job_list.jobs(chosen, most=most + 1, newest=newest != back, after=place)
    shown, more = found[:most], len(found) > most
    if back:
        shown.reverse()
    if not shown:
        return JobPage((), None)
    first, last = shown[0], shown[-1]
    before = write_cursor(Place(first.created_at, first.job_id, back=True), chosen, newest=newest)
    after = write_cursor(Place(last.created_at, last.job_id), chosen, newest=newest)
    is_first, is_last = (not more) if back else place is None, not (back or more)
    return JobPage(tuple(shown), None if is_last else after, None if is_first else before)


def find_jobs(services: OperatorServices, job_ids: Sequence[UUID]) -> list[JobView]:
    """Those of the jobs that have a row, the oldest first. Raises ServiceUnavailable, DatabaseError."""
    return services.job_list.jobs_by_id(job_ids)


def jobs_named(services: OperatorServices, job_ids: Sequence[UUID]) -> list[JobView]:
    """The same where every one must have a row. Raises NotFound naming those that have none."""
    views = find_jobs(services, job_ids)
    known = {view.job_id for view in views}
    unknown = [str(job_id) for job_id in job_ids if job_id not in known]
    if unknown:
        raise NotFound(f"There is no job {', '.join(unknown)}.")
    return views


def job_ids_named(services: OperatorServices, names: Sequence[str]) -> list[UUID]:
    """The ids that are meant: whole ones as they are, of others the only one that begins so.

    Raises InvalidInput for what is no id and for a beginning of several, NotFound for one of none, and
    SettingsError, ServiceUnavailable.
    """
    return [_named(services, name) for name in names]


def _named(services: OperatorServices, name: str) -> UUID:
    span = id_range(name)
    if span is None:
        raise InvalidInput(
            f'"{name}" is no job id: give it whole, or at least its first {SHORTEST_ID} characters.'
        )
    first, last = span
    if first == last:
        return first
    found = services.job_list.ids_between(first, last, _MOST_NAMED + 1)
    if not found:
        raise NotFound(f"There is no job {name}.")
    if len(found) > 1:
        listed = ", ".join(str(job_id) for job_id in found[:_MOST_NAMED])
        more = ", …" if len(found) > _MOST_NAMED else ""
        raise InvalidInput(f"Several ids begin with {name}: {listed}{more}.")
    return found[0]


def lost_jobs(services: OperatorServices) -> list[LostJob]:
    """Those among the oldest 20,000 open jobs that the sweep leaves alone, each with the reason.

    Raises ServiceUnavailable, DatabaseError.
    """
    return services.lost_jobs.jobs()
