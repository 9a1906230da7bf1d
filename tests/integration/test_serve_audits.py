"""Audits that are asked for over HTTP and made by a worker, whatever becomes of it."""

from contextlib import closing
from uuid import UUID, uuid4

import pytest

from quel.core.operations.audit_runs import AuditOrder
from quel.environment import read_settings
from quel.operations.audit_runs import begin_audit, find_audit, make_next_audit
from quel.operations.services import OperatorServices
from tests.integration.harness import until


def ended_audit(api, address):
    told = api.ask("GET", address, "viewer").json()
    return told if told["ended_at"] else None


def test_an_audit_is_asked_for_here_and_made_by_a_worker(api):
    studio, member = api.studio, api.studio.member(100)
    workers = api.pipeline.workers()
    job_id = studio.job("simple_general", {"prompt": uuid4().hex}, total_images=2, member=member)
    studio.push(job_id)
    studio.wait([job_id])
    clean = api.ask("POST", "/api/v1/audits", "operator")
    assert (clean.status_code, clean.json()["warning"]) == (202, None)
    told = until(lambda: ended_audit(api, clean.headers["location"]), "it is made")
    assert (told["found"], told["differences"], told["error"], told["actor"]) == (0, [], None, "ops")
    assert told["looked_at"]["jobs"] == 1

    studio.rows(
        "UPDATE quel_credits SET amount = -4 WHERE attach_idx = (SELECT min(attach_idx) FROM quel_credits)"
    )
    asked = {"since": "7d", "objects": False}
    broken = api.ask("POST", "/api/v1/audits", "operator", json=asked)
    told = until(lambda: ended_audit(api, broken.headers["location"]), "it is made")
    [difference] = [each for each in told["differences"] if each["kind"] == "ledger_amount"]
    assert difference["job_id"] == str(job_id)
    assert (told["since_s"], told["objects"]) == (7 * 86_400, False)
    assert told["found"] == len(told["differences"])

    listed = api.ask("GET", "/api/v1/audits", "viewer").json()["items"]
    assert [(each["id"], each["differences"]) for each in listed] == [
        (told["id"], []),
        (clean.json()["id"], []),
    ]
    for role, method, address, status in (
        ("viewer", "POST", "/api/v1/audits", 403),
        ("client", "GET", "/api/v1/audits", 403),
        ("operator", "GET", f"/api/v1/audits/{uuid4()}", 404),
    ):
        assert api.ask(method, address, role).status_code == status
    assert workers.terminate() == 0


@pytest.fixture
def services(pipeline):
    with closing(OperatorServices(read_settings(pipeline.environment()))) as services:
        yield services


def lapse(pipeline):
    pipeline.studio.rows("UPDATE quel.audit SET lease_until = now() - interval '1 s'")


def test_one_is_made_at_a_time_and_one_whose_worker_died_anew(pipeline, services):
    first, second = (begin_audit(services, AuditOrder(objects=False))[0].id for _ in range(2))
    assert services.audit_runs.take() is not None
    make_next_audit(services, lambda: True)
    assert [find_audit(services, each).found for each in (first, second)] == [None, None]
    lapse(pipeline)  # whoever made it has died
    for _ in range(2):
        make_next_audit(services, lambda: True)
    assert [find_audit(services, each).found for each in (first, second)] == [0, 0]
    assert services.audit_runs.take() is None


def test_one_that_ends_its_process_each_time_is_given_up_and_one_that_is_interrupted_is_not(
    pipeline, services
):
    studio = pipeline.studio
    member = studio.member(100)
    pipeline.workers()
    job_id = studio.job("simple_general", {"prompt": uuid4().hex}, total_images=1, member=member)
    studio.push(job_id)
    studio.wait([job_id])
    pipeline.kill()
    audit_id: UUID = begin_audit(services, AuditOrder(objects=False))[0].id
    for _ in range(9):  # a worker that is told to end lets go of it
        make_next_audit(services, lambda: False)
    assert find_audit(services, audit_id).ended_at is None
    for _ in range(3):
        assert services.audit_runs.take() is not None
        lapse(pipeline)
    make_next_audit(services, lambda: True)
    told = find_audit(services, audit_id)
    assert (told.found, told.error) == (None, "It ended the process that made it, 3 times.")
