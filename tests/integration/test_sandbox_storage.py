"""The Storage simulator over the wire, as quel and a curious auditor speak to it."""

import httpx
import pytest

from quel.sandbox import faults
from quel.sandbox.errors import SandboxError
from quel.sandbox.storage import faults as storage_faults
from quel.sandbox.storage.client import Storage

RESULT = "generated-images/user-7/generated_1.webp"


@pytest.fixture(scope="module")
def storage():
    with Storage(in_process=True, buckets=("attachments", "secrets")) as storage:
        yield storage


@pytest.fixture(autouse=True)
def fresh(storage):
    storage.reset()


@pytest.fixture(scope="module")
def owner(storage):
    headers = {"Authorization": f"Bearer {storage.service_key}", "apikey": storage.service_key}
    with httpx.Client(base_url=f"{storage.url}/storage/v1/object", headers=headers, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def stranger(storage):
    with httpx.Client(base_url=f"{storage.url}/storage/v1/object", timeout=30) as client:
        yield client


def upload(client, path=RESULT, data=b"webp", **headers):
    headers = {"Content-Type": "image/webp", "Cache-Control": "max-age=3600", **headers}
    return client.post(f"/attachments/{path}", content=data, headers=headers)


def truth_of(answer):
    """(HTTP status, the status in the body, the body's code)."""
    body = answer.json()
    return answer.status_code, body["statusCode"], body["code"]


def test_an_upload_is_kept_with_its_headers(storage, owner):
    answer = upload(owner)
    assert answer.status_code == 200
    assert answer.json()["Key"] == f"attachments/{RESULT}"
    (held,) = storage.objects()
    assert (held.path, held.size_bytes, held.content_type) == (RESULT, 4, "image/webp")
    assert held.cache_control == "max-age=3600"
    assert storage.get(RESULT) == b"webp"


def test_a_second_upload_needs_to_say_that_it_replaces(storage, owner):
    upload(owner)
    assert truth_of(upload(owner, data=b"other")) == (400, "409", "ResourceAlreadyExists")
    assert storage.get(RESULT) == b"webp"
    assert upload(owner, data=b"other", **{"x-upsert": "true"}).status_code == 200
    assert owner.put(f"/attachments/{RESULT}", content=b"third").status_code == 200
    assert storage.get(RESULT) == b"third"


def test_only_the_service_key_uploads(storage, stranger):
    assert truth_of(upload(stranger)) == (400, "400", "InvalidRequest")
    assert truth_of(upload(stranger, Authorization="Bearer stolen")) == (400, "403", "AccessDenied")
    assert storage.objects() == []
    assert [call.authorized for call in storage.calls()] == [False, False]


def test_public_objects_are_read_by_anyone(storage, stranger):
    storage.put("uploads/upload-1.png", b"picture")
    answer = stranger.get("/public/attachments/uploads/upload-1.png")
    assert (answer.status_code, answer.content) == (200, b"picture")
    assert answer.headers["content-type"] == "image/png"
    assert stranger.head("/public/attachments/uploads/upload-1.png").headers["content-length"] == "7"


def test_private_missing_and_bucketless_look_alike_to_the_public(storage, stranger):
    storage.put("private.png", b"picture", public=False)
    answers = [
        stranger.get(f"/public/{path}")
        for path in ("attachments/private.png", "attachments/missing.png", "nowhere/private.png")
    ]
    assert [truth_of(answer) for answer in answers] == [(400, "404", "NoSuchKey")] * 3
    assert len({answer.text for answer in answers}) == 1


def test_the_owner_reads_private_objects(storage, owner, stranger):
    storage.put("private.png", b"picture", public=False)
    for route in ("/authenticated/attachments/private.png", "/attachments/private.png"):
        assert owner.get(route).content == b"picture"
        assert truth_of(stranger.get(route)) == (400, "400", "InvalidRequest")
    assert truth_of(owner.get("/authenticated/attachments/missing.png")) == (400, "404", "NoSuchKey")
    assert truth_of(owner.get("/authenticated/nowhere/private.png")) == (400, "404", "NoSuchBucket")


def test_an_upload_can_be_verified(owner):
    upload(owner)
    about = owner.get(f"/info/attachments/{RESULT}").json()
    assert (about["name"], about["size"], about["content_type"]) == (RESULT, 4, "image/webp")
    assert truth_of(owner.get("/info/attachments/missing")) == (400, "404", "NoSuchKey")


def test_many_are_deleted_and_missing_ones_passed_over(storage, owner):
    for path in ("a.webp", "b.webp", "c.webp"):
        storage.put(path, b"x")
    answer = owner.request("DELETE", "/attachments", json={"prefixes": ["a.webp", "missing", "c.webp"]})
    assert [gone["name"] for gone in answer.json()] == ["a.webp", "c.webp"]
    assert [held.path for held in storage.objects()] == ["b.webp"]
    assert truth_of(owner.request("DELETE", "/attachments", json={})) == (400, "400", "InvalidRequest")


def test_one_can_be_deleted(storage, owner):
    storage.put("a.webp", b"x")
    assert owner.delete("/attachments/a.webp").status_code == 200
    assert truth_of(owner.delete("/attachments/a.webp")) == (400, "404", "NoSuchKey")


def test_a_folder_can_be_listed(owner):
    upload(owner)
    listed = owner.post("/list/attachments", json={"prefix": "generated-images/user-7", "limit": 10}).json()
    assert [entry["name"] for entry in listed] == ["generated_1.webp"]


@pytest.mark.parametrize("name", ["한글.webp", "a#b.webp", "a%5Bb%5D.webp", "a~b.webp", "line%0Abreak.webp"])
def test_names_it_does_not_take_are_refused(owner, name):
    assert truth_of(upload(owner, name.replace("#", "%23"))) == (400, "400", "InvalidKey")


def test_every_sign_it_takes_comes_back(storage, owner):
    name = "A-z_0/9!.*'() &$@=;:+,x.webp"
    assert upload(owner, name).status_code == 200
    assert [held.path for held in storage.objects()] == [name]


def test_an_object_too_large_is_refused(owner):
    assert truth_of(upload(owner, data=bytes(50_000_001))) == (400, "413", "EntityTooLarge")


def test_a_path_that_climbs_out_reaches_the_other_bucket_as_behind_a_gateway(storage, stranger):
    storage.put("plan.png", b"secret", bucket="secrets")
    for escape in ("x/../../secrets/plan.png", "x/%2e%2e/%2e%2e/secrets/plan.png", "..%2Fsecrets/plan.png"):
        assert stranger.get(f"/public/attachments/{escape}").content == b"secret"
    assert {call.bucket for call in storage.calls()} == {"secrets"}


def test_every_request_is_logged(storage, owner, stranger):
    upload(owner, **{"x-upsert": "true"})
    stranger.get(f"/public/attachments/{RESULT}?v=1")
    put, read = storage.calls()
    assert (put.number, put.method, put.operation, put.path) == (0, "POST", "upload", RESULT)
    assert (put.upsert, put.authorized, put.size_bytes, put.status) == (True, True, 4, 200)
    assert (put.content_type, put.cache_control) == ("image/webp", "max-age=3600")
    assert (read.operation, read.authorized, read.outcome) == ("read", False, "served")
    assert read.target == f"/storage/v1/object/public/attachments/{RESULT}?v=1"
    assert storage.calls(since=1) == [read]


@pytest.mark.parametrize(
    ("fault", "truth"),
    [
        (storage_faults.not_found(), (400, "404", "NoSuchKey")),
        (storage_faults.forbidden(), (400, "403", "AccessDenied")),
        (storage_faults.duplicate(), (400, "409", "ResourceAlreadyExists")),
        (storage_faults.too_large(), (400, "413", "EntityTooLarge")),
        (storage_faults.wrong_type(), (400, "415", "InvalidMimeType")),
        (storage_faults.locked(), (400, "423", "ResourceLocked")),
        (storage_faults.overloaded(), (400, "503", "DatabaseConnectionLimit")),
        (storage_faults.slow_down(), (429, "429", "SlowDown")),
        (storage_faults.internal_error(), (500, "500", "InternalError")),
        (storage_faults.database_timeout(), (544, "544", "DatabaseTimeout")),
        (storage_faults.error(507, "Full", "The disk is full"), (400, "507", "Full")),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_an_error_carries_the_truth_where_storage_puts_it(storage, owner, fault, truth):
    storage.fail_next(fault)
    assert truth_of(upload(owner)) == truth
    assert storage.objects() == []
    assert storage.calls()[0].outcome == fault.name
    assert upload(owner).status_code == 200


def test_a_fault_can_be_meant_for_one_operation_or_one_path(storage, owner):
    storage.fail_next(storage_faults.slow_down(), operation="read")
    storage.fail_when("user-7", storage_faults.locked(), operation="upload")
    assert upload(owner, "else.webp").status_code == 200
    assert upload(owner).json()["statusCode"] == "423"
    assert owner.get("/attachments/else.webp").status_code == 429
    assert owner.get("/attachments/else.webp").status_code == 200


def test_the_gateway_in_front_may_answer_with_a_page(storage, owner):
    for status in (401, 413, 502):
        storage.fail_next(faults.gateway_page(status))
        answer = upload(owner)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html")


def test_a_read_may_be_sent_elsewhere(storage, stranger):
    storage.put("a.png", b"picture")
    storage.fail_next(storage_faults.redirect("http://127.0.0.1:9/elsewhere"))
    answer = stranger.get("/public/attachments/a.png")
    assert (answer.status_code, answer.headers["location"]) == (302, "http://127.0.0.1:9/elsewhere")


def test_a_read_may_bring_garbage(storage, stranger):
    storage.put("a.png", b"picture")
    storage.fail_next(storage_faults.garbage())
    answer = stranger.get("/public/attachments/a.png")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert b"not a picture" in answer.content


def test_a_read_may_break_or_never_end(storage, stranger):
    storage.put("a.png", bytes(10_000))
    address = "/public/attachments/a.png"
    for fault in (faults.cut_before_answer(), faults.cut_during_answer()):
        storage.fail_next(fault)
        with pytest.raises(httpx.RemoteProtocolError):
            stranger.get(address)
    storage.fail_next(faults.hang())
    with pytest.raises(httpx.ReadTimeout):
        stranger.get(address, timeout=0.2)
    storage.fail_next(faults.endless())
    with stranger.stream("GET", address) as answer:
        received = 0
        for chunk in answer.iter_raw():
            received += len(chunk)
            if received > 5_000_000:
                break
    assert received > 5_000_000
    assert stranger.get(address).content == bytes(10_000)


def test_an_upload_may_be_done_although_its_answer_is_lost(storage, owner):
    storage.fail_next(faults.cut_before_answer(), operation="upload")
    with pytest.raises(httpx.RemoteProtocolError):
        upload(owner)
    assert storage.get(RESULT) == b"webp"


def test_objects_can_be_taken_away_behind_quels_back(storage):
    storage.put("a.png", b"picture")
    assert storage.remove("a.png")
    assert not storage.remove("a.png")
    with pytest.raises(SandboxError, match=r"no object 'a\.png'"):
        storage.get("a.png")


def test_a_body_without_a_length_is_refused_plainly(owner):
    answer = owner.post("/attachments/a.webp", content=iter([b"in ", b"pieces"]))
    assert answer.status_code == 411


def test_other_addresses_are_not_found(storage, owner):
    answer = owner.get(f"{storage.url}/rest/v1/quel_attach")
    assert (answer.status_code, answer.json()["statusCode"]) == (404, 404)


def test_a_bucket_tells_its_settings_and_keeps_to_them(storage, owner, stranger):
    storage.set_bucket(public=False, file_size_limit=3, allowed_mime_types=["image/webp"])
    told = owner.get(f"{storage.url}/storage/v1/bucket/attachments").json()
    assert (told["public"], told["file_size_limit"], told["allowed_mime_types"]) == (False, 3, ["image/webp"])
    assert truth_of(upload(owner)) == (400, "413", "EntityTooLarge")
    assert truth_of(upload(owner, data=b"x", **{"Content-Type": "image/png"})) == (
        400,
        "415",
        "InvalidMimeType",
    )
    assert upload(owner, data=b"x").status_code == 200
    assert truth_of(stranger.get(f"/public/attachments/{RESULT}"))[1] == "404"
    assert truth_of(owner.get(f"{storage.url}/storage/v1/bucket/none")) == (400, "404", "NoSuchBucket")
    assert truth_of(stranger.get(f"{storage.url}/storage/v1/bucket/attachments"))[1] == "400"
