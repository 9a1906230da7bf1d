"""What the command line loads before it knows which verb is meant: nothing that only a neighbour needs."""

import subprocess
import sys

_HEAVY = {
    "sqlalchemy",
    "sqlmodel",
    "redis",
    "dramatiq",
    "httpx",
    "google.genai",
    "PIL",
    "pydantic",
    "alembic",
    "numpy",
    "cv2",
}


def modules_after(statement: str) -> set[str]:
    program = f"import sys; {statement}; print(*sys.modules)"
    return set(subprocess.check_output([sys.executable, "-c", program], text=True).split())


def test_every_verb_and_operation_but_the_doctor_s_comes_without_a_library_of_a_neighbour():
    loaded = modules_after("import quel.cli")
    assert {"quel.operations.retry_job", "quel.operations.submit_job"} <= loaded
    assert loaded & _HEAVY == set()


def test_a_worker_that_looks_at_no_takes_loads_nothing_that_only_the_check_needs():
    rooms = "quel.actors.pipeline, quel.actors.runtime, quel.services, quel.adapters.imaging, google.genai"
    assert {"numpy", "cv2"} & modules_after(f"import {rooms}") == set()
    assert {"numpy", "cv2"} <= modules_after("import quel.adapters.imaging.takes.checker")


def test_the_doctor_s_asks_them_all_and_would_be_seen():
    assert {"sqlalchemy", "redis", "alembic"} <= modules_after("import quel.operations.doctor") & _HEAVY
