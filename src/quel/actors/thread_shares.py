"""How many threads of a process one step may take, so that no step waits for the end of another's backlog.

A process that serves one step gives it all of them. Where it serves several, calls that take seconds leave a
thread to the short steps, and a backlog of jobs to fetch or prepare leaves most to those that come after.
Receivers of webhooks that hang take a quarter and no more.
"""

from collections.abc import Collection

from quel.core.pipeline import Step


def thread_shares(steps: Collection[Step], threads: int) -> dict[Step, int]:
    """The most messages of each step that a process of so many threads works on at once."""
    if len(steps) == 1:
        return dict.fromkeys(steps, threads)
    shares = {
        Step.FETCH_JOB: threads // 4,
        Step.PREPARE_INPUTS: threads // 2,
        Step.DELIVER_WEBHOOK: threads // 4,
        Step.GENERATE_IMAGE: threads - max(1, threads // 8),
    }
    return {step: max(1, shares.get(step, threads)) for step in steps}
