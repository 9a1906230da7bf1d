"""Every moment between the push of an id and the closed job at which a process can die, and what repairs it.

A moment is named as `quel.sandbox.crash_points` takes it. The moments right after one call and right before
the next are the same one, so most calls stand here with `before` alone; writes have a moment between their
last statement and the commit as well. `python -m tests.chaos.death_points` prints the table of
docs/reliability.md.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum


class Repair(Enum):
    """What mends it, and within how many seconds with the settings' defaults."""

    ON_THE_LIST = ("the id is still on its list, the next process takes it", 0)
    RESCUE = ("another bridge puts the id back on its list", 60)
    MESSAGE = ("the message comes back, or the sweep sends a new one", 120)
    SWEEP = ("the sweep finds the rows that do not move", 120)
    LEASE = ("the lease lapses after 30 s, the sweep frees the image", 90)
    LINE = ("a bridge takes the job up from the line again", 63)
    HOLD = ("the hold lapses after 30 s, a worker looks for jobs to prepare", 32)
    TURNS = ("a worker looks for jobs to prepare", 2)
    WEBHOOK = ("the try's lease lapses after 120 s, the sweep has it sent again", 180)
    ADMISSION = ("a worker looks for images that are ready", 3)
    NOTHING = ("nothing is left to do", 0)


@dataclass(frozen=True)
class DeathPoint:
    """One death. `paid_again` images are bought once more at the provider."""

    scenario: str
    at: str
    lost: str
    repair: Repair
    paid_again: int = 0

    @property
    def name(self) -> str:
        return f"{self.scenario}/{self.at}"


NO_WORK = "nothing"
A_MESSAGE = "a message not acknowledged"
AN_ATTEMPT = "work that had not been written"
THE_NEXT = "the message to the next stage"
A_LEASE = "a worker that holds a lease"
BYTES = "bytes in Redis, until the message comes back"

