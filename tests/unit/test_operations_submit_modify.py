"""Ordering an in-painting over HTTP: what is refused in words before anything is written; what is written."""

import base64
import io
from uuid import UUID

import pytest
from PIL import Image

from quel.adapters.imaging import PillowImaging
from quel.core.credits import Organization, PayerKind
from quel.core.errors import InvalidInput, NotEnoughCredits, NotFound, ServiceUnavailable, Unpayable
from quel.core.operations.submit_modify import read_modify_order
from quel.operations.submit_modify import submit_modify
from tests.unit.operator_services import GivenServices

USER, PRODUCTION, ORG = UUID(int=7), UUID(int=8), UUID(int=9)


def data_url(size=(8, 8)):
    buffer = io.BytesIO()
    Image.new("RGBA", size, (255, 0, 0, 0)).save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


BODY = {
    "imageUrl": "https://project.example/a.png",
    "maskDataUrl": data_url(),
    "prompt": "한복을 입은 사람이 밤거리를 걷고 있는 모습으로 바꿔 주세요, 조명은 부드럽게 해 주세요",
    "layers": [{"color": "red", "prompt": "a hat", "referenceImage": None}],
    "attachId": "41",
    "userId": "somebody else",
    "quantity": "2",
    "aspectRatio": "4:3",
}


class Rows:
    """The rows an in-painting begins with."""

    def __init__(self):
        self.written = {}

    def write(self, job_id, order, org_id):
        self.written[job_id] = (order, org_id)
        return PRODUCTION


class Accounts:
    """A member and an organization with these credits, and what each has promised."""

    def __init__(self, member=100, org=100, *, held=None, status="active"):
        self._members, self._held = {} if member is None else {USER: member}, held or {}
        self._org = Organization(ORG, status, org, USER)

    def unknown_payers(self, member_id, org_id):
        return [] if member_id in self._members else [f"member {member_id}"]

    def accounts(self, org_id, member_ids):
        return (self._org if org_id else None), self._members

    def held(self, kind, account_id):
        assert account_id == (ORG if kind is PayerKind.ORGANIZATION else USER)
        return self._held.get(kind, 0)


def services_of(accounts=None, push=lambda _: None, **environment):
    return GivenServices(
        environment=environment,
        submit_modify=Rows(),
        submit_job=accounts or Accounts(),
        imaging=PillowImaging(),
        push=push,
    )


def order(**changes):
    return read_modify_order(BODY | changes, USER)


def test_an_order_becomes_the_input_of_a_job_that_is_charged_on_delivery():
    read = order(referenceImage=data_url(), originalProductionId="p-1", imageUrl="https://x/a.png")
    assert read.input_data == {
        "originalImageUrl": "https://x/a.png",
        "originalAttachId": 41,
        "originalProductionId": "p-1",
        "maskDataUrl": BODY["maskDataUrl"],
        "prompt": BODY["prompt"],
        "layers": [{"color": "red", "prompt": "a hat", "referenceImage": None}],
        "referenceImageDataUrl": data_url(),
        "quantity": 2,
        "aspect-ratio": "4:3",
        "userId": str(USER),
        "chargedOnDelivery": True,
    }
    assert (read.row["job_type"], read.row["total_images"], read.row["batch_index"]) == (
        "simple_general",
        2,
        0,
    )


def test_what_jsonb_cannot_keep_does_not_reach_it():
    read = order(
        aspectRatio={"width": float("nan"), "x": "\x00"}, prompt="a\x00 hat", layers=[{"color": "r\x00"}]
    )
    assert read.input_data["aspect-ratio"] is None
    assert read.prompt == read.input_data["prompt"] == "a hat"
    assert read.input_data["layers"][0]["color"] == "r"


