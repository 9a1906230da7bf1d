"""Every path in every situation and in every job type, end to end: what exactly the provider was sent.

References are pictures of one colour each, so that the test sees which of them a sent picture shows.
"""

import io
import re
from dataclasses import dataclass, field
from itertools import cycle, product
from uuid import UUID, uuid4

import pytest
from PIL import Image

from quel.sandbox.gemini.client import Call
from tests.integration.expectations import (
    SENT,
    SIZES,
    WORDS,
    Picture,
    category_of,
    expected_pictures,
    left_out,
    situations,
)
from tests.integration.ledger import assert_books_agree

LEVELS = (0, 128, 255)
COLOURS = [colour for colour in product(LEVELS, repeat=3) if len(set(colour)) > 1]
WISHES = 'soft {{light}} — „봄“ "x" % \\n 100 %s'
TYPED_FORMS = ("single_batch", "pipeline_stage", "simple_general")
UNTYPED_FORMS = ("simple_portrait", "oldest single_batch", "oldest pipeline_stage", "oldest simple_general")


@dataclass(frozen=True)
class Case:
    """One job: path, form and the types of its references; `images` of it are ordered."""

    path: str
    form: str
    situation: str
    types: tuple[str | None, ...]
    aspect_ratio: str
    shot: str = "full"
    images: int = 1
    missing: bool = False
    token: str = field(default_factory=lambda: uuid4().hex, compare=False)

    @property
    def prompt(self) -> str:
        """The customer's own words, which nothing may change."""
        return f"{WISHES} {self.token}"


def cases():
    ratios, forms = cycle(SIZES), cycle(TYPED_FORMS)  # one reader brings all forms to the same stages
    found: list[Case] = []
    for path in SENT:
        for situation, types in situations(path).items():
            found.append(Case(path, next(forms), situation, tuple(types), next(ratios)))
        found += [Case(path, form, "one merged picture", (None,), next(ratios)) for form in UNTYPED_FORMS]
        thing = SENT[path][2][2][0]
        found.append(Case(path, "single_batch", "several images", (thing, "bg"), next(ratios), images=3))
        found.append(Case(path, "single_batch", "one is missing", (thing, "bg"), next(ratios), missing=True))
    for shot in ("tight", "middle", "full"):
        clothes = ("top", "pants", "shoes", "model")
        found.append(Case("fashion", "single_batch", f"shot {shot}", clothes, next(ratios), shot=shot))
    return found


def name_of(case):
    return f"{case.path}-{case.form}-{case.situation}".replace(" ", "_")


CASES = cases()


@dataclass
class Run:
    """The pictures of the references, and the job of every case."""

    attach_ids: list[int]
    jobs: dict[str, UUID]
    calls: dict[str, list[Call]]
    sent: dict[str, Image.Image]


@pytest.fixture(scope="module")
def run(world, studio, shared_pipeline):
    """Every case's job, run to its end, with what the provider was sent."""
    world.gemini.configure(keep_pictures=True)
    attach_ids = [studio.attach(_picture(index), f"{index}.png") for index in range(len(COLOURS))]
    missing = studio.attachment_row("upload-nothing-is-there.png")
    member = studio.member(10**6)
    before = len(world.gemini.calls())
    jobs = {}
    for case in CASES:
        ids = [*attach_ids[: len(case.types) - 1], missing] if case.missing else attach_ids
        data = _input(case, ids) | {"userId": str(member)}
        jobs[case.token] = studio.job(
            case.form.split()[-1], data, total_images=case.images, member=member, path=case.path
        )
    studio.push(*jobs.values())
    workers = shared_pipeline.workers()
    studio.wait(list(jobs.values()), timeout_s=600)
    workers.kill()
    calls: dict[str, list[Call]] = {case.token: [] for case in CASES}
    for call in world.gemini.calls(before):
        token = next((token for token in calls if token in call.prompt), None)
        if token:
            calls[token].append(call)
    hashes = {picture.sha256 for own in calls.values() for call in own for picture in call.pictures}
    sent = {sha256: _opened(world.gemini.picture(sha256)) for sha256 in hashes}
    world.gemini.configure(keep_pictures=False)
    return Run([*attach_ids, missing], jobs, calls, sent)


def _size(index):
    return 200 + 10 * index, 150


def _picture(index):
    buffer = io.BytesIO()
    Image.new("RGB", _size(index), COLOURS[index]).save(buffer, "PNG")
    return buffer.getvalue()


