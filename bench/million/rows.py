"""Writes jobs with all that hangs on them: productions, plans, images, attachments, ledger, balances.

Everything follows from numbers, so two runs write the same rows; and everything agrees, so an audit finds
nothing. Jobs lie evenly over 90 days; 1.5 % failed, 1 % were cancelled, the newest few are still open. Most
are paid by one of 500 organizations, the rest by one of 2,000 members, few of whom order most.
"""

import time
from collections.abc import Callable
from contextlib import closing

import psycopg2

DAYS, PRICE = 90, 5
_START = 100_000_000
_CHUNK = 50_000

_TABLES = (
    *("public.quel_production_jobs", "public.quel_production_photo", "public.quel_attach"),
    *("public.quel_credits", "quel.job", "quel.image"),
)

_PEOPLE = f"""
INSERT INTO public.quel_member (quel_member_id, quel_member_credit)
SELECT md5('member' || n)::uuid, {_START} FROM generate_series(0, 1999) n;
INSERT INTO public.quel_organization (org_id, org_name, org_credit, owner_id)
SELECT md5('org' || n)::uuid, 'Studio ' || n, {_START}, md5('member' || n)::uuid
FROM generate_series(0, 499) n;
"""

# One row a job; `end` is its status, `bad` of its `images` failed.
_PLAN = """
CREATE UNLOGGED TABLE bench_job AS
SELECT n, md5('job' || n)::uuid AS job_id, md5('production' || n)::uuid AS production_id,
       now() - (:jobs - n) * interval '90 days' / :jobs AS at,
       (ARRAY['fashion', 'beauty', 'eats', 'cinema', 'cartoon'])[1 + n % 7 % 5] AS path,
       (ARRAY['single_batch', 'pipeline_stage', 'simple_general', 'simple_portrait'])[1 + n % 4] AS job_type,
       1 + n % 4 AS images, md5('member' || floor(2000 * power(n % 1009 / 1009.0, 2)))::uuid AS member_id,
       CASE WHEN n % 10 < 7 THEN md5('org' || floor(500 * power(n % 997 / 997.0, 2)))::uuid END AS org_id,
       CASE WHEN n > :jobs - 150 THEN 'pending' WHEN n > :jobs - 300 THEN 'processing'
            WHEN n % 200 < 3 THEN 'failed' WHEN n % 100 = 50 THEN 'user_cancelled' ELSE 'completed' END AS end
FROM generate_series(1, :jobs) n
"""

_IMAGE_PLAN = """
CREATE UNLOGGED TABLE bench_image AS
SELECT b.n, b.job_id, no AS image_no, b.at, b.path, b.member_id, b.org_id, b.production_id, b.end AS job_end,
       CASE WHEN b.end = 'pending' THEN NULL WHEN b.end = 'processing' THEN 'ready'
            WHEN b.end = 'failed' THEN 'failed' WHEN b.end = 'user_cancelled' THEN 'cancelled'
            WHEN b.n % 50 = 7 AND no = 3 THEN 'failed' ELSE 'stored' END AS state,
       row_number() OVER (ORDER BY b.n, no) AS attach_id
FROM bench_job b CROSS JOIN LATERAL generate_series(0, b.images - 1) no
WHERE b.end <> 'pending'
"""

