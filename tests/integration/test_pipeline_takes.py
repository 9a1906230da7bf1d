"""Row → bad take → another call → one delivery and one charge: the real check, the simulated provider."""

from uuid import uuid4

import pytest

from quel.sandbox.gemini import faults as gemini
from tests.integration.harness import Pipeline
from tests.integration.ledger import PRICE, assert_books_agree, member_balance

KINDS = ("blank", "cut_off", "ratio", "small", "echo", "collage", "bars")
CALL_USD = 0.0336

pytestmark = pytest.mark.usefixtures("whole_pictures")


@pytest.fixture(scope="module")
def strict(world, tmp_path_factory):
    """Workers that make every kind of bad take again, with re-rolls enough for one image."""
    own = Pipeline(world, tmp_path_factory.mktemp("takes"))
    own.workers(QUEL_TAKE_CHECK="reroll", QUEL_TAKE_BUDGET="2")
    yield own
    own.close()


def order(pipeline, token, images=1):
    """A pushed job with one reference; its id and member."""
    studio = pipeline.studio
    member = studio.member(1_000)
    astronaut = studio.attach(pipeline.world.photograph("astronaut.png"), f"{token}.png")
    data = {"prompt": token, "uploadedAttachIds": [{"attachId": astronaut, "type": "model"}]}
    job_id = studio.job("simple_general", data, total_images=images, member=member)
    studio.push(job_id)
    return job_id, member


def image_rows(pipeline, job_id):
    return pipeline.studio.rows("SELECT * FROM quel.image WHERE job_id = %s ORDER BY image_no", job_id)


def test_two_bad_takes_of_any_kind_and_a_good_one_are_one_delivery_and_one_charge(strict):
    tokens = {kind: uuid4().hex for kind in KINDS}
    for kind, token in tokens.items():
        strict.world.gemini.fail_next(gemini.bad_take(kind), times=2, containing=token)
    orders = {kind: order(strict, token) for kind, token in tokens.items()}
    rows = strict.studio.wait([job_id for job_id, _ in orders.values()])
    for kind, (job_id, member) in orders.items():
        row, calls = rows[job_id], strict.world.calls(tokens[kind])
        assert (kind, row["job_status"], row["error_message"]) == (kind, "completed", None)
        assert [call.outcome for call in calls] == [f"bad_take_{kind}"] * 2 + ["made"]
        assert len({call.seed for call in calls}) == 3
        [image] = image_rows(strict, job_id)
        assert image["rerolls"] == 2
        assert float(image["cost_usd"]) == pytest.approx(3 * CALL_USD, abs=1e-4)
        assert_books_agree(strict.studio, job_id)
        assert member_balance(strict.studio, member) == 1_000 - PRICE


def test_what_stays_worthless_fails_uncharged_and_of_two_doubles_one_is_made_again(strict):
    blank, double = uuid4().hex, uuid4().hex
    strict.world.gemini.fail_next(gemini.bad_take("blank"), times=3, containing=blank)
    strict.world.gemini.fail_next(gemini.bad_take("double"), times=2, containing=double)
    (failing, poor), (twins, _) = order(strict, blank), order(strict, double, images=2)
    rows = strict.studio.wait([failing, twins])
    assert (rows[failing]["job_status"], rows[failing]["failed_images"]) == ("failed", 1)
    assert "showed nothing" in rows[failing]["error_message"]
    assert member_balance(strict.studio, poor) == 1_000
    assert rows[twins]["completed_images"] == 2
    assert sum(image["rerolls"] for image in image_rows(strict, twins)) == 1
    assert [len(strict.world.calls(token)) for token in (blank, double)] == [3, 3]
    for job_id in (failing, twins):
        assert_books_agree(strict.studio, job_id)


def test_a_take_that_still_looks_wrong_is_kept_where_the_settings_say_so_and_a_worthless_one_never(pipeline):
    pipeline.workers(QUEL_TAKE_CHECK="reroll", QUEL_TAKE_BUDGET="2", QUEL_TAKE_EXHAUSTED="keep")
    tokens = {kind: uuid4().hex for kind in ("collage", "blank")}
    for kind, token in tokens.items():
        pipeline.world.gemini.fail_next(gemini.bad_take(kind), times=3, containing=token)
    orders = {kind: order(pipeline, token) for kind, token in tokens.items()}
    rows = pipeline.studio.wait([job_id for job_id, _ in orders.values()])
    for kind, (status, charged) in {"collage": ("completed", 1), "blank": ("failed", 0)}.items():
        job_id, member = orders[kind]
        assert (kind, rows[job_id]["job_status"]) == (kind, status)
        assert [call.outcome for call in pipeline.world.calls(tokens[kind])] == [f"bad_take_{kind}"] * 3
        assert member_balance(pipeline.studio, member) == 1_000 - PRICE * charged
        assert_books_agree(pipeline.studio, job_id)


def test_by_default_a_probable_fault_is_delivered_and_a_certain_one_made_again(world, pipeline):
    studio = pipeline.studio
    pipeline.workers(QUEL_TAKE_CHECK="")
    echo, ratio = uuid4().hex, uuid4().hex
    world.gemini.fail_next(gemini.bad_take("collage"), containing=echo)
    world.gemini.fail_next(gemini.bad_take("ratio"), containing=ratio)
    jobs = []
    for token in (echo, ratio):
        jobs.append(
            studio.job("simple_general", {"prompt": token}, total_images=1, member=studio.member(1_000))
        )
        studio.push(jobs[-1])
    rows = studio.wait(jobs)
    assert [rows[job_id]["completed_images"] for job_id in jobs] == [1, 1]
    assert [len(world.calls(token)) for token in (echo, ratio)] == [1, 2]
