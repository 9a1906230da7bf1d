"""No path out of a database row leads out of the bucket; what has one sensible reading is read so."""

import posixpath
from itertools import product
from urllib.parse import quote, unquote

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quel.core.object_key import UnsafePathError, logged_key, quoted, shown_name
from quel.core.stored_path import Bucket, public_key, reference_keys

HOST = "https://project.example"
BASE = f"{HOST}/storage/v1/object/public/attachments/"
BUCKET = Bucket("attachments", HOST, BASE.rstrip("/"))
CDN = Bucket("pictures of ours", "http://kong:8000/api", "https://cdn.example/files")


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("upload-1.png", "uploads/upload-1.png"),
        ("/upload-1.png", "uploads/upload-1.png"),
        ("upload-set/a b.png", "uploads/upload-set/a b.png"),
        ("uploads/upload-1.png", "uploads/upload-1.png"),
        ("generated-images/user-7/generated_1.webp", "generated-images/user-7/generated_1.webp"),
        (" a/b.png ", " a/b.png "),
        ("a/b.png\n", "a/b.png"),
        ("a/my%20photo.png", "a/my photo.png"),
        ("a/%ED%95%9C.png", "a/한.png"),
        ("a/한글.png", "a/한글.png"),
        ("a/..b../c.png", "a/..b../c.png"),
        ("a/what?.png", "a/what?.png"),
        ("a/no#1.png", "a/no#1.png"),
        ("a/!$&'()*+,;=:@.png", "a/!$&'()*+,;=:@.png"),
        ("http:a", "http:a"),
    ],
)
def test_a_path_within_the_bucket_has_one_key(path, key):
    assert reference_keys(path, BUCKET)[0] == key


@pytest.mark.parametrize(
    "path",
    [
        *("", "   ", "/", "//", "."),
        *("..", "../x", "a/../b", "a/..", "/../x", "./../x", "a/.../b", "a/.. /b"),
        *("%2e%2e/x", "a/%2E%2e/x", "..%2fx", "a%2f..%2fb", ".%2e/x"),
        *("%252e%252e/x", "a/%252fb", "%25%32%65/x", "50%.png"),
        *("..\\x", "a\\..\\b", "a%5c..%5cb", "\\\\host\\x"),
        *(
            "https://host/x",
            "a/",
            "attachments/",
            "ftp://project.example/x",
            "https://[::1/x",
            "s3://attachments/x",
        ),
        *(
            f"{BASE}..",
            f"{BASE}%2e%2e/x",
            f"{BASE}a/../../x",
            BASE,
            f"{HOST}/rest/v1/x",
            f"{HOST}.evil.example/x",
        ),
        *(BASE.replace("attachments", "other") + "x", BASE.replace("project", "another") + "x"),
        *("a\x00b", "a%00b", "a\nb", "a%0d%0ab", "a\x7fb", "a\u202eb", "a%ff.png", "\ud800"),
        "a" * 1025,
    ],
)
def test_any_other_path_is_refused(path):
    with pytest.raises(UnsafePathError):
        reference_keys(path, BUCKET)


KEYS = ["uploads/x.png", "upload-1.png", "a//b.png", "한글/a b.png", "a/what?.png", "a/b.png "]
QUERIES = ["", "?token=abc.def", "?width=300&height=3", "?download=", "#page", "?a=b#c"]


@pytest.mark.parametrize(
    "address",
    [
        "{host}/storage/v1/object/public/attachments/{key}",
        "{host}/storage/v1/object/authenticated/attachments/{key}",
        "{host}/storage/v1/object/sign/attachments/{key}",
        "{host}/storage/v1/object/attachments/{key}",
        "{host}/storage/v1/object/upload/sign/attachments/{key}",
        "{host}/storage/v1/render/image/public/attachments/{key}",
        "{host}/storage/v1/render/image/sign/attachments/{key}",
        "HTTPS://PROJECT.example:443/storage/v1/object/public/attachments/{key}",
        "http://project.example/storage/v1/object/public/attachments/{key}",
        "//project.example/storage/v1/object/public/attachments/{key}",
        "https://project.storage.example/storage/v1/object/public/attachments/{key}",
        "/storage/v1/object/public/attachments/{key}",
        "storage/v1/object/sign/attachments/{key}",
        "/object/sign/attachments/{key}",
        "object/public/attachments/{key}",
    ],
)
def test_an_address_of_the_bucket_is_the_object_it_names(address):
    for key, query in product(KEYS, QUERIES):
        path = address.format(host=HOST, key=quote(key)) + query
        assert reference_keys(path, BUCKET) == (key,), path
        assert "token" not in logged_key(path) + shown_name(path)


