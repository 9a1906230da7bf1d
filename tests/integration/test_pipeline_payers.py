"""Who pays, who is refused before anything is spent, and what the ledger says."""

from collections.abc import Mapping
from contextlib import closing
from typing import Any
from uuid import uuid4

import pytest

from quel.core.generate_image import ClaimedImage
from quel.core.open_paths import EveryPath
from quel.core.outcome import PictureBytes
from quel.environment import read_settings
from quel.observe.events import Event, hearing
from quel.services import Services
from quel.stages.fetch_job import fetch_job
from quel.stages.finalize_job import finalize_job
from quel.stages.persist_output import persist_output
from quel.stages.prepare_inputs import prepare_inputs
from tests.integration.harness import until
from tests.integration.ledger import (
    PRICE,
    assert_books_agree,
    ledger,
    ledger_of_production,
    member_balance,
    organization_balance,
    production_of,
    results_of,
)


def run(studio, token="a hill", *, images=1, **columns):
    job_id = studio.job("simple_general", {"prompt": token}, total_images=images, **columns)
    studio.push(job_id)
    return job_id, studio.wait([job_id])[job_id]


def assert_refused(studio, job_id, row, images):
    assert (row["job_status"], row["completed_images"], row["failed_images"]) == ("failed", 0, images)
    assert row["completed_at"] is not None
    assert production_of(studio, job_id)["production_status"] == "failed"
    assert ledger_of_production(studio, job_id) == []


def test_an_active_organization_pays_and_the_ledger_names_the_member(studio, workers):
    member = studio.member(7)
    org = studio.organization(member, 100)
    job_id, row = run(studio, images=3, member=member, org=org)
    assert row["job_status"] == "completed"
    assert_books_agree(studio, job_id)
    assert (organization_balance(studio, org), member_balance(studio, member)) == (100 - 3 * PRICE, 7)
    lines = ledger(studio, row["generated_attach_ids"])
    assert [line["balance_after"] for line in lines] == [95, 90, 85]
    assert {(line["user_id"], line["used_by_member_id"], line["org_id"]) for line in lines} == {
        (member, member, org)
    }


@pytest.mark.parametrize("status", ["pending", "inactive", "suspended", "deleted"])
def test_the_member_pays_where_the_organization_is_not_active(studio, workers, status):
    member = studio.member(20)
    org = studio.organization(member, 1_000, status=status)
    job_id, row = run(studio, member=member, org=org)
    assert_books_agree(studio, job_id)
    assert (organization_balance(studio, org), member_balance(studio, member)) == (1_000, 20 - PRICE)
    [line] = ledger(studio, row["generated_attach_ids"])
    assert (line["balance_after"], line["org_id"], line["used_by_member_id"]) == (15, None, None)


def test_a_member_without_an_organization_pays(studio, workers):
    member = studio.member(20)
    job_id, row = run(studio, member=member)
    assert_books_agree(studio, job_id)
    [line] = ledger(studio, row["generated_attach_ids"])
    assert (line["user_id"], line["balance_after"], line["org_id"]) == (member, 15, None)


def test_the_user_of_the_input_pays_where_the_row_names_no_member(studio, workers):
    member = studio.member(20)
    data = {"prompt": "a hill", "userId": str(member).upper()}
    job_id = studio.job("simple_general", data, total_images=1, member=None)
    studio.push(job_id)
    assert studio.wait([job_id])[job_id]["job_status"] == "completed"
    assert_books_agree(studio, job_id)
    assert member_balance(studio, member) == 20 - PRICE


def test_the_ledger_of_an_organizations_job_without_a_member_names_the_owner(studio, workers):
    owner = studio.member(0)
    org = studio.organization(owner, 20)
    job_id, row = run(studio, member=None, org=org)
    assert row["job_status"] == "completed"
    assert_books_agree(studio, job_id)
    assert ledger(studio, row["generated_attach_ids"])[0]["user_id"] == owner
    assert organization_balance(studio, org) == 20 - PRICE


@pytest.mark.parametrize("kind", ["member", "organization"])
def test_a_payer_without_enough_credit_is_refused_before_the_provider_is_called(world, studio, workers, kind):
    token = uuid4().hex
    member = studio.member(14 if kind == "member" else 500)
    org = studio.organization(member, 14) if kind == "organization" else None
    job_id, row = run(studio, token, images=3, member=member, org=org)
    assert_refused(studio, job_id, row, 3)
    for word in ("credits", "15", "5", "14"):
        assert word in row["error_message"]
    assert world.calls(token) == []
    assert member_balance(studio, member) == (14 if kind == "member" else 500)


