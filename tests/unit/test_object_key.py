"""No path out of a database row leads out of the bucket, plain or percent-encoded."""

import posixpath
from urllib.parse import unquote

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quel.core.object_key import UnsafePathError, logged_key, quoted, reference_key, safe_key, shown_name

BASE = "https://storage.example/storage/v1/object/public/attachments/"


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("upload-1.png", "uploads/upload-1.png"),
        ("/upload-1.png", "uploads/upload-1.png"),
        ("upload-set/a b.png", "uploads/upload-set/a b.png"),
        ("uploads/upload-1.png", "uploads/upload-1.png"),
        ("generated-images/user-7/generated_1.webp", "generated-images/user-7/generated_1.webp"),
        (" a/b.png ", "a/b.png"),
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
    assert reference_key(path) == key


@pytest.mark.parametrize(
    "path",
    [
        *("", "   ", "/", "//", "."),
        *("..", "../x", "a/../b", "a/..", "/../x", "./x", "a/./b", "a/.../b", "a/.. /b"),
        *("%2e%2e/x", "a/%2E%2e/x", "..%2fx", "a%2f..%2fb", "%2e/x", ".%2e/x"),
        *("%252e%252e/x", "a/%252fb", "%25%32%65/x", "50%.png"),
        *("..\\x", "a\\..\\b", "a%5c..%5cb", "\\\\host\\x"),
        *("//host/x", "/%2fhost/x", "https://host/x", "a//b", "a/"),
        *("a\x00b", "a%00b", "a\nb", "a%0d%0ab", "a\x7fb", "a\u202eb", "a%ff.png", "\ud800"),
        "a" * 1025,
    ],
)
def test_any_other_path_is_refused(path):
    with pytest.raises(UnsafePathError):
        reference_key(path)


def test_what_has_a_meaning_in_a_url_is_quoted():
    assert quoted("a/what?x=1#y z%.png") == "a/what%3Fx%3D1%23y%20z%25.png"


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
    for key_of in (reference_key, safe_key):
        try:
            url = httpx.URL(BASE + quoted(key_of(path)))
        except UnsafePathError:
            continue
        assert (url.scheme, url.host, url.query, url.fragment) == ("https", "storage.example", b"", "")
        decoded = url.raw_path.decode()
        for _ in range(4):  # as many layers as any server may peel
            assert posixpath.normpath(decoded.replace("\\", "/")).startswith(
                "/storage/v1/object/public/attachments/"
            )
            decoded = unquote(decoded)


@given(st.text())
def test_a_shown_name_is_short_and_printable(path):
    name = shown_name(path)
    assert name
    assert len(name) <= 80
    assert name.isprintable()


@pytest.mark.parametrize(
    ("key", "logged"),
    [
        ("uploads/upload-1.png", "uploads/upload-1.png"),
        ("generated-images/user-kim/generated_1.webp", "generated-images/user-*/generated_1.webp"),
        ("user-kim/a.png", "user-*/a.png"),
        ("a/super-user-guide/b.png", "a/super-user-guide/b.png"),
    ],
)
def test_a_log_holds_a_key_but_not_whose_it_is(key, logged):
    assert logged_key(key) == logged
