"""`quel audit` on what the pipeline really left behind, and on what somebody broke afterwards."""

import json
import re
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest

from quel.sandbox.gemini import faults
from tests.integration.harness import Pipeline, until
from tests.integration.own_audit import own_audit
from tests.integration.quel_command import run_quel

HUGE = 2**31 + 1_000


@dataclass(frozen=True)
class EndedJobs:
    """A database with ended jobs of every kind, whose workers have stopped."""

    pipeline: Pipeline
    jobs: list[UUID]
    starting_balances: dict[UUID, int]


@pytest.fixture(scope="module")
def ended(world, tmp_path_factory):
    own = Pipeline(world, tmp_path_factory.mktemp("audit"))
    studio, token = own.studio, uuid4().hex
    member, owner = studio.member(1_000), studio.member(0)
    org = studio.organization(owner, HUGE)
    world.gemini.fail_when(f"{token} blocked", faults.finished_for("SAFETY"))
    top = [{"attachId": studio.photograph("brick.png"), "type": "top"}]
    stages = [{"prompt": f"{token} fine", "quantity": 2}, {"prompt": f"{token} blocked", "quantity": 1}]
    ordered = [
        ("simple_general", {"prompt": token, "uploadedAttachIds": top}, 3, None),
        ("pipeline_stage", {"stages": stages}, 3, None),
        ("simple_general", {"prompt": token}, 2, org),
        ("simple_general", {"prompt": f"{token} blocked"}, 2, None),
        ("simple_general", {}, 2, None),
    ]
    jobs = [
        studio.job(form, data, total_images=total, member=owner if paying else member, org=paying)
        for form, data, total, paying in ordered
    ]
    workers = own.workers()
    studio.push(*jobs)
    studio.wait(jobs)
    workers.terminate()
    world.gemini.clear_faults()
    yield EndedJobs(own, jobs, {member: 1_000, org: HUGE})
    own.close()


@pytest.fixture
def copy(ended):
    """A copy of its database, to break."""
    with ended.pipeline.studio_of_a_copy() as studio:
        yield studio


def kinds_in(studio, **options):
    differences = own_audit(studio, look_again_after_s=0.0, **options)
    return sorted({difference.kind for difference in differences})


def test_what_the_pipeline_leaves_agrees_to_the_credit(ended):
    studio = ended.pipeline.studio
    assert [studio.job_row(job)["completed_images"] for job in ended.jobs] == [3, 2, 2, 0, 0]
    assert kinds_in(studio, objects=True, starting_balances=ended.starting_balances) == []


BROKEN = [
    ("UPDATE quel_production_jobs SET completed_images = 1 WHERE job_id = %(job)s", ["completed_images"]),
    ("UPDATE quel_production_jobs SET failed_images = 1 WHERE job_id = %(job)s", ["failed_images"]),
    (
        "UPDATE quel_production_jobs SET generated_attach_ids = '[1, 2]' WHERE job_id = %(job)s",
        ["generated_attach_ids", "production_ids"],
    ),
    (
        "UPDATE quel.image SET state = 'failed', attach_id = NULL WHERE job_id = %(job)s AND image_no = 1",
        ["completed_images", "failed_images", "generated_attach_ids", "stray_attachment", "stray_object"],
    ),
    (
        "DELETE FROM quel_credits WHERE attach_idx = %(attach)s",
        ["ledger_rows", "ledger_chain"],
    ),
    (
        "INSERT INTO quel_credits"
        " (user_id, transaction_type, amount, balance_after, attach_idx, api_provider)"
        " SELECT user_id, transaction_type, amount, balance_after, attach_idx, api_provider"
        " FROM quel_credits WHERE attach_idx = %(attach)s",
        ["ledger_rows", "ledger_production"],
    ),
    ("UPDATE quel_credits SET amount = -6 WHERE attach_idx = %(attach)s", ["ledger_amount"]),
    ("UPDATE quel_attach SET attach_file_size = 1 WHERE attach_id = %(attach)s", ["object_size"]),
    (
        "INSERT INTO quel_attach (attach_file_path) SELECT attach_file_path FROM quel_attach"
        " WHERE attach_id = %(attach)s",
        ["attachment", "object_size", "stray_attachment"],
    ),
    (
        "UPDATE quel_production_photo SET attach_ids = '[]' WHERE production_id = %(production)s",
        ["production_count", "production_ids"],
    ),
    (
        "UPDATE quel_production_photo SET generated_image_count = 99 WHERE production_id = %(production)s",
        ["production_count"],
    ),
    (
        "UPDATE quel_production_photo SET production_status = 'failed' WHERE production_id = %(production)s",
        ["production_status"],
    ),
    (
        "UPDATE quel_member SET quel_member_credit = quel_member_credit - 5"
        " WHERE quel_member_id = %(member)s",
        ["ledger_chain"],
    ),
    (
        "UPDATE quel_member SET quel_member_credit = -1 WHERE quel_member_id = %(member)s",
        ["balance", "ledger_chain"],
    ),
]


