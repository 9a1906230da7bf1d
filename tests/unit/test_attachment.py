"""An attachment's path is its attach_file_path, else its attach_directory."""

import pytest

from quel.core.attachment import AttachmentPath, attachment_path


@pytest.mark.parametrize(
    ("attach_file_path", "attach_directory", "found"),
    [
        ("a.png", "b.png", AttachmentPath("a.png", "attach_file_path")),
        ("a.png", None, AttachmentPath("a.png", "attach_file_path")),
        (None, "b.png", AttachmentPath("b.png", "attach_directory")),
        ("", "b.png", AttachmentPath("b.png", "attach_directory")),
        (" \t\n", " b.png ", AttachmentPath(" b.png ", "attach_directory")),
        (None, None, None),
        ("  ", "", None),
    ],
)
def test_the_first_column_that_is_not_empty_counts(attach_file_path, attach_directory, found):
    assert attachment_path(attach_file_path=attach_file_path, attach_directory=attach_directory) == found
