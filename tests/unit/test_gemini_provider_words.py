"""What of a provider's message reaches a reader."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quel.adapters.gemini.provider_words import provider_words


def test_short_words_pass_unchanged():
    assert provider_words("Unsupported MIME type: text/plain", ()) == "Unsupported MIME type: text/plain"


@pytest.mark.parametrize("message", [None, 5, {}, ""])
def test_no_text_is_no_words(message):
    assert provider_words(message, ()) == ""


def test_long_quotations_are_cut_out_and_short_ones_stay():
    said = 'Invalid value at "contents" (bytes), "iVBORw0KGgoAAAANSUhEUgAAAAUA"'
    assert provider_words(said, ()) == 'Invalid value at "contents" (bytes), “…”'


@pytest.mark.parametrize(
    "said", ["key AIzaSyD-0123456789_abcdef is bad", "GET /x?key=s3cr3tAIzaSyD", "api_key:AIzaSyD01234567"]
)
def test_what_looks_like_a_key_is_cut_out(said):
    assert "AIzaSyD" not in provider_words(said, ())


@given(st.text(max_size=500), st.text(min_size=4, max_size=30, alphabet="abcdefgh"))
def test_words_are_one_short_line_without_the_secret(text, secret):
    words = provider_words(f"{text}{secret}{text}", (secret,))
    assert len(words) <= 200
    assert secret not in words
    assert words.isprintable()