@pytest.mark.parametrize(("statement", "kinds"), BROKEN, ids=[" ".join(kinds) for _, kinds in BROKEN])
def test_what_somebody_breaks_is_found_and_nothing_else(ended, copy, statement, kinds):
    row = copy.job_row(ended.jobs[0])
    values = {
        "job": row["job_id"],
        "attach": max(row["generated_attach_ids"]),  # before the first of a ledger nobody knows the balance
        "production": row["production_id"],
        "member": row["quel_member_id"],
    }
    words = re.findall(r"%\((\w+)\)s", statement)
    copy.rows(re.sub(r"%\(\w+\)s", "%s", statement), *(values[word] for word in words))
    assert kinds_in(copy, objects=True) == sorted(kinds)


def test_objects_are_looked_at_in_storage(ended, world):
    studio = ended.pipeline.studio
    path = (
        f"generated-images/user-{studio.job_row(ended.jobs[1])['quel_member_id']}/generated_{ended.jobs[1]}"
    )
    delivered, failed = f"{path}_000.webp", f"{path}_002.webp"
    kept = world.storage.get(delivered)
    world.storage.remove(delivered)
    world.storage.put(failed, b"left behind")
    assert kinds_in(studio, objects=True) == ["object_missing", "stray_object"]
    assert kinds_in(studio) == []
    world.storage.put(delivered, kept)
    world.storage.remove(failed)
    assert kinds_in(studio, objects=True) == []


def test_bought_credits_raise_no_alarm_but_do_not_pass_where_the_start_is_known(ended, copy):
    copy.rows("UPDATE quel_member SET quel_member_credit = quel_member_credit + 50")
    assert kinds_in(copy) == []
    assert kinds_in(copy, starting_balances=ended.starting_balances) == ["balance"]


def test_the_command_says_which_and_ends_with_1(ended, copy):
    well = run_quel(ended.pipeline.environment(), "audit")
    assert (well.returncode, well.stdout.strip()) == (0, "No difference.")
    copy.rows("UPDATE quel_production_jobs SET completed_images = 9 WHERE job_id = %s", ended.jobs[0])
    environment = ended.pipeline.environment(DATABASE_URL=copy.database_url, SUPABASE_URL="")
    unwell = run_quel(environment, "audit", "--no-objects", "--since", "24h", "--json")
    assert unwell.returncode == 1
    (difference,) = json.loads(unwell.stdout)
    assert (difference["kind"], difference["job_id"]) == ("completed_images", str(ended.jobs[0]))
    assert "is 9, but its images say 3" in difference["message"]


def test_a_missing_setting_is_named(ended):
    answer = run_quel(ended.pipeline.environment(SUPABASE_SERVICE_KEY=""), "audit")
    assert (answer.returncode, "SUPABASE_SERVICE_KEY" in answer.stderr) == (2, True)


def test_a_look_while_images_are_being_made_raises_no_alarm(pipeline):
    studio = pipeline.studio  # its own: other tests spend the shared members' credits without a ledger row
    pipeline.workers()
    member = studio.member(1_000)
    jobs = [
        studio.job("simple_general", {"prompt": uuid4().hex}, total_images=20, member=member)
        for _ in range(2)
    ]
    studio.push(*jobs)
    until(lambda: studio.job_row(jobs[0])["completed_images"] >= 1, "an image is there")
    looks = 0
    while any(studio.job_row(job)["completed_at"] is None for job in jobs):
        assert own_audit(studio, objects=True, look_again_after_s=1.0) == []
        looks += 1
    assert looks >= 1
    assert own_audit(studio, objects=True, starting_balances={member: 1_000}) == []
