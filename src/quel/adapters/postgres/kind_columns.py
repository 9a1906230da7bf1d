"""What a row's kind is told by, without its input leaving the database: that may be megabytes.

Of the input only the names of its keys are read: all that a kind is told by, and some of the others, cut. One
that stands as JSON text is read as text, up to a bound.
"""

from typing import Any

from sqlalchemy import Row

from quel.core.fetch_job import given_path
from quel.core.kind import KNOWN, Kind, kind_of
from quel.core.request import read_once_more

LONGEST_TEXT_CHARACTERS = 400_000
"""Of an input that stands as JSON text: a longer one holds pictures, and fetch_job alone tells its kind."""

KIND_COLUMNS = """
    j.job_type, j.quel_production_path AS job_path, p.quel_production_path AS production_path,
    CASE WHEN jsonb_typeof(j.job_input_data) = 'object' THEN ARRAY(
        SELECT left(key, 40) FROM jsonb_object_keys(j.job_input_data) AS key
        ORDER BY lower(translate(key, '-_ ', '')) <> ALL(:known_keys) LIMIT 40) END AS input_keys,
    CASE WHEN jsonb_typeof(j.job_input_data) = 'string'
         AND length(j.job_input_data #>> ARRAY[]::text[]) <= :longest_text
         THEN j.job_input_data #>> ARRAY[]::text[] END AS input_text
"""
"""Of a job `j` and its production `p`; needs KIND_PARAMETERS. No key that tells is as long as 40."""

KIND_PARAMETERS: dict[str, Any] = {"known_keys": sorted(KNOWN), "longest_text": LONGEST_TEXT_CHARACTERS}


def kind_of_row(row: Row[Any]) -> Kind:
    """The kind of a row that has KIND_COLUMNS."""
    written = read_once_more(row.input_text)
    keys = written if isinstance(written, dict) else row.input_keys
    return kind_of(row.job_type, given_path((row.job_path, row.production_path)), keys)
