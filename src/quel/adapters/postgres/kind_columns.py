"""What a row's kind is told by, without its input leaving the database: that may be megabytes.

Of the input only the names of its keys are read: all that a kind is told by, and some of the others, cut.
"""

from typing import Any

from sqlalchemy import Row

from quel.core.fetch_job import given_path
from quel.core.kind import KNOWN_KEYS, Kind, kind_of

KIND_COLUMNS = """
    j.job_type, j.quel_production_path AS job_path, p.quel_production_path AS production_path,
    CASE WHEN jsonb_typeof(j.job_input_data) = 'object' THEN ARRAY(
        SELECT left(key, 40) FROM jsonb_object_keys(j.job_input_data) AS key
        ORDER BY key <> ALL(:known_keys) LIMIT 40) END AS input_keys
"""
"""Of a job `j` and its production `p`; needs KIND_PARAMETERS. No key that tells is as long as 40."""

KIND_PARAMETERS: dict[str, Any] = {"known_keys": sorted(KNOWN_KEYS)}


def kind_of_row(row: Row[Any]) -> Kind:
    """The kind of a row that has KIND_COLUMNS."""
    return kind_of(row.job_type, given_path((row.job_path, row.production_path)), row.input_keys)
