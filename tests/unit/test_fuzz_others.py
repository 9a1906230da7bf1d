"""Short runs of two fuzzers, always the same: they live through every kind of end, and notice a fault."""

import pytest

from quel.core.errors import SettingsError
from tests.fuzz.colours import Colours
from tests.fuzz.connection_strings import SECRET, ConnectionStrings


def lived(fuzzer, lives):
    """How the first lives end."""
    for number in range(lives):
        fuzzer.live(number)
    return fuzzer.seen


def test_hostile_colours_end_as_a_picture_or_with_a_sentence():
    assert set(lived(Colours(seed=1), 40)) >= {"image/jpeg", "refused"}


def test_hostile_addresses_are_read_or_refused_without_their_secret():
    seen = lived(ConnectionStrings(seed=1), 400)
    assert {kind.split()[-1] for kind in seen} == {"read", "refused"}
    assert len(seen) == 6


def test_a_refusal_that_quotes_the_secret_is_noticed(monkeypatch):
    def leaking(_):
        raise SettingsError(f"REDIS and DATABASE_URL: {SECRET}")

    monkeypatch.setattr("tests.fuzz.connection_strings.read_settings", leaking)
    with pytest.raises(AssertionError, match=SECRET):
        lived(ConnectionStrings(seed=1), 20)
