"""What tests of the sweep say of time, messages and what happens meanwhile."""

from quel.core.pipeline import Step, StepMessage
from quel.core.sweep_stuck_jobs import GRACE_S
from quel.sandbox.memory.sweep_stuck_jobs import SweepStuckJobsRows

STUCK_S = 600.0
MOST = 3


def silence(services, seconds=GRACE_S):
    """Nothing happens for so long."""
    services.clock.advance(seconds)


def fetch(job_id):
    return (StepMessage(Step.FETCH_JOB, job_id),)


def finalize(job_id):
    return (StepMessage(Step.FINALIZE_JOB, job_id),)


def recoveries(events):
    return [entry["cause"] for entry in events if entry["event"] == "sweep.recovered"]


def acts_meanwhile(services, happens):
    """Something happens between the look at the rows and the verdict."""

    class Slow(SweepStuckJobsRows):
        def open_jobs(self, *ages):
            found = super().open_jobs(*ages)
            happens()
            return found

    services.sweep_stuck_jobs = Slow(services.tables)
