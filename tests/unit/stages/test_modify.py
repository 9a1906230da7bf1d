"""In-painting, stage by stage: what is shown and told, what is left out, and what it costs."""

import base64
from dataclasses import replace
from typing import Any

import pytest

from quel.core.engines import Capability, Maker
from quel.core.job import JobStatus
from quel.core.pipeline import Step, StepMessage
from quel.core.takes import Check, Reason, Signs
from quel.sandbox.memory.pictures import NO_PICTURE
from quel.sandbox.memory.storage import PUBLIC_URL

PRICE = 5
LAYERS: list[dict[str, Any]] = [
    {"color": "red", "prompt": "a straw hat", "referenceImage": None},
    {"color": "blue", "prompt": "the sea", "referenceImage": "LAYER"},
]


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def url(data: bytes) -> str:
    return "data:image/png;base64," + encoded(data)


@pytest.fixture
def modify(studio, job_after):
    """An in-painting brought to the end of a step; None as a value leaves the key out."""

    def bring(step=Step.PREPARE_INPUTS, images=1, *, columns=None, **keys):
        data = {
            "originalAttachId": studio.attach(b"original", "original.png"),
            "maskDataUrl": url(b"mask"),
            "prompt": "a calm evening",
            "chargedOnDelivery": True,
        } | keys
        data = {key: value for key, value in data.items() if value is not None}
        return job_after(step, images, data=data, path=None, **(columns or {}))

    return bring


def request(services, job_id, image_no=0):
    return services.tables.images[job_id, image_no].request


def shown(services, job_id):
    return [services.blobs.inputs[key].data for key in request(services, job_id).picture_keys]


def ended(services, worker, job_id):
    services.queues.send(StepMessage(Step.FETCH_JOB, job_id))
    worker.run()
    return services.tables.jobs[job_id]


def made_by(services, **capability):
    intake = services.rules.intake
    able = Capability("a model", **{"max_pictures": 14} | capability)
    routing = replace(intake.routing, capabilities={Maker(): able})
    services.rules = replace(services.rules, intake=replace(intake, routing=routing))


def layers(**reference):
    return [LAYERS[0], LAYERS[1] | {"referenceImage": reference.get("reference", url(b"sea"))}]


def test_the_marked_picture_comes_first_then_the_style_then_each_layers_own(services, modify):
    job_id = modify(layers=layers(), referenceImageDataUrl=url(b"style"), prompt="")
    asked = request(services, job_id)
    assert shown(services, job_id) == [b"mask over original", b"style", b"sea"]
    assert asked.roles == ("original", "reference", "layer")
    assert asked.labels[0] == "Image 1: the picture to change, coloured strokes on the areas that are meant."
    assert "The red area: «a straw hat»." in asked.prompt
    assert "The blue area: «the sea», guided by image 3." in asked.prompt
    assert asked.may_stay_near
    assert asked.temperature == 0.45


def test_the_path_of_its_own_is_quels_alone_and_pictures_stay_out_of_the_plan(services, modify):
    job_id = modify(layers=layers())
    claimed = services.tables.pipeline_jobs[job_id]
    assert claimed.path == "modify"
    assert services.tables.jobs[job_id].quel_production_path is None
    assert "base64" not in repr(claimed.plan)
    assert all(encoded(data) not in repr(claimed.plan) for data in (b"sea", b"mask"))


@pytest.mark.parametrize(
    ("quantity", "total", "images"),
    [("3", 3, 3), (2, 5, 2), (None, 4, 4), (7, 3, 3), (None, 0, 1), ("2.9", 0, 2)],
)
def test_the_quantity_counts_up_to_what_was_ordered_each_image_with_its_own_seed(
    services, modify, quantity, total, images
):
    job_id = modify(Step.FETCH_JOB, total, quantity=quantity)
    planned = services.tables.images_of(job_id)
    assert len({image.seed for image in planned}) == len(planned) == images


def test_a_maker_with_a_place_for_masks_gets_the_picture_as_it_is_and_the_mask_apart(services, modify):
    made_by(services, takes_mask=True)
    job_id = modify(layers=layers())
    assert shown(services, job_id) == [b"original", b"sea", b"mask as large as original"]
    assert request(services, job_id).roles == ("original", "layer", "mask")
    assert request(services, job_id).labels[2].startswith("Mask: ")


