"""`quel submit FILE|-`: a job from JSON and picture files, written and pushed the way the front end does.

What can be wrong with the file is found before anything is written; the id is pushed last, so that what
fails in between leaves nothing that runs.
"""

import json
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID, uuid4

import typer

from quel.cli.console import err, stop
from quel.core.errors import ServiceUnavailable
from quel.core.operations.submit_job import Upload, check_row, picture_files

if TYPE_CHECKING:
    from quel.services import Services

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


@dataclass(frozen=True)
class PictureFile:
    """A picture file that has been read."""

    path: Path
    data: bytes

    @property
    def mime_type(self) -> str:
        """What its name says it is."""
        return MIME_TYPES[self.path.suffix.lower()]


def submit(
    file: Annotated[
        str, typer.Argument(help="A job's row as JSON, or - for standard input.", metavar="FILE|-")
    ],
    member: Annotated[UUID | None, typer.Option(help="The member; else the file's quel_member_id.")] = None,
    org: Annotated[UUID | None, typer.Option(help="The organization; else the file's org_id.")] = None,
) -> None:
    """Create production, attachments and job, upload the pictures, push the id; prints the job's id.

    An attachId, mergedAttachId or mergedImageAttachId may be the name of a picture file: relative to FILE,
    or to the current folder with -. Ids and status in the file are ignored, new ones are made.
    """
    from quel.services import Services
    from quel.settings import settings

    row, folder = _read(file)
    problem = check_row(row)
    if problem:
        stop(problem)
    member_id, org_id = member or _id(row, "quel_member_id"), org or _id(row, "org_id")
    pictures = {name: _picture(folder / name) for name in picture_files(row["job_input_data"])}
    settings().require("DATABASE_URL", *(("SUPABASE_URL", "SUPABASE_SERVICE_KEY") if pictures else ()))
    with closing(Services(settings(), patient=False)) as world:
        job_id = _write(world, row, pictures, member_id, org_id)
        _push(world, job_id)
    print(job_id)


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
        return PictureFile(path, path.read_bytes())
    except (OSError, ValueError) as error:
        stop(f"{path} cannot be read ({getattr(error, 'strerror', error)}).")


def _write(
    world: "Services", row: Any, pictures: dict[str, PictureFile], member_id: UUID | None, org_id: UUID | None
) -> UUID:
    from quel.adapters.postgres.operations.submit_job import SubmitJobRows

    rows = SubmitJobRows(world.database)
    unknown = rows.unknown_payers(member_id, org_id)
    if unknown:
        stop(f"There is no {' and no '.join(unknown)}.")
    _check_redis(world)
    uploads = {name: _upload(world, picture) for name, picture in pictures.items()}
    job_id = uuid4()
    rows.write(job_id, row, uploads, member_id=member_id, org_id=org_id)
    return job_id


def _check_redis(world: "Services") -> None:
    from quel.adapters.redis.databases import check_databases
    from quel.adapters.redis.server_state import read_server_state

    check_databases({"REDIS_URL": world.settings.redis})
    read_server_state(world.settings.redis)  # raises ServiceUnavailable while there is nothing to take back


def _upload(world: "Services", picture: PictureFile) -> Upload:
    """Puts a picture where the front end puts uploads: rows name it without the folder (SPEC 1.5)."""
    path = f"upload-{uuid4().hex}{picture.path.suffix.lower()}"
    world.storage.write_upload(f"uploads/{path}", picture.data, picture.mime_type)
    return Upload(picture.path.name, path, len(picture.data), picture.mime_type)


def _push(world: "Services", job_id: UUID) -> None:
    from quel.adapters.redis.ingest import push

    try:
        push(world.redis, world.settings.ingest_queues[0], job_id)
    except ServiceUnavailable as error:
        err.print(
            f"{error} Job {job_id} is written but may not be pushed; the sweep starts it later.",
            highlight=False, markup=False, soft_wrap=True,
        )  # fmt: skip
        raise typer.Exit(1) from None


def _id(row: dict[str, Any], key: str) -> UUID | None:
    try:
        return UUID(str(row[key])) if row.get(key) else None
    except ValueError:
        stop(f"{key} is no UUID.")
