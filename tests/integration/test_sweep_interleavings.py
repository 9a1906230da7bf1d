"""Between a sweep's look and its act a worker may have its turn: what moved meanwhile is not judged.

The real sweep runs here against real servers, and is held between the two; what happens meanwhile is done by
the real stages.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from quel.core.errors import ServiceUnavailable
from quel.core.open_paths import EveryPath
from quel.core.operations.retry_job import Missing
from quel.core.outcome import PictureBytes
from quel.core.ports.rows import SweepStuckJobsRows
from quel.core.sweep_stuck_jobs import OpenJobs
from quel.environment import read_settings
from quel.operations.retry_job import retry_job
from quel.operations.services import OperatorServices
from quel.services import Services
from quel.stages.fetch_job import fetch_job
from quel.stages.finalize_job import finalize_job
from quel.stages.persist_output import persist_output
from quel.stages.prepare_inputs import prepare_inputs
from quel.stages.sweep_stuck_jobs import sweep_stuck_jobs
from tests.integration.ledger import assert_books_agree, ledger_of_production, member_balance

LONG_AGO_S = 700  # beyond the default of QUEL_STUCK_AFTER_S


class HeldBetweenLookAndAct:
    """The rows of the sweep; when they have been looked at, something happens before anybody acts on them."""

    def __init__(self, rows: SweepStuckJobsRows, meanwhile: Callable[[], object]) -> None:
        self._rows, self._meanwhile = rows, meanwhile

    def open_jobs(self, stuck_after_s: float, adopt_within_s: float, default_path: str) -> OpenJobs | None:
        seen = self._rows.open_jobs(stuck_after_s, adopt_within_s, default_path)
        self._meanwhile()
        return seen

    def __getattr__(self, name: str):
        return getattr(self._rows, name)


@pytest.fixture
def services(pipeline) -> Iterator[Services]:
    """The neighbours of one process that runs stages by hand; no worker lives beside it."""
    with closing(Services(read_settings(pipeline.environment()), threads=4)) as services:
        yield services


def sweep(services: Services, meanwhile: Callable[[], object]) -> None:
    rows = services.sweep_stuck_jobs
    services.sweep_stuck_jobs = HeldBetweenLookAndAct(rows, meanwhile)
    sweep_stuck_jobs(services)
    services.sweep_stuck_jobs = rows


def prepared_job(pipeline, services, images=2, **columns) -> tuple[UUID, UUID]:
    member = pipeline.studio.member(100)
    job_id = pipeline.studio.job(
        "simple_general", {"prompt": uuid4().hex}, total_images=images, member=member, **columns
    )
    fetch_job(services, job_id)
    prepare_inputs(services, job_id)
    return job_id, member


def silent_in_vain(pipeline, job_id):
    """The job has been recovered as often as it may be, and is silent: the next sweep would close it."""
    pipeline.studio.rows("UPDATE quel.job SET fruitless_recoveries = 3 WHERE job_id = %s", job_id)
    pipeline.let_pass(LONG_AGO_S)


def states(pipeline) -> list[str]:
    return [row["state"] for row in pipeline.studio.rows("SELECT state FROM quel.image ORDER BY image_no")]


def make(world, services):
    """What a worker does with the image whose turn it is, when the provider answers."""
    claimed = services.generate_image.claim(uuid4().hex, EveryPath())
    services.blobs.put_output(
        claimed.job_id, claimed.image_no, PictureBytes(world.photograph("brick.png"), "image/png")
    )
    services.generate_image.mark_made(claimed, 0.03)


def test_an_image_that_was_paid_for_after_the_look_is_kept_and_delivered(world, pipeline, services):
    job_id, member = prepared_job(pipeline, services)
    silent_in_vain(pipeline, job_id)

    def a_worker_has_its_turn():
        make(world, services)

    sweep(services, a_worker_has_its_turn)
    assert pipeline.studio.job_row(job_id)["job_status"] == "processing"
    assert states(pipeline) == ["made", "ready"]
    persist_output(services, job_id, 0)
    assert states(pipeline) == ["stored", "ready"]
    assert member_balance(pipeline.studio, member) == 95


def test_an_image_that_was_taken_after_the_look_is_not_given_up_under_its_lease(pipeline, services):
    job_id, _ = prepared_job(pipeline, services)
    silent_in_vain(pipeline, job_id)
    sweep(services, lambda: services.generate_image.claim(uuid4().hex, EveryPath()))
    assert pipeline.studio.job_row(job_id)["job_status"] == "processing"
    assert states(pipeline) == ["generating", "ready"]


def test_a_lease_that_was_renewed_after_the_look_keeps_its_image(pipeline, services):
    job_id, _ = prepared_job(pipeline, services)
    claimed = services.generate_image.claim(uuid4().hex, EveryPath())
    silent_in_vain(pipeline, job_id)  # the lease is silent as well
    sweep(services, lambda: services.generate_image.renew([claimed.lease]))
    assert pipeline.studio.job_row(job_id)["job_status"] == "processing"
    assert states(pipeline) == ["generating", "ready"]


def test_what_did_not_move_is_given_up(pipeline, services):
    job_id, _ = prepared_job(pipeline, services)
    silent_in_vain(pipeline, job_id)
    sweep(services, lambda: None)
    row = pipeline.studio.job_row(job_id)
    assert (row["job_status"], row["failed_images"]) == ("failed", 2)


def test_a_job_that_was_delivered_after_the_look_is_not_recovered(world, pipeline, services):
    job_id, _ = prepared_job(pipeline, services, images=1)
    pipeline.let_pass(LONG_AGO_S)

    def workers_finish_it():
        make(world, services)
        persist_output(services, job_id, 0)
        finalize_job(services, job_id)

    sweep(services, workers_finish_it)
    row = pipeline.studio.job_row(job_id)
    assert (row["job_status"], row["retry_count"]) == ("completed", 0)
    assert_books_agree(pipeline.studio, job_id)


def test_a_pending_job_that_was_claimed_after_the_look_is_neither_recovered_nor_closed(pipeline, services):
    studio = pipeline.studio
    job_id = studio.job("simple_general", {"prompt": "a hill"}, total_images=1, member=studio.member())
    studio.rows("INSERT INTO quel.pending_job (job_id, recoveries) VALUES (%s, 3)", job_id)
    pipeline.let_pass(LONG_AGO_S)
    sweep(services, lambda: fetch_job(services, job_id))
    row = studio.job_row(job_id)
    assert (row["job_status"], row["retry_count"]) == ("processing", 0)


@pytest.mark.parametrize("recovered", [0, 3])
def test_an_orphan_whose_server_shows_a_sign_of_life_after_the_look_stays_with_it(
    pipeline, services, recovered
):
    studio = pipeline.studio
    job_id = studio.job(
        "simple_general", {"prompt": "a"}, total_images=2, member=studio.member(), job_status="processing"
    )
    studio.rows("INSERT INTO quel.pending_job (job_id, adoptions) VALUES (%s, %s)", job_id, recovered)
    pipeline.let_pass(LONG_AGO_S)
    statement = "UPDATE quel_production_jobs SET completed_images = 1 WHERE job_id = %s"
    sweep(services, lambda: studio.rows(statement, job_id))
    row = studio.job_row(job_id)
    assert (row["job_status"], row["completed_images"], row["retry_count"]) == ("processing", 1, 0)
    assert ledger_of_production(studio, job_id) == []


def test_recoveries_are_counted_by_phase_and_the_products_count_is_never_read(pipeline, services):
    studio = pipeline.studio
    job_id = studio.job(
        "simple_general", {"prompt": "a"}, total_images=1, member=studio.member(), retry_count=50
    )
    pipeline.let_pass(LONG_AGO_S)
    sweep(services, lambda: None)
    assert studio.rows("SELECT recoveries, adoptions FROM quel.pending_job") == [
        {"recoveries": 1, "adoptions": 0}
    ]
    fetch_job(services, job_id)
    assert studio.rows("SELECT * FROM quel.pending_job") == []
    pipeline.let_pass(LONG_AGO_S)
    sweep(services, lambda: None)
    row = studio.job_row(job_id)
    assert (row["job_status"], row["retry_count"]) == ("processing", 52)
    assert studio.rows("SELECT fruitless_recoveries AS n FROM quel.job")[0]["n"] == 1


def test_an_answer_that_was_kept_before_its_worker_died_is_never_given_up(world, pipeline, services):
    job_id, _ = prepared_job(pipeline, services, images=1)
    claimed = services.generate_image.claim(uuid4().hex, EveryPath())
    services.blobs.put_output(
        claimed.job_id, claimed.image_no, PictureBytes(world.photograph("brick.png"), "image/png")
    )
    silent_in_vain(pipeline, job_id)
    sweep(services, lambda: None)
    assert pipeline.studio.job_row(job_id)["job_status"] == "processing"
    assert states(pipeline) == ["ready"]  # the next worker finds the answer


def set_back(pipeline, job_id):
    pipeline.studio.rows("UPDATE quel_production_jobs SET job_status = 'pending' WHERE job_id = %s", job_id)


def test_a_new_claim_leaves_what_is_paid_for_or_at_the_provider_where_it_is(world, pipeline, services):
    job_id, _ = prepared_job(pipeline, services, images=3)
    make(world, services)
    services.generate_image.claim(uuid4().hex, EveryPath())
    set_back(pipeline, job_id)
    fetch_job(services, job_id)
    assert pipeline.studio.job_row(job_id)["job_status"] == "processing"
    assert states(pipeline) == ["made", "generating", "planned"]


def test_a_new_claim_is_paid_by_the_payer_of_the_first_or_refused(pipeline, services):
    studio = pipeline.studio
    member = studio.member(100)
    org = studio.organization(member, 100)
    job_id = studio.job("simple_general", {"prompt": "a"}, total_images=1, member=member, org=org)
    fetch_job(services, job_id)
    studio.rows("UPDATE quel_organization SET org_status = 'suspended' WHERE org_id = %s", org)
    set_back(pipeline, job_id)
    fetch_job(services, job_id)
    row = studio.job_row(job_id)
    assert (row["job_status"], row["completed_images"]) == ("failed", 0)
    assert row["error_message"] == "The organization that pays for this job is not active any more."


def test_trouble_with_productions_keeps_no_job_waiting(pipeline, services):
    studio = pipeline.studio
    job_id = studio.job("simple_general", {"prompt": "a"}, total_images=1, member=studio.member())
    pipeline.let_pass(LONG_AGO_S)
    rows = services.sweep_stuck_jobs

    class Troubled(HeldBetweenLookAndAct):
        def reconcile_productions(self):
            raise ServiceUnavailable("PostgreSQL cannot answer now.")

    services.sweep_stuck_jobs = Troubled(rows, lambda: None)
    assert [message.job_id for message in sweep_stuck_jobs(services)] == [job_id]


def test_no_transaction_is_open_while_redis_is_asked(pipeline, services, monkeypatch):
    prepared_job(pipeline, services)
    pipeline.let_pass(LONG_AGO_S)
    open_meanwhile = []

    def watched(ask):
        def asked(*asked_for):
            open_meanwhile.extend(
                pipeline.studio.rows(
                    "SELECT state FROM pg_stat_activity WHERE datname = current_database()"
                    " AND application_name = 'quel' AND state LIKE %s",
                    "idle in transaction%",
                )
            )
            return ask(*asked_for)

        return asked

    redis = {"queues": ("foreign_ids", "waiting"), "cancellations": ("cancelled_among",)}
    for neighbour, methods in redis.items():
        for method in methods:
            port = getattr(services, neighbour)
            monkeypatch.setattr(port, method, watched(getattr(port, method)))
    sweep_stuck_jobs(services)
    assert open_meanwhile == []


def test_one_sweep_looks_at_a_time(pipeline, services):
    prepared_job(pipeline, services)
    pipeline.let_pass(LONG_AGO_S)
    rules = services.rules
    with services.database.held() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('quel.sweep'))"))
        assert services.sweep_stuck_jobs.open_jobs(rules.stuck_after_s, 60, "fashion") is None
        assert sweep_stuck_jobs(services) == ()
    assert services.sweep_stuck_jobs.open_jobs(rules.stuck_after_s, 60, "fashion") is not None


class HeldAfterTheKeyWasSeen:
    """Rows and their callers; something happens between the look at a cancel key and a call by `name`."""

    def __init__(self, rows: object, name: str, meanwhile: Callable[[], object]) -> None:
        self._rows, self._name, self._meanwhile = rows, name, meanwhile

    def __getattr__(self, name: str):
        if name == self._name:
            self._name = ""
            self._meanwhile()
        return getattr(self._rows, name)


@pytest.mark.parametrize("at", ["the mark in its row", "its close"])
def test_a_job_that_is_taken_up_again_is_not_cancelled_by_the_key_of_the_run_before(pipeline, services, at):
    job_id, _ = prepared_job(pipeline, services)
    pipeline.studio.cancel(job_id)
    finalize_job(services, job_id)  # closed as cancelled; another message about it is still on its way
    assert pipeline.studio.job_row(job_id)["job_status"] == "user_cancelled"

    def take_up_again() -> None:
        with closing(OperatorServices(read_settings(pipeline.environment()))) as operator:
            retry_job(operator, job_id, Missing())

    keys, rows = services.cancellations, services.finalize_job
    if at == "its close":
        services.finalize_job = HeldAfterTheKeyWasSeen(rows, "close", take_up_again)
    else:
        keys._rows = HeldAfterTheKeyWasSeen(keys._rows, "mark_in_hand", take_up_again)
    finalize_job(services, job_id)
    row = pipeline.studio.job_row(job_id)
    assert (row["job_status"], row["completed_at"]) == ("processing", None)
    states = pipeline.studio.rows("SELECT state FROM quel.image WHERE job_id = %s", job_id)
    assert [image["state"] for image in states] == ["planned", "planned"]

    pipeline.studio.cancel(job_id)  # and by a new one it is
    finalize_job(services, job_id)
    assert pipeline.studio.job_row(job_id)["job_status"] == "user_cancelled"