@pytest.mark.parametrize(
    "path",
    [
        "https://cdn.example/files/a/x.png",
        "http://kong:8000/api/storage/v1/object/public/pictures%20of%20ours/a/x.png",
        "https://cdn.example/storage/v1/object/sign/pictures%20of%20ours/a/x.png?token=t",
        "pictures of ours/a/x.png",
    ],
)
def test_a_bucket_behind_other_addresses_is_known_by_them(path):
    assert reference_keys(path, CDN)[0] == "a/x.png"


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("attachments/uploads/x.png", ("uploads/x.png", "attachments/uploads/x.png")),
        ("/attachments/x.png", ("x.png", "/attachments/x.png", "attachments/x.png")),
        ("./a/./x.png", ("a/x.png",)),
        ("a//x.png", ("a//x.png", "a/x.png")),
        ("//x.png", ("/x.png", "//x.png")),
        ("a/x.png ", ("a/x.png ", "a/x.png")),
        ("a/x.png?v=3", ("a/x.png", "a/x.png?v=3")),
        ("a/x.png?token=t", ("a/x.png",)),
        ("/a/x.png", ("a/x.png", "/a/x.png")),
    ],
)
def test_a_path_with_two_readings_is_tried_in_order(path, keys):
    assert set(reference_keys(path, BUCKET)) >= set(keys[:2])
    assert reference_keys(path, BUCKET)[0] == keys[0]
    assert reference_keys(path, BUCKET)[-1] in keys


FRAGMENTS = st.sampled_from(
    [
        "..",
        ".",
        "/",
        "\\",
        "%2e",
        "%2E",
        "%2f",
        "%5c",
        "%25",
        "%252e",
        "//host",
        "https://",
        HOST,
        BASE,
        "attachments/",
        "?",
        "#",
        "@",
        ":",
    ]
)
PATHS = st.one_of(st.text(), st.lists(FRAGMENTS | st.text(max_size=3), max_size=12).map("".join))


@given(PATHS)
@example("upload-/../../x")
@example("%2e%2e/%2e%2e/other-bucket/x")
@example("....//....//x")
@example("@evil.example/x")
def test_no_path_makes_a_url_outside_the_bucket(path):
    try:
        keys = reference_keys(path, BUCKET)
    except UnsafePathError:
        return
    assert len(keys) <= 12
    for key in keys:
        url = httpx.URL(BASE + quoted(key))
        assert (url.scheme, url.host, url.query, url.fragment) == ("https", "project.example", b"", "")
        decoded = url.raw_path.decode()
        for _ in range(4):  # as many layers as any server may peel
            assert posixpath.normpath(decoded.replace("\\", "/")).startswith(
                "/storage/v1/object/public/attachments/"
            )
            decoded = unquote(decoded)


@pytest.mark.parametrize(
    ("address", "key"),
    [
        (f"{BASE}upload-1.png", "upload-1.png"),
        (f"  {BASE}uploads/my%20photo.png?width=300#top ", "uploads/my photo.png"),
        (f"{BASE.replace('https', 'http')}a.png", "a.png"),
        (f"{BASE.replace('.example', '.example:443')}a.png", "a.png"),
    ],
)
def test_a_public_address_of_the_bucket_names_its_object(address, key):
    assert public_key(address, BUCKET) == key


@pytest.mark.parametrize(
    "address",
    [
        *("", "a.png", "uploads/a.png", BASE, "data:image/png;base64,iVBO", "file:///etc/passwd"),
        *("https://other.example/a.png", f"https://other.example/?{BASE}a.png", f"//{HOST[8:]}/a.png"),
        BASE.replace("project.example", "project.example.evil.test") + "a.png",
        BASE.replace("project.example", "project.example@evil.test") + "a.png",
        BASE.replace("project.example", "project.example:8443") + "a.png",
        *(f"{BASE}../secret/a.png", f"{BASE}..%2f..%2fsecret", f"{BASE}%252e%252e/a", f"{BASE}a\\..\\b"),
        f"{HOST}/storage/v1/object/public/secrets/a.png",
        f"{HOST}/storage/v1/object/sign/attachments/a.png?token=x",
        *("https://[::1/x", "ftp://project.example/storage/v1/object/public/attachments/a.png"),
    ],
)
def test_every_other_address_names_nothing(address):
    assert public_key(address, BUCKET) is None
