"""How keys are written: quoted in addresses, shortened in logs and messages, plain where quel writes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quel.core.object_key import UnsafePathError, logged_key, quoted, safe_key, shown_name

SIGNED = "https://kim:secret@project.example/storage/v1/object/sign/attachments/"


def test_what_has_a_meaning_in_a_url_is_quoted():
    assert quoted("a/what?x=1#y z%.png") == "a/what%3Fx%3D1%23y%20z%25.png"


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
        ("user%2Dkim/a.png?token=x", "user-*/a.png"),
        (f"{SIGNED}user-kim/a.png?token=x#y", "storage/v1/object/sign/attachments/user-*/a.png"),
        ("a/super-user-guide/b.png", "a/super-user-guide/b.png"),
    ],
)
def test_a_log_holds_a_key_but_not_whose_it_is(key, logged):
    assert logged_key(key) == logged


@pytest.mark.parametrize(
    "path", ["", "..", "a/../b", "a//b", "a/ /b", "a/", "./a", "a%00b", "%252e", "a" * 1025]
)
def test_quel_writes_plain_keys_alone(path):
    with pytest.raises(UnsafePathError):
        safe_key(path)