_WHOLE_JOB: list[tuple[str, str, Repair]] = [
    ("before:GenerateImageRows.due", NO_WORK, Repair.ON_THE_LIST),
    ("before:ReliableQueue.take", NO_WORK, Repair.ON_THE_LIST),
    ("after:ReliableQueue.take", "a bridge with an id in its hands", Repair.RESCUE),
    ("before:send.fetch_job", "a bridge with an id in its hands", Repair.RESCUE),
    ("after:send.fetch_job", "a bridge with an id it has handed on", Repair.MESSAGE),
    ("after:ReliableQueue.done", NO_WORK, Repair.MESSAGE),
    ("before:FetchJobRows.load", A_MESSAGE, Repair.MESSAGE),
    ("before:Cancellations.is_cancelled", A_MESSAGE, Repair.MESSAGE),
    ("before:FetchJobRows.claim", A_MESSAGE, Repair.MESSAGE),
    ("committing:FetchJobRows.claim", AN_ATTEMPT, Repair.MESSAGE),
    ("after:FetchJobRows.claim", THE_NEXT, Repair.MESSAGE),
    ("before:PrepareInputsRows.load", THE_NEXT, Repair.MESSAGE),
    ("before:send.prepare_inputs", THE_NEXT, Repair.MESSAGE),
    ("before:ack.fetch_job", A_MESSAGE, Repair.MESSAGE),
    ("after:ack.fetch_job", NO_WORK, Repair.MESSAGE),
    ("before:PrepareInputsRows.load#2", A_MESSAGE, Repair.MESSAGE),
    ("before:Cancellations.is_cancelled#2", A_MESSAGE, Repair.MESSAGE),
    ("before:Pause.paused_paths", A_MESSAGE, Repair.TURNS),
    ("before:Blobs.inputs_full", A_MESSAGE, Repair.TURNS),
    ("before:PrepareInputsRows.take", A_MESSAGE, Repair.TURNS),
    ("committing:PrepareInputsRows.take", A_MESSAGE, Repair.TURNS),
    ("after:PrepareInputsRows.take", "a worker that holds a job", Repair.HOLD),
    ("before:PrepareInputsRows.attachment_paths", A_MESSAGE, Repair.MESSAGE),
    ("before:SupabaseStorage.read_reference", A_MESSAGE, Repair.MESSAGE),
    ("before:SupabaseStorage.read_reference#2", AN_ATTEMPT, Repair.MESSAGE),
    ("before:PillowImaging.normalise", AN_ATTEMPT, Repair.MESSAGE),
    ("before:PillowImaging.grid", AN_ATTEMPT, Repair.MESSAGE),
    ("before:Blobs.put_input", AN_ATTEMPT, Repair.MESSAGE),
    ("before:PrepareInputsRows.finish", AN_ATTEMPT, Repair.MESSAGE),
    ("committing:PrepareInputsRows.finish", AN_ATTEMPT, Repair.MESSAGE),
    ("after:PrepareInputsRows.finish", THE_NEXT, Repair.ADMISSION),
    ("before:send.generate_image", THE_NEXT, Repair.ADMISSION),
    ("before:send.generate_image#2", "one of two messages", Repair.ADMISSION),
    ("after:send.generate_image#2", A_MESSAGE, Repair.ADMISSION),
    ("before:ack.prepare_inputs", A_MESSAGE, Repair.ADMISSION),
    ("before:Pause.paused_paths#2", A_MESSAGE, Repair.ADMISSION),
    ("before:GeminiQuota.reserve", A_MESSAGE, Repair.ADMISSION),
    ("after:GeminiQuota.reserve", "a slot of the quota", Repair.ADMISSION),
    ("before:GenerateImageRows.claim", "a slot of the quota", Repair.ADMISSION),
    ("committing:GenerateImageRows.claim", "a slot of the quota", Repair.ADMISSION),
    ("after:GenerateImageRows.claim", A_LEASE, Repair.LEASE),
    ("before:Cancellations.is_cancelled#3", A_LEASE, Repair.LEASE),
    ("before:Blobs.inputs_and_output", A_LEASE, Repair.LEASE),
    ("before:GeminiEngine.generate", A_LEASE, Repair.LEASE),
    ("during:GeminiEngine.generate", "a call that is under way", Repair.LEASE),
    ("after:GeminiEngine.generate", "an answer that was not kept yet", Repair.LEASE),
    ("before:Blobs.put_output", "an answer that was not kept yet", Repair.LEASE),
    ("after:Blobs.put_output", A_LEASE, Repair.LEASE),
    ("before:GeminiQuota.report", A_LEASE, Repair.LEASE),
    ("before:GenerateImageRows.mark_made", A_LEASE, Repair.LEASE),
    ("committing:GenerateImageRows.mark_made", A_LEASE, Repair.LEASE),
    ("after:GenerateImageRows.mark_made", THE_NEXT, Repair.SWEEP),
    ("before:send.persist_output", THE_NEXT, Repair.SWEEP),
    ("after:send.persist_output", A_MESSAGE, Repair.MESSAGE),
    ("before:ack.generate_image", A_MESSAGE, Repair.MESSAGE),
    ("before:PersistOutputRows.begin", A_MESSAGE, Repair.MESSAGE),
    ("committing:PersistOutputRows.begin", A_MESSAGE, Repair.MESSAGE),
    ("after:PersistOutputRows.begin", "an image that is leased", Repair.MESSAGE),
    ("before:Blobs.output", A_MESSAGE, Repair.MESSAGE),
    ("before:PillowImaging.to_webp", A_MESSAGE, Repair.MESSAGE),
    ("before:SupabaseStorage.write_result", AN_ATTEMPT, Repair.MESSAGE),
    ("after:SupabaseStorage.write_result", "an object nobody knows of yet", Repair.MESSAGE),
    ("before:PersistOutputRows.deliver", "an object nobody knows of yet", Repair.MESSAGE),
    ("committing:PersistOutputRows.deliver", "a delivery that was rolled back", Repair.MESSAGE),
    ("after:PersistOutputRows.deliver", A_MESSAGE, Repair.MESSAGE),
    ("before:Blobs.drop_output", A_MESSAGE, Repair.MESSAGE),
    ("after:PersistOutputRows.deliver#2", THE_NEXT, Repair.SWEEP),
    ("before:Blobs.drop_output#2", THE_NEXT, Repair.SWEEP),
    ("before:send.finalize_job", THE_NEXT, Repair.SWEEP),
    ("before:ack.persist_output", A_MESSAGE, Repair.MESSAGE),
    ("after:send.finalize_job", A_MESSAGE, Repair.MESSAGE),
    ("before:FetchJobRows.unclaimed_kind", A_MESSAGE, Repair.MESSAGE),
    ("before:FinalizeJobRows.close", A_MESSAGE, Repair.MESSAGE),
    ("committing:FinalizeJobRows.close", AN_ATTEMPT, Repair.MESSAGE),
    ("after:FinalizeJobRows.close", BYTES, Repair.NOTHING),
    ("before:Blobs.drop_job", BYTES, Repair.NOTHING),
    ("before:ack.finalize_job", A_MESSAGE, Repair.NOTHING),
]

