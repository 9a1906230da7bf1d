"""Reads one job with everything that hangs on it, in one snapshot."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import Connection, Row, text

from quel.adapters.postgres.claim_image import IN_ITS_SERIES
from quel.adapters.postgres.claim_job import PLAN
from quel.adapters.postgres.database import Database
from quel.adapters.postgres.operations.action_log import COLUMNS as ACTION_COLUMNS
from quel.adapters.postgres.operations.job_list import JOB_COLUMNS, JOBS_WITH_PATH, path_parameters, view_of
from quel.core.job import JobPlan, StageRequest
from quel.core.operations.action_log import Action
from quel.core.operations.job_page import MOST_COUNTED, ImageFacts, JobFacts, ShownReference
from quel.core.paths import PATHS
from quel.core.pipeline import ImageState
from quel.core.prompting.references import sort_references

_ONE_SNAPSHOT = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")

_JOB = text(f"""
{JOB_COLUMNS}, j.production_id, j.quel_member_id AS member_id, j.org_id, q.payer_kind, q.payer_id, q.price,
       coalesce(q.warnings, '[]') AS warnings, q.plan
{JOBS_WITH_PATH} WHERE j.job_id = :job_id
""")

_IMAGES = text(f"""
SELECT i.image_no, i.stage, i.item, i.state, i.attempts + i.broken_answers AS failed_calls, i.seed,
       greatest(0, extract(epoch FROM i.not_before - now()))::float8 AS retry_in_s,
       greatest(0, coalesce(extract(epoch FROM i.lease_until - now()), 0))::float8 AS leased_s,
       greatest(0, extract(epoch FROM now() - i.updated_at))::float8 AS moved_s,
       CASE i.state WHEN 'ready' THEN (SELECT count(*) FROM (
           SELECT 1 FROM quel.image o WHERE o.state = 'ready'
             AND (o.turn, o.job_id, o.image_no) < (i.turn, i.job_id, i.image_no)
           LIMIT :most_counted) sooner) ELSE 0 END AS before,
       i.reason_code, i.reason, coalesce(i.cost_usd, 0)::float8 AS cost_usd, i.attach_id, i.history,
       a.attach_file_path AS attach_path,
       coalesce((SELECT -sum(c.amount) FROM public.quel_credits c
                 WHERE c.attach_idx = i.attach_id AND i.request IS NOT NULL), 0)::int AS charged,
       jsonb_array_length(i.request -> 'picture_keys') AS pictures,
       CASE WHEN :prompts THEN i.request ->> 'prompt' END AS prompt,
       i.state = 'ready' AND NOT {IN_ITS_SERIES.format(it="i")} AS in_line
FROM quel.image i LEFT JOIN public.quel_attach a ON a.attach_id = i.attach_id
WHERE i.job_id = :job_id ORDER BY i.image_no
""")  # noqa: S608 - constants of ours

_ACTIONS = text(f"SELECT {ACTION_COLUMNS} FROM quel.action a WHERE a.job_id = :job_id ORDER BY a.at, a.id")  # noqa: S608 - a constant of ours


class JobPageRows:
    """Reads single jobs. `fall_back` as in JobListRows."""

    def __init__(self, database: Database, default_path: str, *, fall_back: bool = True) -> None:
        self._database = database
        self._paths = path_parameters(default_path, fall_back=fall_back)

    def read(self, job_id: UUID, *, prompts: bool) -> JobFacts | None:
        """The job as it stands, or None where there is no such row; prompts only where they are asked for."""
        values = self._paths | {"job_id": job_id, "prompts": prompts, "most_counted": MOST_COUNTED}

        def work(connection: Connection) -> JobFacts | None:
            connection.execute(_ONE_SNAPSHOT)
            row = connection.execute(_JOB, values).one_or_none()
            if row is None:
                return None
            images = connection.execute(_IMAGES, values).all()
            actions = connection.execute(_ACTIONS, values).all()
            return _facts(row, images, actions)

        return self._database.run(work)


def _facts(row: Row[Any], images: Any, actions: Any) -> JobFacts:
    plan = _plan(row.plan)
    stages = plan.request.stages if plan else ()
    return JobFacts(
        view=view_of(row),
        production_id=row.production_id,
        member_id=row.member_id,
        org_id=row.org_id,
        payer_kind=row.payer_kind,
        payer_id=row.payer_id,
        price=row.price,
        warnings=tuple(row.warnings),
        references=tuple(_references(row.path, stages)),
        images=tuple(_image(image, stages) for image in images),
        actions=tuple(Action(**action._mapping) for action in actions),
    )


def _plan(value: object) -> JobPlan | None:
    try:
        return PLAN.validate_python(value)
    except ValidationError:  # none, or of a form no longer read: the rest is shown all the same
        return None


def _references(path: str, stages: Sequence[StageRequest]) -> Iterator[ShownReference]:
    for number, stage in enumerate(stages, start=1):
        kept = sort_references(PATHS[path], stage.references).kept if path in PATHS else ()
        used = {each.where: each for each in kept}
        for ask in stage.references:
            found = used.get(ask.where)
            category = found.category if found else None
            yield ShownReference(number, ask.attach_id, ask.type, category, left_out=found is None)


def _image(row: Row[Any], stages: Sequence[StageRequest]) -> ImageFacts:
    values = dict(row._mapping)
    item = None
    if row.stage < len(stages) and row.item < len(stages[row.stage].items):
        item = stages[row.stage].items[row.item]
    taken = ("failed_calls", "retry_in_s", "leased_s", "moved_s", "before", "reason_code", "reason")
    more = ("cost_usd", "charged", "attach_id", "attach_path", "pictures", "seed", "prompt", "in_line")
    return ImageFacts(
        image=row.image_no + 1,
        stage=row.stage + 1,
        angle=item.angle if item else None,
        shot=item.shot if item else None,
        fx=item.fx if item else None,
        state=ImageState(row.state),
        history=tuple(row.history),
        **{name: values[name] for name in (*taken, *more)},
    )
