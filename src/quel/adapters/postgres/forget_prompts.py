"""Takes prompts out of quel's rows some time after their images have ended, a small batch at a time.

The customer's input stays in the product's own row, and from it a plan can be made again.
"""

from datetime import timedelta

from sqlalchemy import Connection, text

from quel.adapters.postgres.database import Database
from quel.adapters.postgres.image_state import is_open
from quel.adapters.postgres.schema.pipeline_tables import FINAL

_MOST = 500  # of each kind in one sweep: a fraction of a second

_IMAGES = text(f"""
WITH old AS (
    SELECT job_id, image_no FROM quel.image
    WHERE request ? 'prompt' AND state IN {FINAL} AND updated_at < now() - :keep_for
    ORDER BY updated_at LIMIT :most FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE quel.image i SET request = i.request - 'prompt' - 'negative_prompt' - 'labels'
FROM old WHERE i.job_id = old.job_id AND i.image_no = old.image_no
""")  # noqa: S608 - constants of ours

# The job's own row is locked as well: whoever takes the job up again does so under that lock.
_PLANS = text(f"""
WITH old AS (
    SELECT q.job_id FROM quel.job q JOIN public.quel_production_jobs j ON j.job_id = q.job_id
    WHERE q.prompts_kept AND q.created_at < now() - :keep_for
      AND j.job_status NOT IN ('pending', 'processing')
      AND NOT EXISTS (SELECT 1 FROM quel.image i WHERE i.job_id = q.job_id
                      AND ({is_open("i")} OR i.updated_at >= now() - :keep_for))
    ORDER BY q.created_at LIMIT :most FOR NO KEY UPDATE OF j, q SKIP LOCKED
)
UPDATE quel.job q
SET prompts_kept = false,
    plan = jsonb_set(q.plan, '{{request,stages}}', (
        SELECT coalesce(
            jsonb_agg((s.stage || '{{"prompt": "", "negative_prompt": ""}}') - 'areas' ORDER BY s.number),
            '[]')
        FROM jsonb_array_elements(q.plan #> '{{request,stages}}') WITH ORDINALITY AS s(stage, number)))
FROM old WHERE q.job_id = old.job_id
""")  # noqa: S608 - constants of ours


def forget_prompts(database: Database, keep_days: float) -> int:
    """Forgets one batch of what ended more than `keep_days` days ago; the images and jobs it was of."""
    values = {"keep_for": timedelta(days=keep_days), "most": _MOST}

    def work(connection: Connection) -> int:
        forgotten = [connection.execute(statement, values).rowcount for statement in (_IMAGES, _PLANS)]
        return sum(forgotten)

    return database.run(work)
