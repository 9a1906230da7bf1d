"""The parts of the demonstration that need no server: its checks must be able to fail."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from unittest.mock import patch
from uuid import UUID

import pytest
from PIL import Image

from quel.core.job import JobRequest
from quel.core.kind import kind_of
from quel.core.kinds import read_input
from quel.core.paths import PATHS
from quel.sandbox.demo import caller
from quel.sandbox.demo.accounts import START_CREDITS, Account
from quel.sandbox.demo.caller import forget_caller, provider_settings
from quel.sandbox.demo.contact_sheet import MARGIN_PX, SHEET_WIDTH_PX, Card, draw_contact_sheet
from quel.sandbox.demo.orders import orders

USER = UUID(int=7)


def all_orders():
    return orders(lambda name: 1 + len(name), USER)


def test_the_orders_cover_every_path_and_type_and_can_be_read():
    every = all_orders()
    assert {order.path for order in every} >= {*PATHS, "modify", "multiview", "landing"}
    assert {order.job_type for order in every} == {
        "single_batch",
        "pipeline_stage",
        "simple_general",
        "simple_portrait",
    }
    for order in every:
        kind = kind_of(order.job_type, None if order.told_by_keys else order.path, order.input_data)
        request = read_input(kind, order.job_type, order.input_data, total_images=order.images)
        assert isinstance(request, JobRequest)
        assert request.user_id == str(USER)


def test_somebody_pays_personally():
    assert {order.personal for order in all_orders()} == {True, False}


def test_an_account_that_adds_up_has_nothing_to_say():
    assert Account("It", ordered=3, balance=START_CREDITS - 15, lines=3, total=-15).disagreements(5) == []


@pytest.mark.parametrize(
    "account",
    [
        Account("It", ordered=3, balance=START_CREDITS - 15, lines=4, total=-15),
        Account("It", ordered=3, balance=START_CREDITS - 20, lines=3, total=-20),
        Account("It", ordered=3, balance=START_CREDITS - 10, lines=3, total=-15),
    ],
)
def test_an_account_that_does_not_add_up_says_one_sentence(account):
    assert len(account.disagreements(5)) == 1


def test_the_caller_is_forgotten_but_for_what_every_program_needs():
    mine = {"PATH": "/bin", "LC_ALL": "C", "QUEL_SANDBOX_PG_BINDIR": "/pg"}
    theirs = {
        "DATABASE_URL": "x",
        "PGHOST": "x",
        "dramatiq_queue_prefetch": "1",
        "QUEL_CONFIG": "x",
        "MYPATH": "x",
    }
    with patch.dict(os.environ, mine | theirs, clear=True):
        forget_caller()
        assert dict(os.environ) == mine


@pytest.fixture
def ending_tidily(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    endings = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(ending) for ending in endings]
    monkeypatch.setattr(caller, "_asked_by", [])
    caller.end_tidily()
    yield
    for ending, handler in zip(endings, before, strict=True):
        signal.signal(ending, handler)


@pytest.mark.parametrize(
    ("ending", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)]
)
def test_a_signal_that_got_lost_is_raised_again(ending_tidily, ending, raised):
    with suppress(raised):  # as C code does that has no use for an exception
        signal.raise_signal(ending)
    with pytest.raises(raised):
        caller.end_if_asked()


def test_the_provider_is_known_by_its_key():
    assert provider_settings({"GEMINI_MODEL": "m", "GEMINI_API_KEY": " "}) == {}
    assert provider_settings({"GEMINI_MODEL": "m", "GEMINI_API_KEY": "k", "DATABASE_URL": "x"}) == {
        "GEMINI_API_KEY": "k",
        "GEMINI_MODEL": "m",
    }


def test_a_sheet_shows_every_card(tmp_path: Path):
    picture = tmp_path / "one.png"
    Image.new("RGB", (160, 90), "red").save(picture)
    cards = [Card(f"job {number}", "facts", [picture, picture]) for number in range(5)]
    draw_contact_sheet("heading", cards, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width == SHEET_WIDTH_PX
        reds = sheet.convert("RGB").resize((sheet.width // 4, sheet.height // 4), Image.Resampling.NEAREST)
        assert sum(pixel == (255, 0, 0) for pixel in reds.get_flattened_data()) > 5 * 2 * 1_000


def test_a_card_of_many_pictures_is_as_wide_as_the_sheet_and_no_wider(tmp_path: Path):
    pictures = [tmp_path / f"{number}.png" for number in range(10)]
    for picture in pictures[:-1]:
        Image.new("RGB", (160, 90), "red").save(picture)
    Image.new("RGB", (160, 90), "blue").save(pictures[-1])
    draw_contact_sheet("heading", [Card("round", "facts", pictures)], tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        last = sheet.convert("RGB").crop((SHEET_WIDTH_PX - MARGIN_PX - 120, 0, SHEET_WIDTH_PX, sheet.height))
        assert (0, 0, 255) in set(last.get_flattened_data())
