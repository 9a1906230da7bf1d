"""`quel plan`: what a job would make, before anything is fetched or spent."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from quel.cli.connections import open_services
from quel.cli.console import out, remark, say, stop
from quel.cli.tables import show_json, show_table
from quel.core.operations.job_list import id_range
from quel.core.operations.preview import Preview, PreviewImage
from quel.core.prompting.picture import Reference
from quel.core.request import decode_input
from quel.operations.job_list import job_ids_named
from quel.operations.preview import preview_job, preview_row


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
    with open_services() as services:
        if id_range(job) is None or Path(job).exists():
            found = preview_row(services, _read(job))
            _remark_missing(found, Path.cwd() if job == "-" else Path(job).parent)
        else:
            found = preview_job(services, *job_ids_named(services, [job]))
            remark(f"As it would be planned now; what was sent: quel show {job} --prompts.")
    if as_json:
        show_json(found)
    else:
        _show(found)
    if found.problems:
        raise typer.Exit(1)


def _read(name: str) -> Mapping[str, Any]:
    """The job's row; ends the verb where there is none to read."""
    try:
        row = decode_input(sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8"))
    except OSError as error:
        stop(f"{name} cannot be read ({error.strerror}).")
    except UnicodeDecodeError:
        row = None
    if not isinstance(row, dict):
        stop(f"{name} must hold one JSON object, a job's row.")
    return row


def _remark_missing(found: Preview, folder: Path) -> None:
    """What `quel submit` would not find."""
    for name in found.picture_files.values():
        if not (folder / name).is_file():
            remark(f"Warning: {folder / name} is not there: it is planned as if it were.")


def _show(found: Preview) -> None:
    if found.images:
        say(
            f"{found.job_type} on {found.path}: {len(found.images)} of {found.ordered} ordered images in"
            f" {found.stages} stages, {found.credits} credits,"
            f" about US$ {found.cost_usd:.4f} at {found.model}"
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
            ((*_row(image, found.picture_files),) for image in found.images),
        )
    for image in found.images:
        if image.prompt:
            out.rule(f"Prompt of image {image.image}")
            say(image.prompt)
    for name, sentences in (("Warning", found.warnings), ("Problem", found.problems)):
        for sentence in sentences:
            remark(f"{name}: {sentence}")


def _row(image: PreviewImage, files: Mapping[int, str]) -> tuple[object, ...]:
    return (
        *(image.image, image.stage, image.angle, image.shot, image.fx, f"{image.take} of {image.takes}"),
        *(image.aspect_ratio, image.seed, image.problem or _pictures(image, files)),
    )


def _named(reference: Reference, files: Mapping[int, str]) -> object:
    if reference.attach_id is None:
        return reference.where
    return files.get(reference.attach_id, reference.attach_id)


def _pictures(image: PreviewImage, files: Mapping[int, str]) -> str:
    shown = []
    for number, picture in enumerate(image.pictures, start=1):
        ids = ", ".join(f"{_named(each, files)} {each.type or 'untyped'}" for each in picture.references)
        shown.append(f"{number} {picture.category}{' grid' if picture.is_grid else ''} ({ids})")
    return ("; ".join(shown) or "text alone") + (", stored as it is" if image.as_given else "")
