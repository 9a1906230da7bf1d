"""Where a row of quel_attach says its object is: the first of two columns that is not empty (SPEC 1.5)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class AttachmentPath:
    """The path of an attachment's object as it is stored, and the `column` that holds it."""

    path: str
    column: str


def attachment_path(*, attach_file_path: str | None, attach_directory: str | None) -> AttachmentPath | None:
    """The path that counts, as it stands; None where the row names no object."""
    columns = {"attach_file_path": attach_file_path, "attach_directory": attach_directory}
    named = ((column, path or "") for column, path in columns.items())
    return next((AttachmentPath(path, column) for column, path in named if path.strip()), None)
