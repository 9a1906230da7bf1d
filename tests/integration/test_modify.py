"""In-painting from its row to its books, with real processes, as quel and as the old server submit it."""

import io
import json
import socket
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from PIL import Image

from quel.core.errors import InvalidInput, NotEnoughCredits
from quel.core.operations.submit_modify import read_modify_order
from quel.environment import read_settings
from quel.operations.services import OperatorServices
from quel.operations.submit_modify import submit_modify
from quel.sandbox.comfy.client import Comfy
from tests.integration import plain_http
from tests.integration.comfy_world import settings_file
from tests.integration.harness import until
from tests.integration.ledger import (
    PRICE,
    assert_books_agree,
    ledger,
    member_balance,
    production_of,
    stored_pictures,
)
from tests.integration.modify_orders import GREY, RED, order, plain, strokes, url
from tests.integration.own_audit import own_audit
from tests.integration.quel_command import run_quel

BLUE, GREEN = (0, 0, 255), (0, 160, 0)
NO_ROW = 2**40


def run(studio, *job_ids):
    studio.push(*job_ids)
    return studio.wait(job_ids)


@pytest.fixture
def kept(world):
    """The provider keeps what it is sent; the pictures of a call, in order."""
    world.gemini.configure(keep_pictures=True)

    def pictures(call):
        return [Image.open(io.BytesIO(world.gemini.picture(sent.sha256))) for sent in call.pictures]

    yield pictures
    world.gemini.configure(keep_pictures=False)


def near(picture, at, colour):
    return all(abs(a - b) <= 8 for a, b in zip(picture.convert("RGB").getpixel(at), colour, strict=True))


def test_an_in_painting_is_shown_told_stored_and_booked_as_it_was_ordered(world, studio, workers, kept):
    token, member = uuid4().hex, studio.member(100)
    layers: list[dict[str, Any]] = [
        {"color": "red", "prompt": "a straw hat", "referenceImage": None},
        {"prompt": "nobody sees this"},
        {"color": "#0000ff", "prompt": "the sea", "referenceImage": url(plain(BLUE, (90, 60)))},
    ]
    production = studio.production(member)
    studio.rows("UPDATE quel_production_photo SET attach_ids = '[901]' WHERE production_id = %s", production)
    job_id = order(
        studio,
        token,
        images=2,
        member=member,
        quantity="2",
        layers=layers,
        referenceImageDataUrl=url(plain(GREEN, (80, 80))),
        columns={"production": production},
        **{"aspect-ratio": "4:3"},
    )
    row = run(studio, job_id)[job_id]

    assert (row["job_status"], row["completed_images"], row["failed_images"]) == ("completed", 2, 0)
    assert row["error_message"].startswith("layers[1] was left out: it has no color")
    calls = world.calls(token)
    assert len(calls) == len({call.seed for call in calls}) == 2
    for call in calls:
        marked, style, of_layer = kept(call)
        assert (marked.size, style.size, of_layer.size) == ((640, 360), (80, 80), (90, 60))
        assert near(marked, (100, 80), RED)
        assert near(marked, (500, 80), GREY)
        assert near(marked, (100, 300), GREY)
        assert near(style, (40, 40), GREEN)
        assert near(of_layer, (40, 30), BLUE)
        assert (call.aspect_ratio, call.temperature) == ("4:3", 0.45)
        said = call.prompt
        assert "The red area: «a straw hat»." in said
        assert "The blue (#0000ff) area: «the sea», guided by image 3." in said
        assert "nobody sees this" not in said
        assert "every stroke gone" in said

    ids = row["generated_attach_ids"]
    folder = f"generated-images/user-{member}/generated_{job_id}_"
    attached = studio.rows("SELECT * FROM quel_attach WHERE attach_id = ANY(%s) ORDER BY attach_id", ids)
    assert sorted(each["attach_file_path"] for each in attached) == [f"{folder}00{n}.webp" for n in (0, 1)]
    assert all(picture.format == "WEBP" for picture in stored_pictures(studio, ids))
    assert_books_agree(studio, job_id)
    assert {line["description"] for line in ledger(studio, ids)} == {"Modified image 1", "Modified image 2"}
    assert member_balance(studio, member) == 100 - 2 * PRICE
    made = production_of(studio, job_id)
    assert (made["attach_ids"], made["generated_image_count"]) == ([901, *ids], 2)
    claimed = studio.rows("SELECT path, plan::text AS plan FROM quel.job WHERE job_id = %s", job_id)[0]
    assert (claimed["path"], row["quel_production_path"]) == ("modify", None)
    for secret in (layers[2]["referenceImage"], url(strokes())):
        assert secret[22:60] not in claimed["plan"]
        assert secret[22:60] not in workers.log.read_text()
    assert token not in workers.log.read_text()


