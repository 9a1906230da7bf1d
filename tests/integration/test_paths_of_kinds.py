"""A row that no process has claimed counts under the path it will run on, whatever it names."""

import pytest

from quel.adapters.postgres.database import Database
from quel.adapters.postgres.operations.backlog import JobBacklogReader
from quel.adapters.postgres.operations.job_list import JobListRows
from quel.adapters.postgres.sweep_stuck_jobs import SweepStuckJobsRows
from quel.core.operations.job_list import JobFilter
from tests.integration.harness import Pipeline

INPUTS = {
    "modify": {"maskDataUrl": "data:image/png;base64,", "prompt": "a hat", "originalAttachId": 1},
    "multiview": {"sourceAttachId": 1, "angles": [0, 90]},
    "landing": {"templatePrompt": "a loft"},
    "fashion": {"prompt": "a mast"},
}


@pytest.fixture
def database(pipeline: Pipeline):
    database = Database(pipeline.database_url, pool_size=1)
    yield database
    database.close()


def test_pending_rows_of_each_kind_count_under_its_path_and_not_the_default(pipeline, database):
    studio, day_s = pipeline.studio, 86_400
    member = studio.member(100)
    jobs = {
        studio.job(
            "simple_general",
            data,
            total_images=1,
            member=member,
            path={"modify": None, "fashion": None}.get(path, path),
        ): path
        for path, data in INPUTS.items()
    }
    pipeline.let_pass(120)
    found = SweepStuckJobsRows(database).open_jobs(600, day_s, "fashion")
    assert found is not None
    assert {job.job_id: job.path for job in found.pending} == jobs
    backlog = JobBacklogReader(database, "fashion", adopt_within_s=day_s).read()
    assert {(line.path, line.state): line.count for line in backlog.jobs} == {
        (path, "pending"): 1 for path in INPUTS
    }
    rows = JobListRows(database, "fashion")
    for job_id, path in jobs.items():
        assert [view.job_id for view in rows.jobs(JobFilter(path=path), most=10)] == [job_id]
