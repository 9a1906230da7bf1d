"""Every promise about images, objects, ids and credits, checked from SQL and the bucket alone.

It shares no code and no query with quel, so that both cannot be wrong in the same way.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from quel.sandbox.studio import Studio

PRICE = 5
_RESULT = re.compile(r"^generated-images/user-[A-Za-z0-9_-]+/generated_([0-9a-f-]{36})_(\d+)\.webp$")
_ENDED = {"completed", "failed", "user_cancelled"}


@dataclass
class Findings:
    """What an audit found: sentences by kind of promise, and the figures for a table."""

    broken: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    jobs: int = 0
    stored: int = 0
    stray_objects: list[str] = field(default_factory=list)

    def note(self, kind: str, sentence: str) -> None:
        self.broken[kind].append(sentence)

    def sentences(self) -> list[str]:
        return [f"{kind}: {sentence}" for kind, some in self.broken.items() for sentence in some]


def audit(
    studio: Studio,
    *,
    starting_credits: Mapping[UUID, int],
    customers: Iterable[str] | None = None,
    before: Iterable[int] = (),
) -> Findings:
    """Checks a whole database. `starting_credits` maps organizations and members to what they began with.

    `customers` are the user folders of the bucket that belong to this database, None means all of them;
    `before` the attach ids that stood in jobs before quel came.
    """
    findings = Findings()
    jobs = studio.rows("SELECT * FROM quel_production_jobs")
    attached = {
        row["attach_id"]: row
        for row in studio.rows("SELECT * FROM quel_attach WHERE attach_file_path LIKE 'generated-images/%%'")
    }
    findings.jobs, findings.stored = len(jobs), len(attached)
    for job in jobs:
        _check_job(findings, job, attached, set(before))
    _check_references(findings, jobs, attached)
    _check_pipeline(findings, studio)
    _check_productions(findings, studio, jobs)
    _check_objects(findings, studio, attached, customers)
    _check_ledger(findings, studio, attached, starting_credits)
    return findings


def _check_job(
    findings: Findings, job: Mapping[str, Any], attached: Mapping[int, Mapping[str, Any]], before: set[int]
) -> None:
    name, status, ids = str(job["job_id"]), job["job_status"], job["generated_attach_ids"]
    if status not in _ENDED or job["completed_at"] is None:
        findings.note("jobs left open", f"{name} is {status}.")
        return
    made = [attach_id for attach_id in ids if attach_id not in before]
    if len(set(ids)) < len(ids):
        findings.note("ids", f"{name} names an id twice: {ids}.")
    if job["completed_images"] != len(ids):
        findings.note("counts", f"{name} counts {job['completed_images']} images and names {len(ids)}.")
    numbers = []
    for attach_id in made:
        match = _RESULT.match(attached[attach_id]["attach_file_path"]) if attach_id in attached else None
        if match is None or match[1] != name:
            findings.note("lost", f"{name} names {attach_id}, which is no image of its own.")
        else:
            numbers.append(int(match[2]))
    if numbers != sorted(set(numbers)):
        findings.note("order", f"{name} has its images in the order {numbers}.")
    _check_end(findings, job)


def _check_end(findings: Findings, job: Mapping[str, Any]) -> None:
    name, status, ids = str(job["job_id"]), job["job_status"], job["generated_attach_ids"]
    expected = {"completed"} if ids else {"failed"}
    if status not in expected | {"user_cancelled"}:
        findings.note("status", f"{name} is {status} with {len(ids)} images.")
    if status == "failed" and job["failed_images"] != max(job["total_images"], 0):
        findings.note("counts", f"{name} failed with {job['failed_images']} of {job['total_images']}.")
    if status == "completed" and len(ids) + job["failed_images"] != job["total_images"]:
        findings.note("counts", f"{name}: {len(ids)} + {job['failed_images']} of {job['total_images']}.")
    if (status == "failed" or job["failed_images"]) and not job["error_message"]:
        findings.note("reasons", f"{name} gives no reason.")


def _check_references(
    findings: Findings, jobs: list[dict[str, Any]], attached: Mapping[int, Mapping[str, Any]]
) -> None:
    named = Counter(attach_id for job in jobs for attach_id in job["generated_attach_ids"])
    for attach_id, row in attached.items():
        if named[attach_id] != 1:
            findings.note("lost", f"Image {row['attach_file_path']} is named by {named[attach_id]} jobs.")
    for path, times in Counter(row["attach_file_path"] for row in attached.values()).items():
        if times > 1:
            findings.note("stored twice", f"{path} has {times} attach rows.")


def _check_pipeline(findings: Findings, studio: Studio) -> None:
    left = studio.rows(
        "SELECT i.job_id, i.image_no, i.state FROM quel.image i JOIN quel_production_jobs j USING (job_id)"
        " WHERE j.job_status NOT IN ('pending', 'processing')"
        " AND i.state NOT IN ('stored', 'failed', 'cancelled')"
    )
    for row in left:
        findings.note(
            "jobs left open", f"{row['job_id']} has ended, its image {row['image_no']} is {row['state']}."
        )


def _check_productions(findings: Findings, studio: Studio, jobs: list[dict[str, Any]]) -> None:
    of_production = defaultdict(list)
    for job in jobs:
        of_production[job["production_id"]].append(job)
    for row in studio.rows("SELECT * FROM quel_production_photo"):
        siblings = of_production[row["production_id"]]
        ids = [attach_id for job in siblings for attach_id in job["generated_attach_ids"]]
        if not siblings:
            continue
        if sorted(row["attach_ids"] or []) != sorted(ids) or row["generated_image_count"] != len(ids):
            findings.note(
                "productions",
                f"{row['production_id']} has {row['attach_ids']} ({row['generated_image_count']}) of {ids}.",
            )
        statuses = {job["job_status"] for job in siblings}
        status = next(s for s in ("completed", "user_cancelled", "failed") if s in statuses or s == "failed")
        if row["production_status"] != status:
            findings.note(
                "productions", f"{row['production_id']} is {row['production_status']}, not {status}."
            )


def _check_objects(
    findings: Findings,
    studio: Studio,
    attached: Mapping[int, Mapping[str, Any]],
    customers: Iterable[str] | None,
) -> None:
    prefixes = (
        ["generated-images/"] if customers is None else [f"generated-images/user-{c}/" for c in customers]
    )
    held = {
        one.path: one
        for one in studio.storage.objects("generated-images/")
        if one.path.startswith(tuple(prefixes))
    }
    by_path = {row["attach_file_path"]: row for row in attached.values()}
    for path, row in by_path.items():
        if path not in held:
            findings.note("lost", f"{path} has an attach row and no object.")
        elif held[path].size_bytes != row["attach_file_size"]:
            findings.note("sizes", f"{path} has {held[path].size_bytes} bytes: {row['attach_file_size']}.")
    findings.stray_objects = sorted(held.keys() - by_path.keys())


def _check_ledger(
    findings: Findings,
    studio: Studio,
    attached: Mapping[int, Mapping[str, Any]],
    starting_credits: Mapping[UUID, int],
) -> None:
    ledger = studio.rows("SELECT * FROM quel_credits")
    booked = Counter(row["attach_idx"] for row in ledger)
    for attach_id, row in attached.items():
        if booked[attach_id] != 1:
            kind = "charged twice" if booked[attach_id] else "not charged"
            findings.note(kind, f"{row['attach_file_path']} has {booked[attach_id]} ledger rows.")
    for row in ledger:
        if row["attach_idx"] not in attached:
            findings.note("charged twice", f"A ledger row names {row['attach_idx']}, no image of quel's.")
        if row["amount"] != -PRICE or row["transaction_type"] != "DEDUCT":
            findings.note("ledger", f"A ledger row takes {row['amount']} as {row['transaction_type']}.")
    balances = studio.rows(
        "SELECT org_id AS id, org_credit AS credits FROM quel_organization"
        " UNION ALL SELECT quel_member_id, quel_member_credit FROM quel_member"
    )
    for row in balances:
        own = [each for each in ledger if (each["org_id"] or each["user_id"]) == row["id"]]
        start = starting_credits[row["id"]]
        if row["credits"] != start + sum(each["amount"] for each in own):
            findings.note("ledger", f"{row['id']} has {row['credits']}, not {start} and its ledger.")
        if row["credits"] < 0:
            findings.note("ledger", f"{row['id']} is below zero.")
        if sorted(each["balance_after"] for each in own) != [
            start - PRICE * number for number in range(len(own), 0, -1)
        ]:
            findings.note("ledger", f"{row['id']} has balances in its ledger that do not follow each other.")