def test_the_customer_pays_once_whoever_submitted_it(world, studio, workers):
    """The old server charged at submit and wrote no ledger row; what quel submits is paid for on delivery."""
    poor, rich = studio.member(0), studio.member(100)
    before = order(studio, uuid4().hex, images=2, member=poor, chargedOnDelivery=None)
    now = order(studio, uuid4().hex, images=2, member=rich)
    rows = run(studio, before, now)
    assert [(row["job_status"], row["completed_images"]) for row in rows.values()] == [("completed", 2)] * 2
    assert (member_balance(studio, poor), member_balance(studio, rich)) == (0, 100 - 2 * PRICE)
    assert ledger(studio, rows[before]["generated_attach_ids"]) == []
    assert [line["amount"] for line in ledger(studio, rows[now]["generated_attach_ids"])] == [-PRICE] * 2
    assert set(rows[before]["generated_attach_ids"]) == set(production_of(studio, before)["attach_ids"])


def test_bad_input_is_told_in_words_and_costs_nothing_and_no_stranger_is_asked(world, studio, workers):
    token, member = uuid4().hex, studio.member(100)
    with closing(socket.create_server(("127.0.0.1", 0))) as stranger:
        outside = f"http://127.0.0.1:{stranger.getsockname()[1]}/attachments/a.png"
        asked: dict[str, dict[str, Any]] = {
            "originalAttachId is missing": {"originalAttachId": None, "original": 1},
            "There is no attachment with this id": {"original": NO_ROW},
            "lies outside Storage": {"original": NO_ROW, "originalImageUrl": outside},
            "maskDataUrl is empty": {"maskDataUrl": " "},
            "no base64": {"maskDataUrl": "data:image/png;base64,no!"},
            "The mask is something else": {"maskDataUrl": url(b"no picture")},
            "The mask is damaged or cut off": {"maskDataUrl": url(strokes()[:-50])},
            "is larger than": {"maskDataUrl": url(bytes(27_000_000))},
            "quantity must be a whole number": {"quantity": "some"},
        }
        jobs = {says: order(studio, token, member=member, **keys) for says, keys in asked.items()}
        rows = run(studio, *jobs.values())
        stranger.settimeout(0.0)
        with pytest.raises(BlockingIOError):
            stranger.accept()
    for says, job_id in jobs.items():
        row = rows[job_id]
        assert (row["job_status"], row["completed_images"], row["failed_images"]) == ("failed", 0, 1), says
        assert says in row["error_message"]
        assert len(row["error_message"]) < 600
    assert world.calls(token) == []
    assert member_balance(studio, member) == 100


def test_what_can_be_done_without_is_left_out_by_name_and_storage_is_read_by_address(
    world, studio, workers, kept
):
    token = uuid4().hex
    path = f"shown/{token}.png"
    world.storage.put(path, plain(BLUE))
    address = f"{world.storage.url}/storage/v1/object/public/attachments/{path}?width=9"
    layers = [{"color": "red", "prompt": "a hat", "referenceImage": url(b"no picture")}]
    job_id = order(studio, token, original=NO_ROW, originalImageUrl=address, layers=layers)
    row = run(studio, job_id)[job_id]
    assert (row["job_status"], row["completed_images"]) == ("completed", 1)
    assert "The picture at layers[0].referenceImage was left out" in row["error_message"]
    [call] = world.calls(token)
    [marked] = kept(call)
    assert near(marked, (500, 80), BLUE)