def test_a_production_is_named_by_the_first_47_characters_of_the_prompt():
    assert order().production_name == f"Modify - {BODY['prompt'][:47]}"
    assert len(BODY["prompt"].encode()) > 2 * 47
    assert order(prompt="").production_name == "Modify - "


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"imageUrl": None}, "imageUrl is missing."),
        ({"imageUrl": " "}, "imageUrl is missing."),
        ({"maskDataUrl": ""}, "maskDataUrl is missing."),
        ({"attachId": None}, "attachId is missing."),
        ({"attachId": "a coat"}, "attachId must be an id"),
        ({"attachId": -3}, "attachId must be an id"),
        ({"quantity": 0}, "quantity must be from 1 to 10, but it is 0."),
        ({"quantity": 11}, "quantity must be from 1 to 10"),
        ({"quantity": "many"}, 'quantity must be from 1 to 10, but it is "many".'),
        ({"prompt": ["a hat"]}, "prompt must be text, but it is a list."),
        ({"maskDataUrl": {"a": 1}}, "maskDataUrl must be text, but it is an object."),
        ({"layers": ["red"]}, r"layers\[0\] must be an object, but it is text."),
        ({"layers": [{"color": {}, "prompt": []}]}, r"layers\[0\].* must be text"),
    ],
)
def test_what_is_missing_or_unreadable_is_named(change, says):
    with pytest.raises(InvalidInput, match=says):
        order(**change)


def test_whose_order_it_is_says_the_token_and_nobody_else():
    with pytest.raises(InvalidInput, match=r"userId is missing\."):
        read_modify_order(BODY, None)
    with pytest.raises(InvalidInput, match="must be a JSON object"):
        read_modify_order([BODY], USER)
    assert order().input_data["userId"] == str(USER)


def test_a_submitted_order_is_written_once_and_pushed():
    pushed: list[UUID] = []
    services = services_of(push=pushed.append)
    submitted = submit_modify(services, order())
    assert pushed == [submitted.job_id]
    assert services.submit_modify.written == {submitted.job_id: (order(), None)}
    assert (submitted.production_id, submitted.total_images, submitted.unpushed) == (PRODUCTION, 2, None)


def test_a_push_that_fails_leaves_the_job_to_the_sweep():
    def push(_):
        raise ServiceUnavailable("Redis cannot answer now.")

    services = services_of(push=push)
    submitted = submit_modify(services, order())
    assert "the sweep starts it later" in str(submitted.unpushed)
    assert list(services.submit_modify.written) == [submitted.job_id]


@pytest.mark.parametrize(
    ("mask", "says"),
    [
        ("data:image/png;base64,AAAA", "maskDataUrl cannot be used: The mask is something else"),
        ("data:image/png;base64,?", "maskDataUrl cannot be used: It is no base64"),
        (data_url((3, 3))[:-40], "maskDataUrl cannot be used: "),
        (data_url((2000, 2000)), "maskDataUrl cannot be used: It is larger than 1000 bytes"),
    ],
)
def test_a_mask_that_is_no_picture_or_too_large_is_refused(mask, says):
    services = services_of(QUEL_MAX_REFERENCE_BYTES="1000")
    with pytest.raises(InvalidInput, match=says):
        submit_modify(services, order(maskDataUrl=mask))
    assert services.submit_modify.written == {}


def test_whoever_cannot_pay_is_told_what_it_takes_and_what_there_is():
    services = services_of(Accounts(12, held={PayerKind.MEMBER: 5}), IMAGE_PER_PRICE="5")
    with pytest.raises(NotEnoughCredits, match="10 are required, and 7 are available") as caught:
        submit_modify(services, order())
    assert (caught.value.required, caught.value.available) == (10, 7)
    assert services.submit_modify.written == {}
    assert submit_modify(services, order(quantity=1)).total_images == 1


def test_a_member_without_a_row_is_not_found():
    services = services_of(Accounts(member=None))
    with pytest.raises(NotFound, match="There is no member"):
        submit_modify(services, order())


def test_an_organization_that_orders_pays_and_no_member_pays_instead():
    accounts = Accounts(member=0, org=22, held={PayerKind.ORGANIZATION: 10})
    services = services_of(accounts, IMAGE_PER_PRICE="5")
    submitted = submit_modify(services, order(), ORG)
    assert services.submit_modify.written == {submitted.job_id: (order(), ORG)}
    with pytest.raises(NotEnoughCredits, match="15 are required, and 12 are available"):
        submit_modify(services, order(quantity=3), ORG)
    with pytest.raises(Unpayable, match="not active"):
        submit_modify(services_of(Accounts(status="suspended")), order(), ORG)