def test_references_share_a_picture_before_the_original_does_and_are_named_where_there_is_no_room(
    services, modify
):
    made_by(services, max_pictures=2)
    job_id = modify(layers=layers(), referenceImageDataUrl=url(b"style"))
    assert shown(services, job_id) == [b"mask over original", b"grid 16:9 of style,sea"]

    made_by(services, max_pictures=1)
    job_id = modify(layers=layers(), referenceImageDataUrl=url(b"style"))
    assert shown(services, job_id) == [b"mask over original"]
    assert services.tables.pipeline_jobs[job_id].warnings == (
        "The picture at referenceImageDataUrl was left out: the engine is shown one picture, and"
        " that is the one to change.",
        "The picture at layers[1].referenceImage was left out: the engine is shown one picture, and"
        " that is the one to change.",
    )


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"originalAttachId": None}, "originalAttachId is missing"),
        ({"originalAttachId": "a coat"}, 'originalAttachId cannot be read (it is "a coat")'),
        ({"maskDataUrl": ""}, "maskDataUrl is empty"),
        ({"quantity": "many"}, "quantity must be a whole number"),
        ({"quantity": -1}, "quantity must be a whole number"),
        ({"quantity": 0}, "every quantity is 0"),
    ],
)
def test_input_that_cannot_be_read_is_refused_before_anything_is_fetched(services, modify, keys, says):
    job_id = modify(Step.FETCH_JOB, **keys)
    job = services.tables.jobs[job_id]
    assert (job.job_status, job.failed_images) == (JobStatus.FAILED, 1)
    assert says in job.error_message
    assert services.tables.ledger == []


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"maskDataUrl": url(NO_PICTURE)}, "The mask is no picture"),
        ({"maskDataUrl": "data:image/png;base64,?"}, "It is no base64"),
        ({"maskDataUrl": 7}, "maskDataUrl"),
        ({"originalAttachId": 404}, "There is no attachment with this id"),
        ({"originalAttachId": 404, "originalImageUrl": "https://evil.test/a.png"}, "lies outside Storage"),
        ({"originalAttachId": None, "originalImageUrl": "https://evil.test/a.png"}, "lies outside Storage"),
        (
            {"originalAttachId": None, "originalImageUrl": PUBLIC_URL + "gone.png"},
            "gone.png is not in storage",
        ),
    ],
)
def test_without_its_picture_or_its_mask_nothing_is_made_and_nothing_charged(
    services, modify, worker, keys, says
):
    job_id = modify(Step.FETCH_JOB, layers=layers(), **keys)
    job = ended(services, worker, job_id)
    assert (job.job_status, job.completed_images, job.failed_images) == (JobStatus.FAILED, 0, 1)
    assert says in job.error_message
    assert services.engine.requests == []
    assert services.tables.ledger == []


@pytest.mark.parametrize("attach_id", [404, None, "a coat"])
def test_the_address_counts_where_the_id_cannot_be_had_and_lies_in_storage(services, modify, attach_id):
    services.storage.objects["shown.png"] = b"shown"
    job_id = modify(originalAttachId=attach_id, originalImageUrl=f"{PUBLIC_URL}shown.png?v=2")
    assert shown(services, job_id) == [b"mask over shown"]
    assert services.tables.pipeline_jobs[job_id].warnings == ()


def test_the_id_counts_where_both_can_be_had(services, modify):
    services.storage.objects["shown.png"] = b"shown"
    job_id = modify(originalImageUrl=f"{PUBLIC_URL}shown.png")
    assert shown(services, job_id) == [b"mask over original"]


def test_a_mask_larger_than_a_reference_may_be_is_told_without_being_decoded(services, modify, worker):
    services.rules = replace(services.rules, max_reference_bytes=10)
    job_id = modify(Step.FETCH_JOB, maskDataUrl=url(b"a mask of many bytes"))
    assert "It is larger than 10 bytes" in ended(services, worker, job_id).error_message


def test_layers_without_a_colour_and_references_that_cannot_be_read_are_left_out_and_named(
    services, modify, worker
):
    odd = [{"prompt": "no colour"}, "red", {"color": "x" * 50}, *layers(reference=url(NO_PICTURE))]
    job_id = modify(Step.FETCH_JOB, layers=odd, referenceImageDataUrl="no base64?")
    job = ended(services, worker, job_id)
    assert (job.job_status, job.completed_images) == (JobStatus.COMPLETED, 1)
    for said in (
        "layers[0] was left out: it has no color",
        "layers[1] was left out: it must be an object",
        "layers[2] was left out: it has no color",
        "The picture at layers[4].referenceImage was left out",
        "The picture at referenceImageDataUrl was left out",
    ):
        assert said in job.error_message
    [call] = services.engine.requests
    assert "no colour" not in call.prompt
    assert "The blue area: «the sea»." in call.prompt