_PAID_AGAIN = {"during:GeminiEngine.generate", "after:GeminiEngine.generate", "before:Blobs.put_output"}

_SIDE_WAYS: dict[str, list[tuple[str, str, Repair]]] = {
    "first call fails": [
        ("before:GenerateImageRows.reschedule", A_LEASE, Repair.LEASE),
        ("committing:GenerateImageRows.reschedule", A_LEASE, Repair.LEASE),
        ("after:GenerateImageRows.reschedule", "a message that was to come later", Repair.ADMISSION),
    ],
    "quota refuses": [
        ("after:GeminiQuota.report", A_LEASE, Repair.LEASE),
        ("after:GenerateImageRows.reschedule", "a process that knew who waits", Repair.ADMISSION),
    ],
    "prompts are blocked": [
        ("before:GenerateImageRows.fail", A_LEASE, Repair.LEASE),
        ("committing:GenerateImageRows.fail", A_LEASE, Repair.LEASE),
        ("after:GenerateImageRows.fail", A_MESSAGE, Repair.MESSAGE),
    ],
    "prepared pictures are gone": [
        ("before:GenerateImageRows.prepare_again", A_LEASE, Repair.LEASE),
        ("committing:GenerateImageRows.prepare_again", A_LEASE, Repair.LEASE),
        ("after:GenerateImageRows.prepare_again", THE_NEXT, Repair.SWEEP),
        ("before:GeminiQuota.give_back", "a slot of the quota", Repair.LEASE),
    ],
    "answers are gone": [
        ("before:SupabaseStorage.stored_size_bytes", A_MESSAGE, Repair.MESSAGE),
        ("before:PersistOutputRows.make_again", A_MESSAGE, Repair.MESSAGE),
        ("committing:PersistOutputRows.make_again", A_MESSAGE, Repair.MESSAGE),
        ("after:PersistOutputRows.make_again", THE_NEXT, Repair.ADMISSION),
    ],
    "credits run dry": [
        ("committing:PersistOutputRows.deliver#2", "an object nobody pays for", Repair.MESSAGE),
        ("after:PersistOutputRows.deliver#2", "an object nobody pays for", Repair.SWEEP),
        ("before:SupabaseStorage.delete_results", "an object nobody pays for", Repair.SWEEP),
        ("after:SupabaseStorage.delete_results", THE_NEXT, Repair.SWEEP),
    ],
    "credits are gone before the call": [
        ("before:GenerateImageRows.fail_unpayable", A_MESSAGE, Repair.ADMISSION),
        ("committing:GenerateImageRows.fail_unpayable", AN_ATTEMPT, Repair.ADMISSION),
        ("after:GenerateImageRows.fail_unpayable", THE_NEXT, Repair.SWEEP),
    ],
    "the bucket refuses one": [
        ("before:PersistOutputRows.fail", A_MESSAGE, Repair.MESSAGE),
        ("committing:PersistOutputRows.fail", A_MESSAGE, Repair.MESSAGE),
        ("after:PersistOutputRows.fail", A_MESSAGE, Repair.MESSAGE),
    ],
    "no reference can be used": [
        ("committing:PrepareInputsRows.finish", AN_ATTEMPT, Repair.MESSAGE),
        ("after:PrepareInputsRows.finish", THE_NEXT, Repair.SWEEP),
    ],
    "nobody can pay": [
        ("before:FinalizeJobRows.refuse", A_MESSAGE, Repair.MESSAGE),
        ("committing:FinalizeJobRows.refuse", AN_ATTEMPT, Repair.MESSAGE),
        ("after:FinalizeJobRows.refuse", A_MESSAGE, Repair.NOTHING),
    ],
    "cancelled before it began": [
        ("before:send.finalize_job", THE_NEXT, Repair.MESSAGE),
        ("committing:FinalizeJobRows.close", AN_ATTEMPT, Repair.MESSAGE),
        ("after:FinalizeJobRows.close", A_MESSAGE, Repair.NOTHING),
    ],
    "cancelled by key when made": [
        ("before:send.finalize_job", THE_NEXT, Repair.SWEEP),
        ("committing:FinalizeJobRows.close", AN_ATTEMPT, Repair.MESSAGE),
        ("before:Blobs.drop_job", BYTES, Repair.NOTHING),
    ],
    "cancelled in its row when made": [
        ("before:send.finalize_job", THE_NEXT, Repair.SWEEP),
        ("committing:FinalizeJobRows.close", AN_ATTEMPT, Repair.MESSAGE),
        ("after:FinalizeJobRows.close", BYTES, Repair.NOTHING),
    ],
    "cancelled after its worker died": [
        ("after:SupabaseStorage.write_result", "an object nobody will pay for", Repair.SWEEP),
    ],
    "a receiver is told": [
        ("committing:FinalizeJobRows.close", AN_ATTEMPT, Repair.MESSAGE),
        ("after:FinalizeJobRows.close", THE_NEXT, Repair.SWEEP),
        ("before:send.deliver_webhook", THE_NEXT, Repair.SWEEP),
        ("before:DeliverWebhookRows.claim", A_MESSAGE, Repair.MESSAGE),
        ("committing:DeliverWebhookRows.claim", A_MESSAGE, Repair.MESSAGE),
        ("after:DeliverWebhookRows.claim", "a try", Repair.WEBHOOK),
        ("before:WebhookSender.send", "a try", Repair.WEBHOOK),
        ("after:WebhookSender.send", "the word that it was sent: it comes twice", Repair.WEBHOOK),
        ("committing:DeliverWebhookRows.finish", "the word that it was sent: it comes twice", Repair.WEBHOOK),
        ("after:DeliverWebhookRows.finish", A_MESSAGE, Repair.NOTHING),
        ("before:DeliverWebhookRows.due", "a sweep", Repair.SWEEP),
        ("before:DeliverWebhookRows.forget", "a sweep", Repair.SWEEP),
    ],
    "junk comes first": [
        ("before:RejectedEntries.keep", "a bridge with junk in its hands", Repair.RESCUE),
        ("after:RejectedEntries.keep", "a bridge with junk in its hands", Repair.RESCUE),
    ],
    "an unknown id comes first": [
        ("before:RejectedEntries.keep", A_MESSAGE, Repair.MESSAGE),
        ("after:RejectedEntries.keep", A_MESSAGE, Repair.MESSAGE),
    ],
    "many ids come at once": [
        ("before:FetchLineRows.line_up", "a bridge with ids in its hands", Repair.RESCUE),
        ("committing:FetchLineRows.line_up", "a bridge with ids in its hands", Repair.RESCUE),
        ("after:FetchLineRows.line_up", "a bridge with ids in its hands", Repair.RESCUE),
        ("before:FetchLineRows.take#2", NO_WORK, Repair.LINE),
        ("committing:FetchLineRows.take#2", NO_WORK, Repair.LINE),
        ("after:FetchLineRows.take#2", "a bridge with a job in its hands", Repair.LINE),
        ("before:FetchLineRows.leave", "a bridge with a job it has handed on", Repair.LINE),
    ],
    "a bridge has died": [
        ("before:ReliableQueue.reclaim", NO_WORK, Repair.RESCUE),
        ("after:ReliableQueue.reclaim", NO_WORK, Repair.ON_THE_LIST),
    ],
    "pending on no list": [
        ("before:SweepStuckJobsRows.open_jobs", "a sweep", Repair.SWEEP),
        ("before:Queues.foreign_ids", "a sweep", Repair.SWEEP),
        ("before:Cancellations.cancelled_among", "a sweep", Repair.SWEEP),
        ("before:GeminiQuota.blocked_for_s", "a sweep", Repair.SWEEP),
        ("before:Queues.jobs_to_fetch", "a sweep", Repair.SWEEP),
        ("before:SweepStuckJobsRows.recover_pending", "a sweep", Repair.SWEEP),
        ("committing:SweepStuckJobsRows.recover_pending", "a sweep", Repair.SWEEP),
        ("after:SweepStuckJobsRows.recover_pending", "a sweep that has counted a recovery", Repair.SWEEP),
        ("before:send.fetch_job", "a sweep that has counted a recovery", Repair.SWEEP),
        ("before:ack.sweep_stuck_jobs", "a sweep", Repair.NOTHING),
    ],
    "a lease has lapsed": [
        ("before:SweepStuckJobsRows.recover", "a sweep", Repair.SWEEP),
        ("committing:SweepStuckJobsRows.recover", "a sweep", Repair.SWEEP),
        ("after:SweepStuckJobsRows.recover", "a sweep that has counted a recovery", Repair.ADMISSION),
    ],
    "made before everyone died": [
        ("before:Queues.waiting", "a sweep", Repair.SWEEP),
        ("before:send.persist_output", "a sweep", Repair.SWEEP),
    ],
    "left behind by another server": [
        ("before:SweepStuckJobsRows.adopt", "a sweep", Repair.SWEEP),
        ("committing:SweepStuckJobsRows.adopt", "a sweep", Repair.SWEEP),
        ("after:SweepStuckJobsRows.adopt", THE_NEXT, Repair.SWEEP),
    ],
    "recovered in vain": [
        ("before:FinalizeJobRows.give_up", "a sweep", Repair.SWEEP),
        ("committing:FinalizeJobRows.give_up", "a sweep", Repair.SWEEP),
        ("after:FinalizeJobRows.give_up", BYTES, Repair.NOTHING),
    ],
    "production left open": [
        ("before:SweepStuckJobsRows.reconcile_productions", "a sweep", Repair.SWEEP),
        ("committing:SweepStuckJobsRows.reconcile_productions", "a sweep", Repair.SWEEP),
        ("after:SweepStuckJobsRows.reconcile_productions", "a sweep", Repair.NOTHING),
    ],
}


def _points() -> Iterator[DeathPoint]:
    for at, lost, repair in _WHOLE_JOB:
        scenario = "two slow images" if at.startswith("during") else "two images"
        yield DeathPoint(scenario, at, lost, repair, paid_again=int(at in _PAID_AGAIN))
    for scenario, points in _SIDE_WAYS.items():
        for at, lost, repair in points:
            yield DeathPoint(scenario, at, lost, repair)


POINTS: tuple[DeathPoint, ...] = tuple(_points())


def table() -> str:
    """The table of docs/reliability.md, in Markdown."""
    lines = [
        "| job | the process dies | lost | repaired by | within |",
        "|---|---|---|---|---|",
    ]
    for point in POINTS:
        what, within_s = point.repair.value
        extra = " (that image is bought again)" if point.paid_again else ""
        lines.append(
            f"| {point.scenario} | `{point.at}` | {point.lost}{extra} | {what} | {_seconds(within_s)} |"
        )
    return "\n".join(lines) + "\n"


def _seconds(within_s: int) -> str:
    return f"{within_s} s" if within_s else "at once"


if __name__ == "__main__":
    print(table(), end="")
