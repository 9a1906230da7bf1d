"""A thousand jobs at once of a payer who can pay for seven images."""

from contextlib import ExitStack
from pathlib import Path

from quel.sandbox import World
from quel.sandbox.processes import migrate, workers
from quel.sandbox.studio import Studio

JOBS, PAYABLE, PRICE, PROCESSES = 1_000, 7, 5, 3


def test_of_a_thousand_jobs_seven_are_bought_and_the_rest_refused(tmp_path: Path) -> None:
    with World(ready_made=True, latency_s=0.5) as world, ExitStack() as stack:
        migrate(world.environment())
        studio = Studio(world.database_url, world.redis_url, world.storage)
        stack.callback(studio.redis.close)
        member = studio.member(PAYABLE * PRICE)
        data = {"prompt": "A thousand at once."}
        jobs = [studio.job("simple_general", data, total_images=1, member=member) for _ in range(JOBS)]
        for number in range(PROCESSES):
            process = workers(world.environment(), tmp_path / f"{number}.log", threads=8)
            stack.enter_context(process)
        studio.push(*jobs)
        rows = studio.wait(jobs, timeout_s=300).values()
        statuses = [row["job_status"] for row in rows]
        assert (statuses.count("completed"), statuses.count("failed")) == (PAYABLE, JOBS - PAYABLE)
        assert len(world.gemini.calls()) == PAYABLE
        left = studio.rows(
            "SELECT quel_member_credit AS n FROM quel_member WHERE quel_member_id = %s", member
        )
        assert left == [{"n": 0}]
        ledger = studio.rows("SELECT sum(amount) AS booked, count(*) AS lines FROM quel_credits")
        assert ledger == [{"booked": -PAYABLE * PRICE, "lines": PAYABLE}]
        refusals = [row["error_message"] for row in rows if row["job_status"] == "failed"]
        assert all(
            refusal.startswith("Not enough credits: 1 image at 5 credits each") for refusal in refusals
        )
