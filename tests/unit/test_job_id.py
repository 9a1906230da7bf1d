"""An entry of a raw list is read as the id it stands for, or as none; nothing raises (SPEC 1.3)."""

import json
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quel.core.job_id import read_job_id

ID = "7d0f6f0e-5c1b-4a51-9a35-2f1c3b8f9e10"


@pytest.mark.parametrize(
    "entry",
    [
        ID,
        ID.upper(),
        f"  {ID}\n",
        f'"{ID}"',
        f"{{{ID}}}",
        ID.replace("-", ""),
        json.dumps({"job_id": ID}),
        f'{{"job_id":"{ID.upper()}"}}',
        f' {{ "job_id" : " {ID} " }}\n',
        json.dumps({"job_id": ID, "user": "somebody", "retries": 0}),
    ],
)
def test_the_usual_spellings_are_read(entry):
    assert read_job_id(entry.encode()) == UUID(ID)


@pytest.mark.parametrize(
    "entry",
    [
        b"",
        b"{}",
        b"{",
        b"null",
        b"\x00\xff\xfe" + ID.encode(),
        ID[:-1].encode(),
        f"{ID} {ID}".encode(),
        json.dumps([ID]).encode(),
        json.dumps({"job": ID}).encode(),
        json.dumps({"job_id": None}).encode(),
        json.dumps({"job_id": 5}).encode(),
        json.dumps({"job_id": [ID]}).encode(),
        json.dumps({"job_id": {"job_id": ID}}).encode(),
        json.dumps({"job_id": json.dumps({"job_id": ID})}).encode(),
        json.dumps({"job_id": ID, "padding": "x" * 3_000_000}).encode(),
        b'{"job_id":' * 50,
        b"{" + b"[" * 500,
    ],
)
def test_the_rest_is_none(entry):
    assert read_job_id(entry) is None


@given(st.binary(max_size=600))
def test_nothing_raises(entry):
    read_job_id(entry)
