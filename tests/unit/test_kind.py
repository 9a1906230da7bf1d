"""What a row of the shared table is, told from job type, path and the input's keys alone (SPEC 1.3)."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quel.core.job import JobType
from quel.core.kind import COMMON_KEYS, MADE_HERE, READ_KEYS, TELLING_KEYS, Kind, foreign_reason, kind_of
from quel.core.kinds import KINDS
from quel.core.request import parse_request
from quel.core.request.spelling import Spellings

ROWS = Path(__file__).parents[1] / "rows"
MODIFY_KEYS = {"originalAttachId", "maskDataUrl", "prompt", "layers", "quantity", "aspect-ratio", "userId"}
MULTIVIEW_KEYS = {"sourceAttachId", "angles", "aspectRatio", "category", "originalPrompt", "userId"}
LANDING_KEYS = {"prompt", "templatePrompt", "modelId", "uploadedAttachIds", "aspect-ratio", "userId"}
VIDEO_KEYS = {"imageBase64", "prompt", "userId"}


@pytest.mark.parametrize(
    ("kind", "job_type", "path", "keys"),
    [
        (Kind.IMAGES, "single_batch", "fashion", {"basePrompt", "combinations", "userId", "category"}),
        (Kind.IMAGES, "pipeline_stage", None, {"stages", "userId", "totalImages"}),
        (Kind.IMAGES, "simple_general", "", {"prompt", "userId"}),
        (Kind.IMAGES, "simple_portrait", " Cinema ", {"mergedImages", "aspect-ratio"}),
        (Kind.IMAGES, "single_batch", None, {"mergedImageAttachId", "prompt", "quantity", "userId"}),
        (Kind.IMAGES, "simple_general", "no-such-path", {"prompt"}),
        (Kind.IMAGES, "simple_general", "fashion", {"quantity", "somethingNew"}),
        (Kind.IMAGES, "simple_general", "fashion", {"userId", "aspect-ratio"}),
        (Kind.IMAGES, "simple_general", "fashion", set()),
        (Kind.IMAGES, "simple_general", None, None),
        (Kind.VIDEO, "simple_general", None, VIDEO_KEYS),
        (Kind.VIDEO, "simple_general", "fashion", VIDEO_KEYS | {"quantity", "aspect-ratio"}),
        (Kind.VIDEO, "simple_general", " VIDEO\n", {"prompt", "uploadedAttachIds"}),
        (Kind.VIDEO, "video", None, VIDEO_KEYS),
        (Kind.VIDEO, "simple_general", "video", None),
        *(
            (Kind.IMAGES, "single_batch", None, {"imageBase64", "prompt", "userId", telling})
            for telling in sorted(TELLING_KEYS)
        ),
        (Kind.MULTIVIEW, "simple_general", "multiview", MULTIVIEW_KEYS),
        (Kind.MULTIVIEW, "single_batch", " MultiView\t", {"basePrompt", "combinations"}),
        (Kind.MULTIVIEW, "simple_general", "multiview", {"sourceImageBase64", "userId"}),
        (Kind.LANDING, "simple_general", "landing", LANDING_KEYS),
        (Kind.LANDING, "pipeline_stage", "Landing", set()),
        (Kind.LANDING, "simple_general", "landing", None),
        (Kind.MODIFY, "simple_general", None, MODIFY_KEYS),
        (Kind.MODIFY, "simple_general", "fashion", {"maskDataUrl", "basePrompt", "stages"}),
        (Kind.MODIFY, "simple_general", "multiview", {"maskDataUrl"}),
        (Kind.MODIFY, "simple_general", "video", VIDEO_KEYS | {"maskDataUrl"}),
        (Kind.UNKNOWN, "simple_general", "fashion", {"voiceId", "script"}),
        (Kind.UNKNOWN, "simple_general", None, {"voiceId", "userId", "aspect-ratio"}),
        (Kind.UNKNOWN, "session_export", "fashion", {"prompt", "userId"}),
        (Kind.UNKNOWN, None, None, {"prompt"}),
        (Kind.UNKNOWN, "", None, set()),
    ],
)
def test_a_row_is_told_by_its_type_its_path_and_its_keys(kind, job_type, path, keys):
    assert kind_of(job_type, path, keys) is kind


@given(
    st.one_of(st.none(), st.text(), st.sampled_from(list(JobType))),
    st.one_of(st.none(), st.text(), st.sampled_from(["video", "landing"])),
    st.one_of(st.none(), st.lists(st.one_of(st.text(), st.sampled_from(sorted(READ_KEYS))))),
)
def test_every_row_is_of_one_kind(job_type, path, keys):
    assert kind_of(job_type, path, keys) in Kind


@pytest.mark.parametrize("file", sorted(ROWS.glob("fixtures/*.json")), ids=lambda file: file.stem)
def test_rows_of_the_front_end_are_made_here(file):
    row = json.loads(file.read_text("utf-8"))
    kind = kind_of(row["job_type"], row["quel_production_path"], row["job_input_data"])
    assert kind in MADE_HERE
    assert kind == file.stem.split("_")[0] or kind is Kind.IMAGES


def test_what_is_made_here_is_what_has_a_file():
    assert {Kind.IMAGES, *KINDS} == MADE_HERE
    assert {kind.path.name for kind in KINDS.values()} == {kind.value for kind in KINDS}


def test_the_keys_that_are_read_are_those_a_kind_is_told_by(monkeypatch):
    """Whoever lets the parser read a further key says in the kinds what it tells."""
    asked = set()

    def of(spellings, name):
        asked.add(name)
        return []

    monkeypatch.setattr(Spellings, "of", of)
    for job_type in JobType:
        parse_request(job_type, {"unread": 1}, total_images=1)
    assert asked == READ_KEYS | COMMON_KEYS


@pytest.mark.parametrize("kind", sorted(set(Kind) - MADE_HERE))
def test_a_refusal_says_what_the_job_is_and_that_nothing_was_charged(kind):
    reason = foreign_reason(kind)
    assert "charged nothing" in reason
    assert kind is Kind.UNKNOWN or f"{kind} job" in reason
