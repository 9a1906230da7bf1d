"""`quel plan`: what a job would make, before anything is fetched or spent."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from quel.cli.connections import open_database
from quel.cli.console import err, out, stop
from quel.cli.tables import show_json, show_table
from quel.core.fetch_job import IntakePolicy, as_uuid
from quel.core.operations.preview import Preview, PreviewImage, Subject, preview

if TYPE_CHECKING:
    from quel.settings import Settings

_NO_ID = UUID(int=0)


def plan(
    job: Annotated[
        str,
        typer.Argument(help="A job's row as JSON, - for standard input, or a job's id.", metavar="FILE|JOB"),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False,
) -> None:
    """Show images, pictures, prompts and price of a job without a network; exits 1 when it cannot be run.

    Only a job's id needs the database; then it is also said whether the payer could pay now.
    """
    from quel.core.models import model_for
    from quel.services import make_rules
    from quel.settings import settings

    rules = make_rules(settings())
    job_id = as_uuid(job)
    subject, objection = (
        _from_database(settings(), job_id, rules.intake) if job_id else (_from_file(job), None)
    )
    found = preview(
        subject, rules.intake, model_for(rules.model), fail_on_missing=rules.fail_on_missing_reference
    )
    if objection is not None:
        found = replace(found, problems=(*found.problems, objection))
    if as_json:
        show_json(found)
    else:
        _show(found)
    if found.problems:
        raise typer.Exit(1)


def _from_file(name: str) -> Subject:
    from quel.core.request import decode_input

    try:
        row = decode_input(sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8"))
    except OSError as error:
        stop(f"{name} cannot be read ({error.strerror}).")
    except UnicodeDecodeError:
        row = None
    if not isinstance(row, dict):
        stop(f"{name} must hold one JSON object, a job's row.")
    return _subject(row)


def _subject(row: dict[str, Any]) -> Subject:
    total_images = row.get("total_images", 0)
    if not isinstance(total_images, int) or isinstance(total_images, bool):
        stop("total_images must be a whole number, as the column is.")
    path = row.get("quel_production_path")
    return Subject(
        job_id=as_uuid(str(row.get("job_id"))) or _NO_ID,
        job_type=row.get("job_type"),
        total_images=total_images,
        input_data=row.get("job_input_data"),
        paths=(path if isinstance(path, str) else None,),
    )


def _from_database(settings: "Settings", job_id: UUID, policy: IntakePolicy) -> tuple[Subject, str | None]:
    from quel.adapters.postgres.fetch_job import FetchJobRows
    from quel.core.fetch_job import Refuse, decide

    with open_database(settings) as database:
        facts = FetchJobRows(database).load(job_id)
    if facts is None:
        stop(f"There is no job {job_id}.")
    subject = Subject(
        job_id=job_id,
        job_type=facts.job_type,
        total_images=facts.total_images,
        input_data=facts.input_data,
        paths=(facts.job_path, facts.production_path),
    )
    decision = decide(facts, policy)
    unpayable = isinstance(decision, Refuse) and decision.code in ("no_payer", "no_credit")
    return subject, decision.reason if isinstance(decision, Refuse) and unpayable else None


def _show(found: Preview) -> None:
    if found.images:
        out.print(
            f"{found.job_type} on {found.path}: {len(found.images)} of {found.ordered} ordered images in"
            f" {found.stages} stages, {found.credits} credits,"
            f" about US$ {found.cost_usd:.4f} at {found.model}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
        show_table(
            (
                "#image",
                "#stage",
                "angle",
                "shot",
                "fx",
                "#take",
                "ratio",
                "#seed",
                "pictures in sending order",
            ),
            ((*_row(image),) for image in found.images),
        )
    for image in found.images:
        if image.prompt:
            out.rule(f"Prompt of image {image.image}")
            out.print(image.prompt, highlight=False, markup=False, soft_wrap=True)
    for name, sentences in (("Warning", found.warnings), ("Problem", found.problems)):
        for sentence in sentences:
            err.print(f"{name}: {sentence}", highlight=False, markup=False, soft_wrap=True)


def _row(image: PreviewImage) -> tuple[object, ...]:
    return (
        *(image.image, image.stage, image.angle, image.shot, image.fx, f"{image.take} of {image.takes}"),
        *(image.aspect_ratio, image.seed, image.problem or _pictures(image)),
    )


def _pictures(image: PreviewImage) -> str:
    shown = []
    for number, picture in enumerate(image.pictures, start=1):
        ids = ", ".join(f"{each.attach_id} {each.type or 'untyped'}" for each in picture.references)
        shown.append(f"{number} {picture.category}{' grid' if picture.is_grid else ''} ({ids})")
    return "; ".join(shown) or "text alone"
