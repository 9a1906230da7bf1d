"""Kinds with a path of their own, killed or cancelled in the middle: made and paid for once."""

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.integration.harness import Pipeline, until
from tests.integration.ledger import PRICE, ledger_of_production, member_balance
from tests.integration.own_audit import own_audit
from tests.integration.quel_command import run_quel


def test_killed_in_the_middle_each_image_is_delivered_and_paid_for_once(world, pipeline):
    studio, token = pipeline.studio, uuid4().hex
    member = studio.member(100)
    data = {"sourceAttachId": studio.photograph("coffee.png"), "originalPrompt": token, "userId": "killed"}
    views = studio.job("simple_general", data, total_images=8, member=member, path="multiview")
    first = pipeline.workers(threads=3)
    with world.gemini.holding_back(after=2):
        studio.push(views)
        until(lambda: studio.job_row(views)["completed_images"] >= 3, "the source and two more are delivered")
        first.kill()
    assert studio.job_row(views)["job_status"] == "processing"
    pipeline.let_pass(60)
    pipeline.workers()
    pipeline.sweep_until(lambda: studio.job_row(views)["job_status"] == "completed")
    row = studio.job_row(views)
    assert (row["completed_images"], row["failed_images"]) == (8, 0)
    assert member_balance(studio, member) == 100 - 35
    assert len(ledger_of_production(studio, views)) == 7
    assert len(studio.storage.objects("multiview-images/user-killed/")) == 8
    assert own_audit(studio, objects=True, starting_balances={member: 100}) == []


@pytest.mark.parametrize("moment", ["committing", pytest.param("after", marks=pytest.mark.slow)])
def test_a_death_over_the_source_itself_costs_nothing_and_it_is_there_once(pipeline, moment):
    studio, member = pipeline.studio, pipeline.studio.member(100)
    data = {"sourceAttachId": studio.photograph("coffee.png"), "angles": [0, 90], "userId": moment}
    views = studio.job("simple_general", data, total_images=2, member=member, path="multiview")
    studio.push(views)
    settings = {"QUEL_STUCK_AFTER_S": "1", "QUEL_MAX_RECOVERIES": "100"}
    pipeline.die_at(f"{moment}:GenerateImageRows.mark_given", **settings)
    pipeline.let_pass(60)
    pipeline.workers(**settings)
    pipeline.sweep_until(lambda: studio.job_row(views)["job_status"] == "completed")
    row = studio.job_row(views)
    assert (row["completed_images"], row["failed_images"], row["error_message"]) == (2, 0, None)
    assert member_balance(studio, member) == 100 - PRICE
    assert own_audit(studio, objects=True, starting_balances={member: 100}) == []


def test_a_page_killed_in_the_middle_is_whole_and_a_cancelled_one_is_paid_for_as_far_as_it_came(
    world, pipeline
):
    studio, token = pipeline.studio, uuid4().hex
    members = {name: studio.member(100) for name in ("killed", "cancelled")}
    jobs = {
        name: studio.job(
            "simple_general",
            {"customPrompt": f"{token} {name}.", "userId": name},
            total_images=6,
            member=member,
            path="landing",
        )
        for name, member in members.items()
    }
    killed, cancelled = jobs.values()
    first = pipeline.workers(threads=3)
    with world.gemini.holding_back(after=4):  # their turns alternate
        studio.push(killed, cancelled)
        until(
            lambda: all(studio.job_row(job_id)["completed_images"] >= 1 for job_id in jobs.values()),
            "an image of each is delivered",
        )
        studio.cancel(cancelled)
        first.kill()
    pipeline.let_pass(60)
    pipeline.workers()
    pipeline.sweep_until(lambda: all(closed(studio, job_id) for job_id in jobs.values()))
    row = studio.job_row(cancelled)
    assert row["job_status"] == "user_cancelled"
    assert 1 <= row["completed_images"] < 6
    for name, job_id in jobs.items():
        row, lines = studio.job_row(job_id), ledger_of_production(studio, job_id)
        assert {line["attach_idx"] for line in lines} == set(row["generated_attach_ids"])
        assert {line["description"] for line in lines} == {"Landing Template Generated"}
        assert member_balance(studio, members[name]) == 100 - PRICE * row["completed_images"]
    row = studio.job_row(killed)
    assert (row["job_status"], row["completed_images"], row["failed_images"]) == ("completed", 6, 0)
    starts = dict.fromkeys(members.values(), 100)
    assert own_audit(studio, objects=True, starting_balances=starts) == []


def quel_json(pipeline: Pipeline, *arguments: str) -> Any:
    answer = run_quel(pipeline.environment(), *arguments, "--json")
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def closed(studio, job_id):
    row = studio.job_row(job_id)
    return row if row["completed_at"] else None


def test_cancelled_in_the_middle_only_what_came_is_paid_for_and_retry_makes_the_rest(world, pipeline):
    studio, token = pipeline.studio, uuid4().hex
    member = studio.member(100)
    data = {"sourceAttachId": studio.photograph("coffee.png"), "originalPrompt": token, "userId": "someone"}
    data |= {"angles": list(range(315, -1, -45))}
    views = studio.job("simple_general", data, total_images=8, member=member, path="multiview")
    pipeline.workers(threads=3)
    with world.gemini.holding_back(after=2):
        studio.push(views)
        until(lambda: studio.job_row(views)["completed_images"] >= 2, "two images are delivered")
        studio.cancel(views)
    row = studio.wait([views])[views]
    assert row["job_status"] == "user_cancelled"
    row = until(lambda: closed(studio, views), "its last image is counted")
    assert 2 <= row["completed_images"] < 8
    assert member_balance(studio, member) == 100 - PRICE * len(ledger_of_production(studio, views))
    studio.redis.delete(f"job:{views}:cancelled")
    told = quel_json(pipeline, "retry", "--where", "path=multiview", "--dry-run")
    whole = quel_json(pipeline, "plan", str(views))
    missing, unpaid = 8 - row["completed_images"], 7 - len(ledger_of_production(studio, views))
    assert (told["images"], told["credits"]) == (missing, PRICE * unpaid)
    assert told["cost_usd"] == pytest.approx(whole["cost_usd"] * unpaid / 7, abs=1e-3)
    assert run_quel(pipeline.environment(), "retry", str(views)).returncode == 0
    assert studio.wait([views])[views]["completed_images"] == 8
    assert member_balance(studio, member) == 100 - 35
    assert own_audit(studio, objects=True, starting_balances={member: 100}) == []