def _opened(data):
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def _input(case, ids):
    typed = [
        {"attachId": attach_id} | ({"type": type_} if type_ is not None else {})
        for attach_id, type_ in zip(ids, case.types, strict=False)
    ]
    ratio = {"aspect-ratio": case.aspect_ratio}
    if case.form == "single_batch":
        combination = {"angle": "front", "shot": case.shot, "quantity": case.images}
        return ratio | {
            "basePrompt": case.prompt,
            "individualImageAttachIds": typed,
            "combinations": [combination],
        }
    if case.form == "pipeline_stage":
        stage = {"stage_index": 0, "prompt": case.prompt, "quantity": 1, "individualImageAttachIds": typed}
        return {"stages": [ratio | stage]}
    if case.form == "simple_general":
        return ratio | {"prompt": case.prompt, "uploadedAttachIds": typed}
    if case.form == "simple_portrait":
        portrait = {"mergedAttachId": ids[0], "wrappingPrompt": case.prompt, "photoIndex": 0}
        return ratio | {"mergedImages": [portrait], "basePrompt": "not used"}
    return ratio | {"mergedImageAttachId": ids[0], "prompt": case.prompt, "quantity": 1}


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_the_provider_is_sent_exactly_what_the_case_calls_for(studio, run, case):
    row = studio.job_row(run.jobs[case.token])
    assert (row["job_status"], row["completed_images"]) == ("completed", case.images), row["error_message"]
    assert_books_agree(studio, row["job_id"])
    calls = run.calls[case.token]
    assert len({call.seed for call in calls}) == len(calls) == case.images
    pictures = _expected(case)
    for call in calls:
        _assert_settings(call, case)
        assert call.parts == ("text", "picture") * len(pictures) + ("text",)
        for sent, picture in zip(call.pictures, pictures, strict=True):
            _assert_shows(run, sent, picture)
        _assert_prompt(call.prompt, pictures, case)
    _assert_warnings(row["error_message"], run, case)


def _expected(case):
    last = len(case.types) - 1
    pictures = expected_pictures(case.path, case.types, case.shot)
    return [p for p in pictures if not (case.missing and p.reference == last)]


def _assert_settings(call, case):
    assert call.model == "gemini-nano-banana-2.1"
    assert call.aspect_ratio == case.aspect_ratio
    assert (call.temperature, call.image_size) == (None, "1K")
    assert call.response_modalities == ("IMAGE",)
    assert not call.system_instruction


def _assert_shows(run, sent, picture: Picture):
    image = run.sent[sent.sha256]
    assert sent.mime_type == image.get_format_mimetype()
    assert image.size == _size(picture.reference)
    assert _colour_at(image, (image.width // 2, image.height // 2)) == COLOURS[picture.reference]


def _colour_at(image, place):
    """The colour of the palette that is nearest: a JPEG shifts it by a little."""
    pixel = image.convert("RGB").getpixel(place)
    return min(COLOURS, key=lambda colour: sum((a - b) ** 2 for a, b in zip(colour, pixel, strict=True)))


def _assert_prompt(prompt, pictures, case):
    assert case.prompt in prompt
    for number, picture in enumerate(pictures, start=1):
        said = re.search(rf"^Image {number}: (.*)$", prompt, re.MULTILINE)
        assert said, f"image {number} is not introduced"
        assert any(word in said[1].lower() for word in WORDS[picture.category])
    assert f"image {len(pictures) + 1}" not in prompt.replace(case.prompt, "").lower()


def _assert_warnings(message, run, case):
    outside = left_out(case.path, case.types) if case.types else set()
    named = {run.attach_ids[position] for position in outside}
    if case.missing:
        named = {run.attach_ids[-1]}
    if not named:
        assert message is None
    for attach_id in named:
        assert f"Reference {attach_id} " in message
    for position, type_ in enumerate(case.types):
        if not category_of(case.path, type_):
            assert (type_ or "").strip().lower() in message, position


def test_a_model_that_takes_three_pictures_gets_three_and_no_size(world, pipeline):
    pipeline.workers(GEMINI_MODEL="gemini-2.5-flash-image")
    studio = pipeline.studio
    token = uuid4().hex
    types = ["background", "actor", "actor", "actor", "top", "pants", "prop", "bag"]
    data = {
        "prompt": token,
        "uploadedAttachIds": [
            {"attachId": studio.attach(_picture(index), f"{index}.png"), "type": type_}
            for index, type_ in enumerate(types)
        ],
        "aspect-ratio": "21:9",
    }
    job_id = studio.job("simple_general", data, total_images=1, member=studio.member(), path="cinema")
    studio.push(job_id)
    row = studio.wait([job_id])[job_id]
    assert (row["job_status"], row["error_message"]) == ("completed", None)
    [call] = world.calls(token)
    assert call.model == "gemini-2.5-flash-image"
    assert len(call.pictures) == 3
    assert (call.image_size, call.aspect_ratio) == (None, "21:9")
    assert all(f"Image {number}: " in call.prompt for number in (1, 2, 3))
    assert [(sent.width, sent.height) for sent in call.pictures[1:]] == [SIZES["21:9"]] * 2
