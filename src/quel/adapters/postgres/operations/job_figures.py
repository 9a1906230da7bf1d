"""What became of each job, as figures a job: what tally, statistics and usage add up, counted in one way.

Images and provider cost come from quel's own rows, and from the job's counters where it has none; credits
from the ledger rows of the images quel delivered.
"""

from quel.adapters.postgres.image_state import is_open
from quel.adapters.postgres.operations.job_list import JOBS_WITH_PATH
from quel.core.credits import API_PROVIDERS

JOB_FIGURES = f"""
figures AS MATERIALIZED (
    SELECT j.job_id, date_trunc('hour', j.created_at, 'UTC') AS hour, effective.path, j.job_type,
           coalesce(j.job_status::text, 'pending') AS status, q.job_id IS NULL AS is_unplanned,
           coalesce(j.completed_images, 0) AS stored, coalesce(j.failed_images, 0) AS failed,
           made.cancelled, made.under_way, made.credits, made.cost_micros,
           coalesce(q.payer_id, j.org_id, j.quel_member_id) AS payer_id,
           coalesce(q.payer_kind = 'organization', j.org_id IS NOT NULL) AS is_organization
    {JOBS_WITH_PATH}
    JOIN picked ON picked.job_id = j.job_id
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE i.state = 'cancelled') AS cancelled,
               count(*) FILTER (WHERE {is_open("i")}) AS under_way,
               coalesce(sum(i.cost_usd) * 1000000, 0)::bigint AS cost_micros,
               coalesce(sum(CASE WHEN i.attach_id IS NOT NULL AND i.request IS NOT NULL THEN (
                   SELECT -sum(c.amount) FROM public.quel_credits c
                   WHERE c.attach_idx = i.attach_id AND c.api_provider = ANY(:providers)) END), 0)::bigint
                   AS credits
        FROM quel.image i WHERE i.job_id = q.job_id
    ) made
)"""  # noqa: S608 - constants of ours
"""The common table `figures`, a row a job of the common table `picked`; needs FIGURE_PARAMETERS."""

REASONS = """
SELECT figures.hour, coalesce(i.reason_code, 'unknown') AS reason, count(*)::int AS images,
       count(DISTINCT i.job_id)::int AS jobs
FROM figures JOIN quel.image i ON i.job_id = figures.job_id
WHERE i.state = 'failed' GROUP BY 1, 2
UNION ALL
SELECT figures.hour, 'refused', sum(figures.failed)::int, count(*)::int
FROM figures WHERE figures.status = 'failed' AND figures.is_unplanned GROUP BY 1
"""
"""What failed of `figures` by hour and reason; a job that was refused has no images of its own rows."""

FIGURE_PARAMETERS = {"providers": list(API_PROVIDERS.values())}
