"""The bucket as the stages use it, against scripted answers: routes, headers, retries and sentences."""

import json

import httpx
import pytest

from quel.core.bucket_settings import BucketSettings
from quel.core.errors import (
    Misconfigured,
    ReferenceUnavailable,
    ServiceUnavailable,
    SettingsError,
    StorageRefused,
)
from tests.unit.scripted_storage import BUSY, KEY, NOT_FOUND, OBJECTS, Script, found


def test_a_reference_is_read_from_the_public_base_without_the_key():
    script = Script(found())
    assert script.storage().read_reference("upload-1 a.png") == b"picture"
    assert script.urls == [f"GET {OBJECTS}/public/attachments/uploads/upload-1%20a.png"]
    assert KEY not in str(script.requests[0].headers)


@pytest.mark.parametrize("base", ["https://cdn.example/files", "https://cdn.example/files/"])
def test_the_public_base_may_be_another_host_that_never_sees_the_key(base):
    script = Script(NOT_FOUND, found())
    assert script.storage(public_base_url=base).read_reference("a/b.png") == b"picture"
    assert script.urls == [
        "GET https://cdn.example/files/a/b.png",
        f"GET {OBJECTS}/authenticated/attachments/a/b.png",
    ]
    assert KEY not in str(script.requests[0].headers)
    assert script.requests[1].headers["authorization"] == f"Bearer {KEY}"
    assert script.requests[1].headers["apikey"] == KEY


@pytest.mark.parametrize("refusal", [400, 401, 403, 404, 302])
def test_whatever_the_public_route_refuses_is_asked_for_with_the_key(refusal):
    script = Script(httpx.Response(refusal), found())
    assert script.storage().read_reference("a/b.png") == b"picture"


def test_a_reference_that_is_nowhere_is_unavailable_and_only_its_name_is_told():
    with pytest.raises(ReferenceUnavailable) as refused:
        Script(NOT_FOUND).storage().read_reference("private/folder/b.png")
    assert str(refused.value) == "b.png is not in storage (404)."


@pytest.mark.parametrize("path", ["../other/x.png", "%2e%2e/x.png", "", "https://evil.example/x.png"])
def test_an_unsafe_path_is_unavailable_and_never_asked_for(path):
    script = Script(found())
    with pytest.raises(ReferenceUnavailable, match=r"^The stored path of .*\.$"):
        script.storage().read_reference(path)
    assert script.requests == []


def test_a_path_with_two_readings_is_asked_for_until_one_is_there():
    script = Script(NOT_FOUND, NOT_FOUND, found())
    assert script.storage().read_reference("attachments/a//b.png") == b"picture"
    assert script.urls == [
        f"GET {OBJECTS}/public/attachments/a//b.png",
        f"GET {OBJECTS}/authenticated/attachments/a//b.png",
        f"GET {OBJECTS}/public/attachments/attachments/a//b.png",
    ]


def test_a_signed_address_is_read_without_its_token():
    script = Script(NOT_FOUND)
    with pytest.raises(ReferenceUnavailable, match=r"^b\.png is not in storage \(404\)\.$"):
        script.storage().read_reference(f"{OBJECTS}/sign/attachments/a/b.png?token=secret")
    assert script.urls[0] == f"GET {OBJECTS}/public/attachments/a/b.png"
    assert "secret" not in str(script.urls)


def test_a_refused_key_is_told_at_the_first_reading():
    refused = httpx.Response(400, json={"statusCode": "403", "error": "Unauthorized", "message": "…"})
    script = Script(NOT_FOUND, refused)
    with pytest.raises(Misconfigured):
        script.storage().read_reference("attachments/a//b.png")
    assert len(script.requests) == 2


def test_a_reference_beyond_the_limit_is_unavailable():
    with pytest.raises(ReferenceUnavailable, match=r"^b\.png is larger than 1e-05 MB\.$"):
        Script(found(b"x" * 11)).storage(max_reference_bytes=10).read_reference("a/b.png")


