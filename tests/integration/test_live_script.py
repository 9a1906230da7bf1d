"""`make live` against the sandbox: it asks before it spends, and keeps all but picture and key."""

import json

import pytest

from quel.environment import settings
from quel.sandbox.gemini import faults
from quel.sandbox.gemini.client import Gemini
from tests.live.one_image import LONGEST_KEPT, main


@pytest.fixture
def gemini(monkeypatch):
    with Gemini(in_process=True) as gemini:
        monkeypatch.setenv("GEMINI_BASE_URL", gemini.url)
        monkeypatch.setenv("GEMINI_API_KEY", gemini.api_key)
        settings.cache_clear()
        yield gemini
    settings.cache_clear()


def yes(question):
    assert "$" in question
    return "y"


def kept(folder):
    [file] = folder.iterdir()
    return file.read_text()


def texts(value):
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts(inner)
    elif isinstance(value, str):
        yield value


@pytest.mark.parametrize("answer", ["", "n", "no", "maybe"])
def test_nothing_is_bought_without_a_yes(gemini, tmp_path, answer):
    assert main(lambda _: answer, tmp_path / "out") == 0
    assert gemini.calls() == []
    assert not (tmp_path / "out").exists()


def test_without_a_key_nothing_is_asked(gemini, monkeypatch, tmp_path):
    monkeypatch.delenv("GEMINI_API_KEY")
    settings.cache_clear()
    assert main(lambda _: pytest.fail("it asked"), tmp_path) == 2


def test_one_image_is_bought_and_the_exchange_is_kept_without_picture_and_key(gemini, tmp_path):
    assert main(yes, tmp_path) == 0
    assert len(gemini.calls()) == 1
    exchange = json.loads(kept(tmp_path))
    assert exchange["request"]["path"].startswith("/v1beta/models/")
    assert exchange["request"]["body"]["generationConfig"]["responseModalities"] == ["IMAGE"]
    assert "cut out" in exchange["request"]["body"]["contents"][0]["parts"][0]["inlineData"]["data"]
    assert exchange["answer"]["status"] == 200
    assert all(len(text) <= LONGEST_KEPT for text in texts(exchange))
    assert gemini.api_key not in kept(tmp_path)


def test_a_refusal_is_kept_too(gemini, tmp_path):
    gemini.fail_next(faults.unknown_field())
    assert main(yes, tmp_path) == 1
    assert "Cannot find field" in kept(tmp_path)