def test_more_layers_than_colours_can_be_told_apart_are_named_once(services, modify):
    job_id = modify(layers=[{"color": f"#{n:06x}", "prompt": f"wish {n}"} for n in range(5_000)])
    assert services.tables.pipeline_jobs[job_id].warnings == ("Of layers only the first 32 were used.",)
    assert "wish 31»" in request(services, job_id).prompt
    assert "wish 32»" not in request(services, job_id).prompt


@pytest.mark.parametrize(("difference", "calls"), [(3.0, 1), (0.4, 2)])
def test_a_small_change_is_no_echo_and_the_picture_as_it_was_sent_is_made_again(
    services, modify, worker, difference, calls
):
    services.rules = replace(services.rules, takes=replace(services.rules.takes, probable=Check.REROLL))
    like = Signs({Reason.ECHO: 1.0, Reason.DOUBLE: 1.0}, nearest=1, difference=difference)
    services.take_checker.see(like)
    job_id = modify(Step.FETCH_JOB)
    assert ended(services, worker, job_id).completed_images == 1
    assert len(services.engine.requests) == calls
    assert "image 1 came back as it was" in services.engine.requests[-1].prompt or calls == 1


def test_a_delivered_image_costs_its_price_and_one_that_was_charged_at_submit_nothing(
    services, modify, studio, worker
):
    member = studio.member(2 * PRICE)
    job_id = modify(Step.FETCH_JOB, 2, columns={"member": member})
    assert ended(services, worker, job_id).completed_images == 2
    assert [entry.description for entry in services.tables.ledger] == ["Modified image 1", "Modified image 2"]
    assert services.tables.members[member].quel_member_credit == 0

    charged_before = modify(Step.FETCH_JOB, 2, columns={"member": member}, chargedOnDelivery=None)
    assert ended(services, worker, charged_before).completed_images == 2
    assert len(services.tables.ledger) == 2
    assert services.tables.members[member].quel_member_credit == 0

    unpayable = modify(Step.FETCH_JOB, 1, columns={"member": member})
    assert "Not enough credits" in services.tables.jobs[unpayable].error_message


def test_ids_are_merged_into_the_production_and_counted(services, modify, studio, worker):
    production = studio.production()
    services.tables.productions[production].attach_ids = [901]
    job_id = modify(Step.FETCH_JOB, 2, columns={"production": production})
    ids = ended(services, worker, job_id).generated_attach_ids
    row = services.tables.productions[production]
    assert (row.attach_ids, row.generated_image_count) == ([901, *ids], 2)


def test_keys_are_read_in_every_spelling(services, modify, studio):
    spelled = {
        "original_attach_id": str(studio.attach(b"original", "original.png")),
        "mask-data-url": url(b"mask"),
        "Layers": [{"Color": ["green"], "PROMPT": "moss", "reference_image": url(b"moss")}],
        "reference_image_data_url": url(b"style"),
        "Aspect_Ratio": "4:3",
        "charged_on_delivery": "true",
    }
    plain = dict.fromkeys(("originalAttachId", "maskDataUrl", "chargedOnDelivery"))
    job_id = modify(**plain, **spelled)
    assert shown(services, job_id) == [b"mask over original", b"style", b"moss"]
    assert str(request(services, job_id).aspect_ratio) == "4:3"
    assert "The green area: «moss», guided by image 3." in request(services, job_id).prompt
    assert not services.tables.pipeline_jobs[job_id].plan.images[0].is_free


def test_a_cancelled_one_keeps_what_was_made_and_pays_for_no_more(services, modify, studio, worker):
    member = studio.member(100)
    job_id = modify(Step.PERSIST_OUTPUT, 3, columns={"member": member})
    stored = services.tables.jobs[job_id].completed_images
    studio.cancel(job_id)
    job = ended(services, worker, job_id)
    assert (job.job_status, job.completed_images) == (JobStatus.USER_CANCELLED, stored)
    assert services.tables.members[member].quel_member_credit == 100 - PRICE * stored


def test_nothing_in_a_message_or_event_holds_the_customers_pictures_or_words(
    services, modify, worker, events, caplog
):
    job_id = modify(Step.FETCH_JOB, layers=layers(reference=url(NO_PICTURE)), prompt="a secret wish")
    ended(services, worker, job_id)
    told = repr(events) + caplog.text
    assert "a secret wish" not in told
    assert all(encoded(data) not in told for data in (NO_PICTURE, b"mask"))