@pytest.mark.parametrize(
    "passing",
    [
        BUSY,
        httpx.Response(429),
        httpx.Response(544),
        httpx.Response(400, json={"statusCode": "423"}),
        httpx.ConnectError("refused"),
        httpx.RemoteProtocolError("cut off"),
    ],
)
def test_what_a_moment_mends_is_tried_again_after_growing_pauses(passing):
    script = Script(passing, passing, passing, found())
    assert script.storage().read_reference("a/b.png") == b"picture"
    assert script.pauses_s == pytest.approx([0.15, 0.3, 0.6])


@pytest.mark.parametrize("passing", [BUSY, httpx.ReadError("broken")])
def test_what_no_moment_mends_is_a_neighbour_that_is_down(passing):
    script = Script(passing)
    with pytest.raises(ServiceUnavailable, match=r"^Storage .*\.$"):
        script.storage().write_result("r/1.webp", b"webp")
    assert len(script.requests) == 4
    assert len(script.pauses_s) == 3


def test_a_try_that_used_up_its_deadline_is_not_repeated():
    script = Script(httpx.ReadTimeout("slow"))
    with pytest.raises(ServiceUnavailable, match="in time"):
        script.storage().read_reference("a/b.png")
    assert len(script.requests) == 1


def test_a_result_is_written_over_what_is_there():
    script = Script(httpx.Response(200, json={"Key": "attachments/r/1.webp"}))
    script.storage().write_result("generated-images/user-7/generated_1.webp", b"webp")
    request = script.requests[0]
    assert script.urls == [f"POST {OBJECTS}/attachments/generated-images/user-7/generated_1.webp"]
    assert request.content == b"webp"
    assert request.headers["content-type"] == "image/webp"
    assert request.headers["x-upsert"] == "true"
    assert request.headers["cache-control"] == "max-age=3600"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["apikey"] == KEY


def test_two_uploads_of_one_key_at_once_are_settled_by_another_try():
    duplicate = httpx.Response(400, json={"statusCode": "409", "error": "Duplicate"})
    script = Script(duplicate, found(b"{}"))
    script.storage().write_result("r/1.webp", b"webp")
    assert len(script.requests) == 2


@pytest.mark.parametrize(
    ("told", "read_as"),
    [
        ({"public": False}, BucketSettings(public=False)),
        ({"public": True, "file_size_limit": "5", "allowed_mime_types": []}, BucketSettings(True, 5)),
        (
            {"public": True, "allowed_mime_types": ["image/*"], "owner": "x"},
            BucketSettings(True, None, ("image/*",)),
        ),
    ],
)
def test_a_bucket_tells_its_settings(told, read_as):
    assert Script(httpx.Response(200, json=told)).storage().bucket_settings() == read_as


@pytest.mark.parametrize("told", [b"", b"[]", b"{}", b"<html>", b'{"public": true, "file_size_limit": "?"}'])
def test_a_bucket_that_tells_nothing_readable_is_a_neighbour_that_is_down(told):
    with pytest.raises(ServiceUnavailable, match="bucket's settings"):
        Script(found(told)).storage().bucket_settings()


@pytest.mark.parametrize(
    ("refusal", "fault"),
    [
        (httpx.Response(400, json={"statusCode": "404", "error": "Bucket not found"}), "storage_no_bucket"),
        (
            httpx.Response(404, json={"message": "Route GET:/x not found", "statusCode": 404}),
            "storage_address",
        ),
        (httpx.Response(404, text="<html>nginx</html>"), "storage_address"),
        (httpx.Response(400, json={"statusCode": "403", "message": "Invalid Compact JWS"}), "storage_access"),
    ],
)
def test_a_wrong_key_an_unknown_bucket_and_a_missing_route_are_told_apart(refusal, fault):
    with pytest.raises(Misconfigured) as refused:
        Script(refusal).storage().bucket_settings()
    assert refused.value.fault == fault


@pytest.mark.parametrize(
    ("allowed", "takes"),
    [(None, True), (("image/webp",), True), (("image/*",), True), (("*/*",), True), (("image/png",), False)],
)
def test_a_bucket_takes_what_it_names(allowed, takes):
    assert BucketSettings(True, None, allowed).takes("image/webp") is takes


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, "<html>nginx</html>"),
        (410, "gone"),
        (414, "<html>URI Too Long</html>"),
        (400, '{"statusCode": "404", "error": "not_found", "message": "Object not found"}'),
        (404, '{"code": "NoSuchKey", "message": "…"}'),
        (400, '{"statusCode": "400", "message": "The specified key does not exist."}'),
        (400, '{"statusCode": "400", "error": "InvalidKey", "message": "Invalid key: x"}'),
        (400, '{"statusCode": "400", "message": "The resource name is invalid"}'),
    ],
)
def test_what_says_that_there_is_no_such_object_is_a_missing_reference(status, body):
    with pytest.raises(ReferenceUnavailable, match=r"^x\.png is not in storage"):
        Script(NOT_FOUND, httpx.Response(status, text=body)).storage().read_reference("uploads/x.png")


