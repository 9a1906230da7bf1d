"""`quel submit FILE|-`: a job from JSON and picture files, written and pushed the way the front end does."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn
from uuid import UUID, uuid4

import typer

from quel.cli.console import err
from quel.core.submission import check_row, replace_files

if TYPE_CHECKING:
    from quel.adapters.postgres.submission_rows import SubmissionRows
    from quel.wiring import World

MIME_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".bmp": "image/bmp",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".avif": "image/avif",
}


def submit(
    file: Annotated[
        str, typer.Argument(help="A job's row as JSON, or - for standard input.", metavar="FILE|-")
    ],
    member: Annotated[UUID | None, typer.Option(help="The member; else the file's quel_member_id.")] = None,
    org: Annotated[UUID | None, typer.Option(help="The organization; else the file's org_id.")] = None,
) -> None:
    """Create production, attachments and job, upload the pictures, push the id; prints the job's id.

    An attachId may be the name of a picture file, relative to FILE.
    """
    from quel.adapters.postgres.submission_rows import SubmissionRows
    from quel.adapters.redis.ingest import push
    from quel.settings import settings
    from quel.wiring import World

    row, folder = _read(file)
    problem = check_row(row)
    if problem:
        _stop(problem)
    settings().require("DATABASE_URL")
    world = World(settings())
    rows = SubmissionRows(world.database)
    data = replace_files(row["job_input_data"], _uploader(world, rows, folder))
    job_id = rows.job(
        row | {"job_input_data": data},
        member_id=member or _id(row, "quel_member_id"),
        org_id=org or _id(row, "org_id"),
    )
    push(
        world.redis, settings().ingest_queues[0], job_id
    )  # last: whatever failed before leaves nothing that runs
    world.close()
    print(job_id)


def _read(file: str) -> tuple[Any, Path]:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        return json.loads(text), Path.cwd() if file == "-" else Path(file).parent
    except OSError as error:
        _stop(f"{file} cannot be read ({error.strerror}).")
    except ValueError as error:
        _stop(f"{file} is no JSON: {error}.")


def _uploader(world: "World", rows: "SubmissionRows", folder: Path) -> Callable[[str], int]:
    """Uploads a picture file once and returns its attach id."""
    known: dict[Path, int] = {}

    def attach(name: str) -> int:
        path = folder / name
        if path not in known:
            known[path] = _upload(world, rows, path)
        return known[path]

    return attach


def _upload(world: "World", rows: "SubmissionRows", path: Path) -> int:
    mime_type = MIME_TYPES.get(path.suffix.lower())
    if mime_type is None:
        _stop(f"{path.name} is no picture file by its name ({', '.join(sorted(MIME_TYPES))}).")
    try:
        data = path.read_bytes()
    except OSError as error:
        _stop(f"{path} cannot be read ({error.strerror}).")
    key = f"uploads/upload-{uuid4().hex}{path.suffix.lower()}"
    world.storage.write_upload(key, data, mime_type)
    return rows.attach(
        name=path.name, path=key.removeprefix("uploads/"), size_bytes=len(data), mime_type=mime_type
    )


def _id(row: dict[str, Any], key: str) -> UUID | None:
    value = row.get(key)
    try:
        return UUID(str(value)) if value else None
    except ValueError:
        _stop(f"{key} is no UUID.")


def _stop(sentence: str) -> NoReturn:
    err.print(sentence, highlight=False, markup=False)
    raise typer.Exit(2)