def test_exactly_enough_credit_is_enough(studio, workers):
    member = studio.member(3 * PRICE)
    _, row = run(studio, images=3, member=member)
    assert row["completed_images"] == 3
    assert member_balance(studio, member) == 0


def test_a_job_that_nobody_can_be_found_for_is_refused(world, studio, workers):
    token = uuid4().hex
    stranger = {"prompt": token, "userId": str(uuid4())}
    orphaned = studio.organization(uuid4(), 1_000)
    jobs = [
        studio.job("simple_general", stranger, total_images=2, member=None),
        studio.job("simple_general", {"prompt": token}, total_images=2, member=None),
        studio.job("simple_general", stranger, total_images=2, member=None, org=orphaned),
    ]
    studio.push(*jobs)
    for job_id, row in studio.wait(jobs).items():
        assert_refused(studio, job_id, row, 2)
        assert "member" in row["error_message"]
    assert world.calls(token) == []


def test_two_jobs_on_one_balance_never_take_it_below_zero(studio, workers):
    member = studio.member(6 * PRICE)
    jobs = [studio.job("simple_general", {"prompt": "x"}, total_images=4, member=member) for _ in range(2)]
    studio.push(*jobs)
    rows = studio.wait(jobs).values()
    made = sum(row["completed_images"] for row in rows)
    assert made in (4, 6)  # the second is refused whole where the first has paid before it is looked at
    assert sum(row["failed_images"] for row in rows) == 8 - made
    assert "credits" in "".join(row["error_message"] or "" for row in rows)
    assert member_balance(studio, member) == (6 - made) * PRICE
    for job_id in jobs:
        assert_books_agree(studio, job_id)


def test_a_balance_that_runs_dry_midway_fails_the_rest_and_leaves_no_object(world, pipeline):
    """The balance is emptied by somebody else while the provider is at work."""
    studio = pipeline.studio
    pipeline.workers(IMAGE_PER_PRICE=7)
    member, token = studio.member(100), uuid4().hex
    with world.gemini.holding_back():
        job_id = studio.job("simple_general", {"prompt": token}, total_images=4, member=member)
        studio.push(job_id)
        until(lambda: len(world.calls(token)) == 4, "all four are being made")
        studio.rows("UPDATE quel_member SET quel_member_credit = 15")
    row = studio.wait([job_id])[job_id]
    assert (row["job_status"], row["completed_images"], row["failed_images"]) == ("completed", 2, 2)
    assert "credits" in row["error_message"]
    assert_books_agree(studio, job_id, price=7)
    assert member_balance(studio, member) == 1
    until(lambda: len(results_of(studio, job_id)) == 2, "what could not be paid is gone from the bucket")


def test_the_ledger_caps_a_balance_beyond_32_bits_and_the_balance_does_not(studio, workers):
    owner = studio.member(0)
    org = studio.organization(owner, 3_000_000_000)
    job_id, row = run(studio, images=2, member=owner, org=org)
    assert_books_agree(studio, job_id)
    lines = ledger(studio, row["generated_attach_ids"])
    assert [line["balance_after"] for line in lines] == [2_147_483_647] * 2
    assert organization_balance(studio, org) == 3_000_000_000 - 2 * PRICE


def test_the_log_gives_the_reason_that_the_row_gives_when_credits_run_dry(world, pipeline):
    """The balance is emptied between the provider's answer and its delivery."""
    studio = pipeline.studio
    member = studio.member(100)
    job_id = studio.job("simple_general", {"prompt": "x"}, total_images=2, member=member)
    told: list[tuple[Event, Mapping[str, Any]]] = []
    hear = hearing(lambda event, fields: told.append((event, fields)))
    with closing(Services(read_settings(pipeline.environment()))) as services, hear:
        fetch_job(services, job_id)
        prepare_inputs(services, job_id)
        made = services.generate_image.claim("a lease", EveryPath())
        assert isinstance(made, ClaimedImage)
        answer = PictureBytes(world.photograph("brick.png"), "image/png")
        services.blobs.put_output(job_id, made.image_no, answer)
        services.generate_image.mark_made(made, 0.03)
        studio.rows("UPDATE quel_member SET quel_member_credit = 1")
        persist_output(services, job_id, made.image_no)
        finalize_job(services, job_id)
    [failed] = [fields for event, fields in told if event is Event.IMAGE_FAILED]
    assert (failed["code"], failed["images"]) == ("ran_dry", 2)
    assert studio.job_row(job_id)["error_message"] == f"All 2 images failed: {failed['reason']}"
