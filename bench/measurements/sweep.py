"""How long the sweep's look takes while a million images of 20,000 jobs wait, and its own process's part."""

import time
from contextlib import closing

import psycopg2

from bench.figures import Figure, Measured, Options
from quel.adapters.postgres.database import Database
from quel.adapters.postgres.sweep_stuck_jobs import SweepStuckJobsRows
from quel.sandbox.processes import migrate
from quel.sandbox.servers.client import Servers

TITLE = "The sweep's look at a backlog"
_IMAGES_A_JOB = 50

_ROWS = """
SET session_replication_role = replica;
INSERT INTO public.quel_member (quel_member_id) VALUES (md5('member')::uuid);
INSERT INTO public.quel_production_photo (production_id, quel_member_id, production_status)
SELECT md5('production' || n)::uuid, md5('member')::uuid, 'processing' FROM generate_series(1, %(jobs)s) n;
INSERT INTO public.quel_production_jobs (job_id, production_id, job_type, batch_index, job_status,
    total_images, job_input_data, quel_member_id, quel_production_path)
SELECT md5('job' || n)::uuid, md5('production' || n)::uuid, 'simple_general', 0, 'processing', %(each)s, '{}',
       md5('member')::uuid, 'fashion'
FROM generate_series(1, %(jobs)s) n;
INSERT INTO quel.job (job_id, path, customer, payer_kind, payer_id, ledger_member_id, price,
    result_owner, plan)
SELECT md5('job' || n)::uuid, 'fashion', 'c' || n %% 50, 'member', md5('member')::uuid, md5('member')::uuid,
       5, 'x', '{}'
FROM generate_series(1, %(jobs)s) n;
INSERT INTO quel.image (job_id, image_no, path, customer, state, turn, request)
SELECT md5('job' || n)::uuid, no, 'fashion', 'c' || n %% 50,
       CASE WHEN n <= 200 THEN 'ready' ELSE 'planned' END, n * %(each)s + no,
       jsonb_build_object('prompt', repeat('A quiet street in the rain. ', 8))
FROM generate_series(1, %(jobs)s) n, generate_series(0, %(each)s - 1) no;
"""


def measure(options: Options) -> Measured:
    """The median of five looks at rows that nobody moves."""
    jobs = options.choose(20_000, 2_000)
    with Servers() as servers:
        url = servers.fresh_database()
        migrate({"DATABASE_URL": url})
        with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            for statement in _ROWS.split(";\n")[:-1]:
                cursor.execute(statement, {"jobs": jobs, "each": _IMAGES_A_JOB})
            cursor.execute("VACUUM ANALYZE")
        with closing(Database(url, pool_size=2)) as database:
            looks = sorted(_look(SweepStuckJobsRows(database)) for _ in range(5))
    took_s, cpu_s = looks[2]
    waiting = f"{jobs * _IMAGES_A_JOB:,} waiting"
    return Measured(
        [Figure(f"{waiting}: a look", took_s, "s"), Figure(f"{waiting}: CPU of it here", cpu_s, "s")]
    )


def _look(rows: SweepStuckJobsRows) -> tuple[float, float]:
    began_s, began_cpu_s = time.monotonic(), time.process_time()
    rows.open_jobs(60.0, 86_400.0, "fashion")
    return time.monotonic() - began_s, time.process_time() - began_cpu_s
