"""What Storage refuses: whose fault each answer is, and what the operator is told to look at."""

import httpx
import pytest

from quel.core.errors import Misconfigured, StorageRefused
from tests.unit.scripted_storage import KEY, NOT_FOUND, URL, Script


def test_a_name_that_no_object_may_have_is_refused_for_good():
    script = Script(httpx.Response(400, json={"statusCode": "400", "error": "InvalidKey", "message": KEY}))
    with pytest.raises(StorageRefused, match=r"^Storage takes no file of this name\.$"):
        script.storage().write_result("folder/1.webp", b"webp")
    assert len(script.requests) == 1


OPERATORS = {
    "401": ("401", "Unauthorized", "SUPABASE_SERVICE_KEY"),
    "403": ("403", "Unauthorized", "SUPABASE_SERVICE_KEY"),
    "older body": ("400", "invalid signature", "SUPABASE_SERVICE_KEY"),
    "expired": ("400", "jwt expired", "SUPABASE_SERVICE_KEY"),
    "no bucket": ("404", "Bucket not found", "SUPABASE_BUCKET"),
    "no route": ("404", "Route POST:/x not found", "SUPABASE_URL"),
    "mime type": ("415", "invalid_mime_type", "MIME types"),
    "older mime type": ("422", "mime type image/webp is not supported", "MIME types"),
    "size": ("413", "Payload too large", "file size limit"),
    "unpaid": ("402", "exceeded_quota", "plan"),
    "new to quel": ("418", "teapot", "Storage's own log"),
}


@pytest.mark.parametrize(("status", "error", "check"), OPERATORS.values(), ids=OPERATORS)
def test_a_refusal_that_is_no_fault_of_the_picture_keeps_it_and_tells_the_operator(status, error, check):
    script = Script(httpx.Response(400, json={"statusCode": status, "error": error, "message": KEY}))
    with pytest.raises(Misconfigured) as refused:
        script.storage().write_result("folder/1.webp", b"webp")
    assert str(refused.value).startswith(f"Storage refuses 1.webp ({status})")
    assert check in str(refused.value)
    assert KEY not in str(refused.value)
    assert refused.value.fault.startswith("storage_")
    assert [request.method for request in script.requests].count("POST") == 1


CODES = {
    "InvalidMimeType": "storage_type",
    "EntityTooLarge": "storage_size",
    "NoSuchBucket": "storage_no_bucket",
    "InvalidBucketName": "storage_no_bucket",
    "InvalidJWT": "storage_access",
    "AccessDenied": "storage_access",
    "SignatureDoesNotMatch": "storage_access",
    "TenantNotFound": "storage_address",
    "S3Error": "storage_other",
}


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("status", ["400", "404", "418"])
def test_storages_own_code_decides_before_every_status(code, status):
    if CODES[code] == "storage_other" and status == "404":
        status = "400"
    body = {"statusCode": status, "error": "new words", "message": KEY, "code": code}
    with pytest.raises(Misconfigured) as refused:
        Script(httpx.Response(400, json=body)).storage().write_result("r/1.webp", b"webp")
    assert refused.value.fault == CODES[code]


@pytest.mark.parametrize(
    ("bucket", "told"),
    [
        ({"public": True, "file_size_limit": 3}, "It has 4 bytes; the bucket's limit is 3 bytes."),
        ({"public": True, "file_size_limit": None}, "the limit is the project's or a gateway's."),
        ({"public": True, "file_size_limit": 9}, "the limit is the project's or a gateway's."),
        ({}, "the limit is the project's or a gateway's."),
    ],
)
def test_a_picture_that_is_too_large_says_how_large_and_what_the_limit_is(bucket, told):
    too_large = httpx.Response(413, text="<html>nginx</html>")
    script = Script(too_large, httpx.Response(200, json=bucket))
    with pytest.raises(Misconfigured, match="file size limit") as refused:
        script.storage().write_result("r/1.webp", b"webp")
    assert str(refused.value).endswith(told)
    assert script.urls[1] == f"GET {URL}/storage/v1/bucket/attachments"


@pytest.mark.parametrize("page", [b"<html>nginx</html>", b""])
@pytest.mark.parametrize("status", [401, 402, 403, 413, 415])
def test_so_is_a_gateways(status, page):
    with pytest.raises(Misconfigured):
        Script(httpx.Response(status, content=page)).storage().write_result("r/1.webp", b"webp")


@pytest.mark.parametrize("name", [name for name in OPERATORS if name != "size"])
def test_a_refused_key_or_bucket_is_no_missing_reference(name):
    status, error, check = OPERATORS[name]
    refused = httpx.Response(400, json={"statusCode": status, "error": error, "message": KEY})
    with pytest.raises(Misconfigured, match=check) as raised:
        Script(NOT_FOUND, refused).storage().read_reference("uploads/x.png?token=secret")
    assert "secret" not in str(raised.value)


SAID = {  # by Storage in some release, or by what stands in front of it
    "a gateway's page": (400, "<html>The plain HTTP request was sent to HTTPS port</html>", "other"),
    "headers too large": (431, "", "other"),
    "a proxy's login": (407, "<html>", "other"),
    "no route of Kong's": (404, '{"message": "no Route matched with those values"}', "address"),
    "no tenant": (400, '{"statusCode": "400", "message": "Missing tenant config for tenant x"}', "address"),
    "a header": (400, '{"message": "headers should have required property authorization"}', "access"),
    "another algorithm": (400, '{"statusCode": "400", "message": "invalid algorithm"}', "access"),
    "S3's": (400, '{"statusCode": "400", "error": "S3Error", "message": "Access Denied"}', "access"),
    "S3's key": (400, '{"statusCode": "400", "code": "S3InvalidAccessKeyId"}', "access"),
    "paused": (403, '{"message": "Project is paused"}', "quota"),
    "its own database": (400, '{"statusCode": "400", "code": "DatabaseError", "message": "x"}', "other"),
    "no JSON object": (400, "[]", "other"),
}


@pytest.mark.parametrize("name", SAID)
def test_what_does_not_speak_of_the_object_is_no_missing_reference(name):
    status, body, fault = SAID[name]
    with pytest.raises(Misconfigured) as refused:
        Script(NOT_FOUND, httpx.Response(status, text=body)).storage().read_reference("uploads/x.png")
    assert refused.value.fault == f"storage_{fault}"
