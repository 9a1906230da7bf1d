"""`quel submit FILE|-`: a job from JSON and picture files, written and pushed the way the front end does."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from quel.cli.connections import open_services
from quel.cli.console import remark, stop
from quel.cli.tables import show_json
from quel.cli.words import read_id
from quel.core.operations.submit_job import MIME_TYPES, PictureFile, read_job
from quel.operations.submit_job import check_job, submit_job


def submit(
    file: Annotated[
        str, typer.Argument(help="A job's row as JSON, or - for standard input.", metavar="FILE|-")
    ],
    member: Annotated[
        UUID | None,
        typer.Option(parser=read_id, metavar="ID", help="The member; else the file's quel_member_id."),
    ] = None,
    org: Annotated[
        UUID | None,
        typer.Option(parser=read_id, metavar="ID", help="The organization; else the file's org_id."),
    ] = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Also what cannot be run (see quel plan).")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the id as JSON.")] = False,
) -> None:
    """Create production, attachments and job, upload the pictures, push the id; prints the job's id.

    An attachId, mergedAttachId or mergedImageAttachId may be the name of a picture file: relative to FILE,
    or to the current folder with -. Ids and status in the file are ignored, new ones are made. Exits 1, and
    writes nothing, where `quel plan FILE` has a problem.
    """
    row, folder = _read(file)
    job = read_job(row, member_id=member, org_id=org)
    pictures = {name: _picture(folder / name) for name in job.picture_files}
    with open_services() as services:
        if not anyway:
            check_job(services, job)
        submitted = submit_job(services, job, pictures)
    if as_json:
        show_json({"ok": submitted.unpushed is None, "job_id": submitted.job_id})
    if submitted.unpushed is not None:
        remark(submitted.unpushed)
        raise typer.Exit(1)
    if not as_json:
        print(submitted.job_id)


def _read(file: str) -> tuple[Any, Path]:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        return json.loads(text), Path.cwd() if file == "-" else Path(file).parent
    except OSError as error:
        stop(f"{file} cannot be read ({error.strerror}).")
    except (ValueError, RecursionError) as error:
        stop(f"{file} is no JSON ({error}).")


def _picture(path: Path) -> PictureFile:
    if path.suffix.lower() not in MIME_TYPES:
        stop(f"{path} is no picture file by its name ({', '.join(sorted(MIME_TYPES))}).")
    try:
        return PictureFile(path.name, path.read_bytes())
    except (OSError, ValueError) as error:
        stop(f"{path} cannot be read ({getattr(error, 'strerror', error)}).")
