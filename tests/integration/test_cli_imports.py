"""What verbs that wake the workers import: nothing of the workers, nor of the provider.

Importing an actor sets up a worker's process: its broker, its log, its files of metrics.
"""

import os
import subprocess
import sys
from uuid import UUID, uuid4

from quel.sandbox.processes import REPOSITORY

_MODULES = "sys.modules:"
_PROGRAM = f"""
import atexit, sys
atexit.register(lambda: print("{_MODULES}", *sys.modules, file=sys.stderr))
from quel.cli import main
main()
"""


def imported_by(environment, *arguments, stdin=""):
    """The modules a verb had imported when it ended well, and what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *arguments],
        env=os.environ | dict(environment),
        cwd=REPOSITORY,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said, _, names = done.stderr.rpartition(_MODULES)
    assert "sqlalchemy" in names.split(), said
    return names.split(), done.stdout


def assert_no_worker_among(names):
    foreign = [name for name in names if name.startswith(("quel.actors", "quel.stages", "google.genai"))]
    assert foreign == []


def test_submit_cancel_and_retry_import_no_actor(pipeline):
    studio = pipeline.studio
    environment = pipeline.environment(QUEL_HTTP_PORT="1")  # a pod has it set: it is the workers' alone
    row = f"""{{"job_type": "simple_general", "total_images": 1, "quel_member_id": "{studio.member(100)}",
                "job_input_data": {{"prompt": "{uuid4().hex}"}}}}"""

    names, said = imported_by(environment, "submit", "-", stdin=row)
    assert_no_worker_among(names)
    job_id = UUID(said.strip())

    names, said = imported_by(environment, "cancel", str(job_id), "--wait", "0")
    assert_no_worker_among(names)
    assert "a worker closes it" in said

    studio.rows("UPDATE quel_production_jobs SET job_status = 'failed' WHERE job_id = %s", job_id)
    names, said = imported_by(environment, "retry", str(job_id))
    assert_no_worker_among(names)
    assert "on its way to fetch_job" in said
