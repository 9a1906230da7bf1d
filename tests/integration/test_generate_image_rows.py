"""Leases and answers of images, as the rows keep them."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from quel.adapters.postgres.database import Database
from quel.adapters.postgres.generate_image import GenerateImageRows
from quel.core.generate_image import ClaimedImage, Unpayable
from quel.core.open_paths import EveryPath
from tests.integration.harness import Pipeline, until


@pytest.fixture
def one(pipeline: Pipeline) -> Iterator[GenerateImageRows]:
    """One image waits for its turn."""
    studio = pipeline.studio
    pipeline.workers("fetch_job", "prepare_inputs", threads=2)
    studio.push(studio.job("simple_general", {"prompt": "a mast"}, total_images=1, member=studio.member()))
    until(lambda: studio.rows("SELECT 1 FROM quel.image WHERE state = 'ready'"), "the image is ready")
    database = Database(pipeline.database_url, pool_size=2)
    yield GenerateImageRows(database)
    database.close()


def test_an_answer_noted_twice_is_wanted_both_times_and_paid_once(
    pipeline: Pipeline, one: GenerateImageRows
) -> None:
    claimed = one.claim(uuid4().hex, EveryPath())
    assert isinstance(claimed, ClaimedImage)
    assert one.mark_made(claimed, 0.0336)
    assert one.mark_made(claimed, 0.0336)  # the reply to the first commit was lost
    [image] = pipeline.studio.rows("SELECT state, cost_usd FROM quel.image")
    assert (image["state"], float(image["cost_usd"])) == ("made", 0.0336)


def test_the_cost_of_a_second_call_is_added_whatever_has_become_of_the_image(
    pipeline: Pipeline, one: GenerateImageRows
) -> None:
    studio = pipeline.studio
    frozen = one.claim(uuid4().hex, EveryPath())
    studio.rows("UPDATE quel.image SET state = 'ready', lease_owner = NULL, lease_until = NULL")
    second = one.claim(uuid4().hex, EveryPath())
    assert isinstance(frozen, ClaimedImage)
    assert isinstance(second, ClaimedImage)
    assert one.mark_made(second, 0.03)
    studio.rows("UPDATE quel.image SET state = 'stored'")
    studio.rows("INSERT INTO quel.tally_hour SELECT date_trunc('hour', now(), 'UTC'), now()")
    for _ in range(2):  # the reply to the first commit was lost
        assert not one.mark_made(frozen, 0.04)
    late: dict[str, Any] = {"code": "spoilt", "reason": "It was.", "attempts": 1, "broken": 0}
    assert one.fail(frozen, cost_usd=0.04, **late) is None
    assert one.fail(replace(frozen, lease=uuid4().hex), cost_usd=0.05, **late) is None
    [image] = studio.rows("SELECT state, cost_usd FROM quel.image")
    assert (image["state"], float(image["cost_usd"])) == ("stored", 0.12)
    assert studio.rows("SELECT made_at FROM quel.tally_hour") == [{"made_at": None}]


def test_an_image_prepared_by_the_release_before_is_taken_without_labels(
    pipeline: Pipeline, one: GenerateImageRows
) -> None:
    pipeline.studio.rows("UPDATE quel.image SET request = request - 'labels'")
    claimed = one.claim(uuid4().hex, EveryPath())
    assert isinstance(claimed, ClaimedImage)
    assert claimed.labels == ()
    assert "a mast" in claimed.prompt


def test_an_answer_nobody_wants_any_more_is_told_so(pipeline: Pipeline, one: GenerateImageRows) -> None:
    claimed = one.claim(uuid4().hex, EveryPath())
    assert isinstance(claimed, ClaimedImage)
    pipeline.studio.rows("UPDATE quel.image SET state = 'cancelled'")
    assert not one.mark_made(claimed, 0.0336)
    assert [float(row["cost_usd"]) for row in pipeline.studio.rows("SELECT cost_usd FROM quel.image")] == [
        0.0336
    ]


def test_a_lease_is_prolonged_while_it_is_held(pipeline: Pipeline, one: GenerateImageRows) -> None:
    claimed = one.claim(uuid4().hex, EveryPath())
    assert isinstance(claimed, ClaimedImage)
    pipeline.studio.rows("UPDATE quel.image SET lease_until = now() + interval '1 second'")
    one.renew([claimed.lease])
    [image] = pipeline.studio.rows(
        "SELECT extract(epoch FROM lease_until - now())::float8 AS left FROM quel.image"
    )
    assert image["left"] > 25
    assert one.claim(uuid4().hex, EveryPath()) is None


@pytest.fixture
def three(pipeline: Pipeline) -> Iterator[GenerateImageRows]:
    """Three images of one payer wait for their turn."""
    studio = pipeline.studio
    pipeline.workers("fetch_job", "prepare_inputs", threads=2)
    member = studio.member(15)
    studio.push(studio.job("simple_general", {"prompt": "a mast"}, total_images=3, member=member))
    ready = "SELECT 1 FROM quel.image WHERE state = 'ready'"
    until(lambda: len(studio.rows(ready)) == 3, "the images are ready")
    database = Database(pipeline.database_url, pool_size=2)
    yield GenerateImageRows(database)
    database.close()


def set_balance(pipeline: Pipeline, credits: int) -> None:
    pipeline.studio.rows("UPDATE quel_member SET quel_member_credit = %s", credits)


def as_moved(pipeline: Pipeline) -> list[dict[str, object]]:
    return pipeline.studio.rows("SELECT image_no, state, updated_at FROM quel.image ORDER BY image_no")


def test_no_more_images_are_taken_than_their_payer_can_pay_for(
    pipeline: Pipeline, three: GenerateImageRows
) -> None:
    set_balance(pipeline, 9)
    first = three.claim(uuid4().hex, EveryPath())
    assert isinstance(first, ClaimedImage)
    before = as_moved(pipeline)
    second = three.claim(uuid4().hex, EveryPath())
    assert isinstance(second, Unpayable)
    assert not second.is_dry  # the first one may still fail
    assert three.fail_unpayable(second) is None
    assert as_moved(pipeline) == before  # what waits for credits has not moved
    assert three.claim(uuid4().hex, EveryPath()) is None  # nor does it stand in the way of others


def test_when_the_balance_covers_no_image_what_is_not_bought_yet_fails(
    pipeline: Pipeline, three: GenerateImageRows
) -> None:
    assert isinstance(three.claim(uuid4().hex, EveryPath()), ClaimedImage)
    set_balance(pipeline, 4)
    dry = three.claim(uuid4().hex, EveryPath())
    assert isinstance(dry, Unpayable)
    assert dry.is_dry
    failed = three.fail_unpayable(dry)
    assert failed is not None
    assert (failed.progress.failed, failed.progress.remaining, failed.images) == (2, 1, 2)
    assert "ran out of credits" in failed.reason


def test_an_image_of_a_job_that_was_set_back_takes_no_credits_from_others(
    pipeline: Pipeline, three: GenerateImageRows
) -> None:
    claimed = three.claim(uuid4().hex, EveryPath())
    assert isinstance(claimed, ClaimedImage)
    three.mark_made(claimed, 0.03)
    set_balance(pipeline, 5)
    studio = pipeline.studio
    studio.rows("UPDATE quel_production_jobs SET job_status = 'pending'")
    studio.rows("UPDATE quel.image SET state = 'planned' WHERE state = 'ready'")
    [member] = studio.rows("SELECT quel_member_id AS id FROM quel_member")
    other = studio.job("simple_general", {"prompt": "a mast"}, total_images=1, member=member["id"])
    studio.push(other)
    until(lambda: studio.rows("SELECT 1 FROM quel.image WHERE state = 'ready'"), "the other job is ready")
    taken = three.claim(uuid4().hex, EveryPath())
    assert isinstance(taken, ClaimedImage)
    assert taken.job_id == other


def test_an_image_that_costs_nothing_waits_for_no_credits(
    pipeline: Pipeline, three: GenerateImageRows
) -> None:
    set_balance(pipeline, 0)
    pipeline.studio.rows("UPDATE quel.job SET price = 0")
    assert isinstance(three.claim(uuid4().hex, EveryPath()), ClaimedImage)