def test_a_cancelled_one_keeps_and_charges_what_was_made(world, studio, workers):
    token, member = uuid4().hex, studio.member(1_000)
    job_id = order(studio, token, images=20, member=member)
    with world.gemini.holding_back(after=2):
        studio.push(job_id)
        until(lambda: studio.job_row(job_id)["completed_images"] >= 2, "two images are there")
        studio.cancel(job_id)
    row = until(lambda: (r := studio.job_row(job_id))["completed_at"] and r, "the job is closed")
    made = row["completed_images"]
    assert (row["job_status"], row["failed_images"]) == ("user_cancelled", 0)
    assert 2 <= made < 20
    assert member_balance(studio, member) == 1_000 - made * PRICE
    assert_books_agree(studio, job_id)


def test_a_file_is_planned_with_its_price_and_submitted_to_be_paid_for_on_delivery(
    world, studio, shared_pipeline, workers, tmp_path
):
    token, member = uuid4().hex, studio.member(100)
    (tmp_path / "room.png").write_bytes(plain())
    data = {"originalAttachId": "room.png", "maskDataUrl": url(strokes()), "prompt": token}
    file = tmp_path / "row.json"
    row = {"job_type": "simple_general", "total_images": 2, "job_input_data": data}
    file.write_text(json.dumps(row))
    environment = shared_pipeline.environment()

    planned = json.loads(run_quel(environment, "plan", str(file), "--json").stdout)
    assert (planned["path"], planned["credits"], planned["problems"]) == ("modify", 2 * PRICE, [])
    [shown] = planned["images"][0]["pictures"]
    assert (shown["category"], shown["drawing"], len(shown["references"])) == ("original", "marked", 2)
    assert url(strokes())[30:60] not in json.dumps(planned)

    answer = run_quel(environment, "submit", str(file), "--member", str(member))
    assert answer.returncode == 0, answer.stderr
    job_id = UUID(answer.stdout.strip())
    row = studio.wait([job_id])[job_id]
    assert (row["job_status"], row["completed_images"]) == ("completed", 2)
    assert row["job_input_data"]["chargedOnDelivery"] is True
    assert member_balance(studio, member) == 100 - 2 * PRICE


@pytest.mark.slow
def test_a_worker_that_dies_in_the_middle_costs_no_image_and_the_audit_agrees(world, pipeline):
    studio, token = pipeline.studio, uuid4().hex
    member = studio.member(100)
    paid, free = (
        order(studio, f"{token} {charged}", images=2, member=member, chargedOnDelivery=charged)
        for charged in (True, None)
    )
    studio.push(paid, free)
    settings = {"QUEL_STUCK_AFTER_S": "1", "QUEL_MAX_RECOVERIES": "100"}
    pipeline.die_at("after:GenerateImageRows.mark_made", **settings)
    pipeline.workers(**settings)
    for job_id in (paid, free):
        row = pipeline.sweep_until(lambda job=job_id: (r := studio.job_row(job))["completed_at"] and r)
        assert (row["job_status"], row["completed_images"], row["failed_images"]) == ("completed", 2, 0)
    assert len(world.calls(token)) == 4
    assert member_balance(studio, member) == 100 - 2 * PRICE
    assert own_audit(studio, objects=False) == []

    studio.rows("UPDATE quel_credits SET amount = -4 WHERE production_idx = %s", production_id(studio, paid))
    assert own_audit(studio, objects=False) != []


def production_id(studio, job_id):
    return studio.job_row(job_id)["production_id"]