_IN_CHUNKS = (
    """
INSERT INTO public.quel_production_photo (production_id, created_at, quel_member_id, org_id,
    production_status, quel_production_path, attach_ids, generated_image_count, total_quantity)
SELECT b.production_id, b.at, b.member_id, b.org_id, b.end::public.production_status_enum, b.path,
       coalesce(i.ids, '[]'), coalesce(i.stored, 0), b.images
FROM bench_job b LEFT JOIN LATERAL (
    SELECT jsonb_agg(attach_id ORDER BY image_no) AS ids, count(*) AS stored FROM bench_image i
    WHERE i.n = b.n AND i.state = 'stored') i ON true
WHERE b.n BETWEEN %(first)s AND %(last)s
""",
    """
INSERT INTO public.quel_production_jobs (job_id, production_id, job_type, stage_index, batch_index,
    job_status, total_images, completed_images, failed_images, job_input_data, generated_attach_ids,
    error_message, created_at, started_at, completed_at, updated_at, quel_member_id, quel_production_path,
    org_id)
SELECT b.job_id, b.production_id, b.job_type, CASE b.job_type WHEN 'pipeline_stage' THEN 0 END,
       CASE b.job_type WHEN 'pipeline_stage' THEN NULL ELSE 0 END, b.end::public.job_status_enum, b.images,
       coalesce(i.stored, 0), coalesce(i.failed, 0),
       jsonb_build_object('basePrompt', 'A quiet street in the rain', 'aspect-ratio', '16:9'),
       coalesce(i.ids, '[]'), CASE WHEN i.failed > 0 THEN 'The provider was overloaded.' END, b.at,
       CASE WHEN b.end <> 'pending' THEN b.at + interval '1 second' END,
       CASE WHEN b.end NOT IN ('pending', 'processing') THEN b.at + make_interval(secs => 4 + b.n %% 40) END,
       b.at, b.member_id, b.path, b.org_id
FROM bench_job b LEFT JOIN LATERAL (
    SELECT jsonb_agg(attach_id ORDER BY image_no) FILTER (WHERE state = 'stored') AS ids,
           count(*) FILTER (WHERE state = 'stored') AS stored,
           count(*) FILTER (WHERE state = 'failed') AS failed
    FROM bench_image i WHERE i.n = b.n) i ON true
WHERE b.n BETWEEN %(first)s AND %(last)s
""",
    f"""
INSERT INTO quel.job (job_id, path, customer, payer_kind, payer_id, ledger_member_id, price, result_owner,
    plan, created_at, updated_at)
SELECT job_id, path, coalesce(org_id::text, '-') || ':' || member_id,
       CASE WHEN org_id IS NULL THEN 'member' ELSE 'organization' END, coalesce(org_id, member_id), member_id,
       {PRICE}, member_id::text, '{{}}', at, at
FROM bench_job WHERE "end" <> 'pending' AND n BETWEEN %(first)s AND %(last)s
""",
    """
INSERT INTO quel.image (job_id, image_no, path, customer, seed, state, attempts, turn, request, cost_usd,
    reason_code, reason, attach_id, history, created_at, updated_at)
SELECT job_id, image_no, path, coalesce(org_id::text, '-') || ':' || member_id, n, state, 1, n,
       jsonb_build_object('prompt', repeat('A quiet street in the rain, seen from a tram. ', 4)),
       CASE WHEN state = 'stored' THEN 0.0336 END, CASE WHEN state = 'failed' THEN 'overloaded' END,
       CASE WHEN state = 'failed' THEN 'The provider was overloaded.' END,
       CASE WHEN state = 'stored' THEN attach_id END,
       jsonb_build_array(jsonb_build_object('at', at, 'what', 'prepared'),
                         jsonb_build_object('at', at, 'what', 'called', 'n', 1),
                         jsonb_build_object('at', at, 'what', state)), at, at
FROM bench_image WHERE n BETWEEN %(first)s AND %(last)s
""",
    """
INSERT INTO public.quel_attach (attach_id, created_at, attach_original_name, attach_file_name,
    attach_file_path, attach_directory, attach_file_size, attach_file_type, attach_storage_type)
SELECT attach_id, at, name, name, path, path, 1000 + attach_id %% 1000, 'image/webp', 'supabase'
FROM (SELECT *, 'generated_' || job_id || '_' || lpad(image_no::text, 3, '0') || '.webp' AS name,
             'generated-images/user-' || member_id || '/generated_' || job_id || '_'
             || lpad(image_no::text, 3, '0') || '.webp' AS path
      FROM (SELECT job_id, image_no, at, member_id, attach_id FROM bench_image
            WHERE state = 'stored' AND n BETWEEN %(first)s AND %(last)s) i) named
""",
)

_LEDGER = f"""
INSERT INTO public.quel_credits (id, user_id, transaction_type, amount, balance_after, description,
    attach_idx, production_idx, org_id, used_by_member_id, api_provider, created_at, updated_at)
SELECT md5('credit' || attach_id)::uuid, member_id, 'DEDUCT', -{PRICE},
       {_START} - {PRICE} * row_number() OVER (PARTITION BY coalesce(org_id, member_id) ORDER BY attach_id),
       'Image', attach_id, production_id, org_id, CASE WHEN org_id IS NOT NULL THEN member_id END,
       'gemini-banana', at, at
FROM bench_image WHERE state = 'stored'
"""

_BALANCES = """
UPDATE public.quel_organization o SET org_credit = org_credit + s.total
FROM (SELECT org_id, sum(amount) AS total FROM public.quel_credits GROUP BY org_id) s
WHERE s.org_id = o.org_id;
UPDATE public.quel_member m SET quel_member_credit = quel_member_credit + s.total
FROM (SELECT user_id, sum(amount) AS total FROM public.quel_credits WHERE org_id IS NULL GROUP BY user_id) s
WHERE s.user_id = m.quel_member_id;
SELECT setval(pg_get_serial_sequence('public.quel_attach', 'attach_id'), (SELECT max(attach_id) FROM
    public.quel_attach));
DROP TABLE bench_image; DROP TABLE bench_job;
"""

_INDEXES = """
SELECT schemaname || '.' || indexname, indexdef FROM pg_indexes
WHERE schemaname || '.' || tablename = ANY(%s)
  AND indexname NOT IN (SELECT conname FROM pg_constraint)
"""


def write_jobs(database_url: str, jobs: int, say: Callable[[str], None] = print) -> None:
    """Fills a migrated database without rows; indexes are built last, constraints are not asked."""
    with closing(psycopg2.connect(database_url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True

        def run(what: str, *statements: str, **values: int) -> None:
            began = time.monotonic()
            for statement in statements:
                cursor.execute(statement, values or None)
            say(f"{what}: {time.monotonic() - began:.0f} s")

        cursor.execute("SET session_replication_role = replica; SET work_mem = '128MB'")
        cursor.execute("SET maintenance_work_mem = '256MB'; SET synchronous_commit = off")
        cursor.execute(_INDEXES, (list(_TABLES),))
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f"DROP INDEX {name}")
        run("people", _PEOPLE)
        run("plan", _PLAN.replace(":jobs", str(jobs)), _IMAGE_PLAN)
        run("keys", "CREATE INDEX ON bench_image (n)", "CREATE INDEX ON bench_job (n)", "ANALYZE bench_image")
        for first in range(1, jobs + 1, _CHUNK):
            run(f"rows from {first:,}", *_IN_CHUNKS, first=first, last=min(first + _CHUNK - 1, jobs))
        run("ledger", _LEDGER)
        run("balances", _BALANCES)
        run("indexes", *(definition for _, definition in indexes))
        run("statistics", "VACUUM ANALYZE")