def test_a_strange_page_with_200_is_no_stored_result():
    with pytest.raises(ServiceUnavailable):
        Script(found(b"<html>Please sign in</html>")).storage().write_result("r/1.webp", b"webp")


def test_quel_does_not_write_outside_the_bucket_itself():
    script = Script(found())
    with pytest.raises(StorageRefused):
        script.storage().write_result("../x.webp", b"webp")
    assert script.requests == []


def test_objects_are_deleted_many_at_once():
    script = Script(httpx.Response(200, json=[]))
    script.storage().delete_results([f"r/{n}.webp" for n in range(501)])
    assert script.urls == [f"DELETE {OBJECTS}/attachments"] * 2
    assert [len(json.loads(request.content)["prefixes"]) for request in script.requests] == [500, 1]
    assert json.loads(script.requests[1].content) == {"prefixes": ["r/500.webp"]}


def test_deleting_nothing_or_what_is_gone_is_no_error():
    script = Script(NOT_FOUND)
    script.storage().delete_results([])
    assert script.requests == []
    script.storage().delete_results(["r/1.webp"])


def test_a_refused_deletion_is_a_neighbour_that_is_down():
    with pytest.raises(ServiceUnavailable, match="operator"):
        Script(httpx.Response(403)).storage().delete_results(["r/1.webp"])


def test_the_size_of_a_stored_object_is_told():
    script = Script(httpx.Response(200, json={"name": "r/1.webp", "size": 4711}))
    assert script.storage().stored_size_bytes("r/1.webp") == 4711
    assert script.urls == [f"GET {OBJECTS}/info/attachments/r/1.webp"]
    assert Script(NOT_FOUND).storage().stored_size_bytes("r/1.webp") is None


def test_an_unreadable_size_is_an_error_and_not_a_size():
    with pytest.raises(ServiceUnavailable, match="size"):
        Script(found(b"<html>")).storage().stored_size_bytes("r/1.webp")
    with pytest.raises(Misconfigured):
        Script(httpx.Response(401)).storage().stored_size_bytes("r/1.webp")


def test_a_bucket_that_is_gone_says_nothing_about_an_object():
    gone = httpx.Response(400, json={"statusCode": "404", "error": "Bucket not found", "message": "…"})
    with pytest.raises(Misconfigured):
        Script(gone).storage().stored_size_bytes("r/1.webp")


@pytest.mark.parametrize(
    "answer",
    [NOT_FOUND, BUSY, httpx.Response(401, text=KEY), httpx.ConnectError(KEY), httpx.ReadTimeout(KEY)],
)
def test_no_error_shows_or_holds_the_key(answer):
    storage = Script(answer).storage()
    calls = [
        lambda: storage.read_reference("a/b.png"),
        lambda: storage.write_result("a/b.webp", b""),
        lambda: storage.stored_size_bytes("../b.webp"),
    ]
    for call in calls:
        with pytest.raises((ReferenceUnavailable, StorageRefused, ServiceUnavailable)) as raised:
            call()
        assert KEY not in str(raised.value)
        assert not isinstance(raised.value.__context__, httpx.HTTPError)


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "project.example"},
        {"url": "ftp://project.example"},
        {"url": "https://"},
        {"url": "http://host:port"},
        {"public_base_url": "/files/"},
        {"service_key": ""},
        {"service_key": "with\nnewline"},
        {"service_key": "열쇠"},
    ],
)
def test_a_setting_that_cannot_be_one_is_named_without_its_value(wrong):
    with pytest.raises(SettingsError, match="SUPABASE_") as refused:
        Script(found()).storage(**wrong)
    assert wrong.get("service_key") in (None, "") or wrong["service_key"] not in str(refused.value)