def test_a_workflow_with_a_place_for_it_gets_the_mask_and_the_picture_untouched(pipeline, tmp_path):
    studio, member = pipeline.studio, pipeline.studio.member(100)
    with Comfy(in_process=True) as server:
        environment = settings_file(tmp_path, [server])
        file = Path(environment["QUEL_CONFIG"])
        text = file.read_text().replace("edit_pictures.json", "modify_picture.json")
        file.write_text(text.replace("beauty:", "modify:"))
        pipeline.workers(**environment)
        layers = [{"color": "red", "prompt": "a hat", "referenceImage": url(plain(GREEN, (64, 64)))}]
        job_id = order(studio, "a room", member=member, layers=layers, **{"aspect-ratio": "1:1"})
        row = run(studio, job_id)[job_id]
        assert (row["job_status"], row["error_message"]) == ("completed", None)
        [ran] = server.runs()
        loaded = {
            node["_meta"]["title"].split(":", 1)[1]: node["inputs"]["image"]
            for node in ran["graph"].values()
            if node["class_type"] == "LoadImage"
        }
        assert set(loaded) == {"picture:1", "picture:2", "mask"}
        pictures = {slot: input_of(server, name) for slot, name in loaded.items()}
    assert near(pictures["picture:1"], (100, 80), GREY)
    assert near(pictures["picture:2"], (10, 10), GREEN)
    mask = pictures["mask"]
    assert (mask.mode, mask.size) == ("RGBA", (640, 360))
    assert mask.getpixel((100, 80)) == (*RED, 255)
    assert mask.getpixel((500, 80))[3] == 0
    sizes = {
        (node["inputs"]["width"], node["inputs"]["height"])
        for node in ran["graph"].values()
        if node["class_type"] == "ImageScale"
    }
    assert sizes == {(1024, 1024)}
    [line] = ledger(studio, row["generated_attach_ids"])
    assert (line["api_provider"], line["amount"]) == ("comfyui", -PRICE)
    assert member_balance(studio, member) == 100 - PRICE


def input_of(server, name):
    folder, _, file = name.rpartition("/")
    answer = plain_http.get(
        f"{server.url}/view", params={"filename": file, "subfolder": folder, "type": "input"}
    )
    picture = Image.open(io.BytesIO(answer.content))
    picture.load()
    return picture


def test_an_order_over_http_becomes_rows_that_run_and_says_what_is_wrong(
    world, studio, shared_pipeline, workers
):
    token, member = uuid4().hex, studio.member(2 * PRICE)
    body = {
        "imageUrl": "https://elsewhere.test/room.png",
        "maskDataUrl": url(strokes()),
        "attachId": studio.attach(plain(), "room.png"),
        "prompt": f"{token}, 모자를 씌워 주세요 그리고 배경은 그대로 두세요",
        "layers": [{"color": "red", "prompt": "a hat", "referenceImage": None}],
        "quantity": 2,
        "userId": str(uuid4()),
    }
    settings = read_settings(shared_pipeline.environment())
    with closing(OperatorServices(settings)) as services:
        submitted = submit_modify(services, read_modify_order(body, member))
        with pytest.raises(NotEnoughCredits) as caught:
            submit_modify(services, read_modify_order(body | {"quantity": 3}, member))
        with pytest.raises(InvalidInput, match="maskDataUrl cannot be used"):
            submit_modify(services, read_modify_order(body | {"maskDataUrl": url(b"text")}, member))
    assert caught.value.required == 3 * PRICE
    row = studio.wait([submitted.job_id])[submitted.job_id]
    assert (row["job_status"], row["completed_images"]) == ("completed", 2)
    assert (row["job_type"], row["batch_index"], row["quel_production_path"]) == ("simple_general", 0, None)
    assert (row["total_images"], row["quel_member_id"]) == (2, member)
    assert row["job_input_data"]["chargedOnDelivery"] is True
    assert row["job_input_data"]["userId"] == str(member)
    production = production_of(studio, submitted.job_id)
    assert production["production_id"] == submitted.production_id
    assert production["production_name"] == f"Modify - {body['prompt'][:47]}"
    assert (production["total_quantity"], production["prompt_text"]) == (2, body["prompt"])
    assert production["attach_ids"] == row["generated_attach_ids"]
    assert member_balance(studio, member) == 0
    jobs = studio.rows("SELECT count(*) AS n FROM quel_production_jobs WHERE quel_member_id = %s", member)
    assert jobs[0]["n"] == 1
