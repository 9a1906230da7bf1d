"""Submitting a job: what is checked before anything is written, and the order in which it is written."""

from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from quel.core.errors import InvalidInput, NotFound, ServiceUnavailable, StorageRefused
from quel.core.operations.submit_job import PictureFile, SubmissionKey, read_job
from quel.operations.submit_job import submit_job
from tests.unit.operator_services import GivenServices

MEMBER = UUID(int=2)
DATA = {"attachId": "coat.png", "more": [{"mergedAttachId": "wall.JPG"}, {"attachId": 7}]}
ROW = {"job_type": "simple_general", "total_images": 1, "job_input_data": DATA}
PICTURES = {name: PictureFile(Path(name).name, name.encode()) for name in ("coat.png", "wall.JPG")}
SETTINGS = {"DATABASE_URL": "postgresql://h/d", "SUPABASE_URL": "http://s", "SUPABASE_SERVICE_KEY": "k"}


class Rows:
    """The rows of new jobs; `unknown` are payers without one."""

    def __init__(self, log, unknown=()):
        self.log, self.unknown = log, list(unknown)
        self.uploads = {}

    def unknown_payers(self, *_):
        return self.unknown

    def write(self, job_id, _row, uploads, **_):
        self.log.append("write")
        self.uploads = uploads


class Storage:
    """A bucket that takes everything, or refuses it."""

    def __init__(self, log, *, refuses=False):
        self.log, self.refuses = log, refuses
        self.objects = {}

    def write_upload(self, path, data, mime_type):
        if self.refuses:
            raise StorageRefused("The bucket is closed.")
        self.log.append("upload")
        self.objects[path] = (data, mime_type)


class Redis:
    """The raw list, or the error that it answers with."""

    def __init__(self, log, *, ping_fails=False, push_fails=False):
        self.log, self.ping_fails, self.push_fails = log, ping_fails, push_fails

    def ping_redis(self):
        if self.ping_fails:
            raise ServiceUnavailable("Redis cannot answer now.")

    def push(self, _):
        if self.push_fails:
            raise ServiceUnavailable("Redis cannot answer now.")
        self.log.append("push")


def services_of(log, *, unknown=(), refuses=False, environment=SETTINGS, **redis):
    lists = Redis(log, **redis)
    return GivenServices(
        environment=environment,
        submit_job=Rows(log, unknown),
        storage=Storage(log, refuses=refuses),
        ping_redis=lists.ping_redis,
        push=lists.push,
    )


def test_pictures_come_first_then_the_rows_and_the_id_last():
    log: list[str] = []
    services = services_of(log)
    submitted = submit_job(services, read_job(ROW, member_id=MEMBER), PICTURES)
    assert log == ["upload", "upload", "write", "push"]
    assert submitted.unpushed is None
    uploads = services.submit_job.uploads
    assert [uploads[name].mime_type for name in PICTURES] == ["image/png", "image/jpeg"]
    assert {f"uploads/{upload.path}" for upload in uploads.values()} == set(services.storage.objects)
    assert all(upload.path.endswith((".png", ".jpg")) for upload in uploads.values())


@pytest.mark.parametrize(
    ("trouble", "pictures", "error", "says"),
    [
        (
            {"unknown": ["member 1", "organization 2"]},
            PICTURES,
            NotFound,
            "no member 1 and no organization 2",
        ),
        ({}, {"coat.png": PICTURES["coat.png"]}, InvalidInput, "No picture was given for wall.JPG"),
        ({"ping_fails": True}, PICTURES, ServiceUnavailable, "Redis"),
        ({"refuses": True}, PICTURES, StorageRefused, "bucket"),
    ],
)
def test_what_is_wrong_is_told_before_a_row_is_written(trouble, pictures, error, says):
    log: list[str] = []
    with pytest.raises(error, match=says):
        submit_job(services_of(log, **trouble), read_job(ROW, member_id=MEMBER), pictures)
    assert log == []


def test_under_a_key_pictures_are_uploaded_to_the_same_places_again():
    services, first = services_of([]), SubmissionKey("studio", "k", "a")
    counts = []
    for key in (first, first, replace(first, body_sha256="b"), replace(first, holder="another"), None):
        submit_job(services, read_job(ROW, member_id=MEMBER), PICTURES, key=key)
        counts.append(len(services.storage.objects))
    assert counts == [2, 2, 4, 6, 8]


def test_an_id_that_is_not_pushed_is_told_with_the_job_that_is_written():
    log: list[str] = []
    submitted = submit_job(services_of(log, push_fails=True), read_job(ROW), PICTURES)
    assert log == ["upload", "upload", "write"]
    assert f"Job {submitted.job_id} is written but may not be pushed" in (submitted.unpushed or "")


def test_the_ids_of_the_row_hold_where_no_other_is_given():
    other = UUID(int=3)
    row = ROW | {"quel_member_id": str(MEMBER), "org_id": str(other)}
    assert (read_job(row).member_id, read_job(row).org_id) == (MEMBER, other)
    assert read_job(row, member_id=other).member_id == other
    with pytest.raises(InvalidInput, match="org_id is no UUID"):
        read_job(ROW | {"org_id": "ours"})
    with pytest.raises(InvalidInput, match="one JSON object"):
        read_job([])
