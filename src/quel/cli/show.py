"""`quel show JOB`: one job with its images: what each waits for, what was sent, its cost, who did what."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import typer

from quel.cli.connections import open_services
from quel.cli.console import out, remark, say
from quel.cli.durations import spoken
from quel.cli.tables import show_json, show_table
from quel.core.operations.job_page import JobPage, ShownImage
from quel.operations.job_list import job_ids_named
from quel.operations.show_job import show_job


def show(
    job: Annotated[str, typer.Argument(help="The job's id, or how it begins.", metavar="JOB")],
    prompts: Annotated[bool, typer.Option("--prompts", help="Also the prompts, as they were sent.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON.")] = False,
) -> None:
    """Show a job: each image's state, what it waits for or why it failed, cost, credits, and its history."""
    with open_services() as services:
        (job_id,) = job_ids_named(services, [job])
        page = show_job(services, job_id, prompts=prompts)
    if as_json:
        show_json(page)
        return
    _show_job(page)
    _show_images(page)
    _show_references(page)
    _show_past(page)
    for image in page.images:
        if image.facts.prompt:
            out.rule(f"Prompt of image {image.facts.image}, as it was sent")
            say(image.facts.prompt)


def _show_job(page: JobPage) -> None:
    job, view = page.job, page.job.view
    say(f"{view.job_id}: {view.status}, {view.completed} of {view.total_images} images, {view.failed} failed")
    say(f"{view.job_type} on {view.path}, created {_at(view.created_at)} ({spoken(view.age_s)} ago)")
    if view.started_at:
        ended = view.completed_at
        took = f", ended after {spoken((ended - view.started_at).total_seconds())}" if ended else ""
        say(f"started {_at(view.started_at)}{took}; recoveries: {view.recoveries}")
    payer = f"{job.payer_kind} {job.payer_id} pays" if job.payer_id else "nobody has been asked to pay yet"
    say(f"member {job.member_id or 'none'}, organization {job.org_id or 'none'}; {payer}")
    price = f" at {job.price} an image" if job.price is not None else ""
    say(f"charged {page.charged} credits{price}; the provider charged US$ {page.cost_usd:.4f}")
    for sentence in (page.waits_for, view.error_message, *job.warnings):
        if sentence:
            say(sentence)


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _show_images(page: JobPage) -> None:
    if not page.images:
        return
    show_table(
        (
            *(
                "#image",
                "#stage",
                "angle",
                "shot",
                "fx",
                "state",
                "#failed calls",
                "#seconds",
                "#US$",
                "#credits",
            ),
            *("#attachment", "what"),
        ),
        ((*_row(image),) for image in page.images),
    )
    for image in page.images:
        if image.picture_url:
            say(f"Image {image.facts.image}: {image.picture_url}")


def _row(image: ShownImage) -> tuple[object, ...]:
    facts = image.facts
    what = image.waits_for or (f"{facts.reason_code}: {facts.reason}" if facts.reason_code else "")
    return (
        *(facts.image, facts.stage, facts.angle, facts.shot, facts.fx, facts.state, facts.failed_calls),
        *(_seconds(facts.history), f"{facts.cost_usd:.4f}", facts.charged, facts.attach_id, what),
    )


def _seconds(history: tuple[Mapping[str, Any], ...]) -> str:
    """From the last call to the picture that came of it."""
    called = [note["at"] for note in history if note.get("what") == "called"]
    made = [note["at"] for note in history if note.get("what") == "made"]
    if not called or not made or made[-1] < called[-1]:
        return ""
    return f"{(datetime.fromisoformat(made[-1]) - datetime.fromisoformat(called[-1])).total_seconds():.1f}"


def _show_references(page: JobPage) -> None:
    if page.job.references:
        show_table(
            ("#stage", "#attachment", "type", "used as"),
            (
                (each.stage, each.attach_id, each.type, "left out" if each.left_out else each.category)
                for each in page.job.references
            ),
            title="References",
        )


def _show_past(page: JobPage) -> None:
    notes = sorted(
        (
            (note.get("at", ""), image.facts.image, note)
            for image in page.images
            for note in image.facts.history
        ),
        key=lambda each: each[:2],
    )
    if notes:
        show_table(
            ("at", "#image", "what"), ((at, no, _told(note)) for at, no, note in notes), title="History"
        )
    for action in page.job.actions:
        say(f"{_at(action.at)} {action.verb} by {action.actor} ({action.channel}): {action.outcome}")
    if not page.job.actions and page.job.view.is_cancelled:
        remark("No operator is on record: the front end has cancelled it, or a release that kept none.")


def _told(note: Mapping[str, Any]) -> str:
    rest = ", ".join(f"{name} {value}" for name, value in note.items() if name not in ("at", "what", "call"))
    return f"{note.get('what')}{f' ({rest})' if rest else ''}"
