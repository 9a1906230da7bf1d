"""Every path, job type and situation, end to end: what exactly the provider was sent.

References are pictures of one colour each, so that the test sees which of them a sent picture shows.
"""

import io
import re
from dataclasses import dataclass, field
from itertools import cycle, product
from uuid import UUID, uuid4

import pytest
from PIL import Image

from tests.integration.expectations import (
    SENT,
    SIZES,
    WORDS,
    Picture,
    category_of,
    cell_centres,
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
class Cell:
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


def cells():
    ratios = cycle(SIZES)
    found = []
    for path in SENT:
        for situation, types in situations(path).items():
            found += [Cell(path, form, situation, tuple(types), next(ratios)) for form in TYPED_FORMS]
        found += [Cell(path, form, "one merged picture", (None,), next(ratios)) for form in UNTYPED_FORMS]
        thing = next(types[0] for _, _, types in SENT[path][2:])
        found.append(Cell(path, "single_batch", "several images", (thing, "bg"), next(ratios), images=3))
        found.append(Cell(path, "single_batch", "one is missing", (thing, "bg"), next(ratios), missing=True))
    for shot in ("tight", "middle", "full"):
        types = ("top", "pants", "shoes", "model")
        found.append(Cell("fashion", "single_batch", f"shot {shot}", types, next(ratios), shot=shot))
    return found


def name_of(cell):
    return f"{cell.path}-{cell.form}-{cell.situation}".replace(" ", "_")


CELLS = cells()


@dataclass
class Step:
    """The pictures of the references, and the job of every cell."""

    attach_ids: list[int]
    jobs: dict[str, UUID]
    calls: dict[str, list]
    sent: dict[str, Image.Image]


@pytest.fixture(scope="module")
def stage(world, studio, workers):
    """Every cell's job, run to its end, with what the provider was sent."""
    world.gemini.configure(keep_pictures=True)
    attach_ids = [studio.attach(_picture(index), f"{index}.png") for index in range(len(COLOURS))]
    missing = studio.attachment_row("upload-nothing-is-there.png")
    member = studio.member(10**6)
    before = len(world.gemini.calls())
    jobs = {}
    for cell in CELLS:
        ids = [*attach_ids[: len(cell.types) - 1], missing] if cell.missing else attach_ids
        data = _input(cell, ids) | {"userId": str(member)}
        jobs[cell.token] = studio.job(
            cell.form.split()[-1], data, total_images=cell.images, member=member, path=cell.path
        )
    studio.push(*jobs.values())
    studio.wait(list(jobs.values()), timeout_s=600)
    calls = {cell.token: [] for cell in CELLS}
    for call in world.gemini.calls(before):
        token = next((token for token in calls if token in call.prompt), None)
        if token:
            calls[token].append(call)
    hashes = {picture.sha256 for own in calls.values() for call in own for picture in call.pictures}
    sent = {sha256: _opened(world.gemini.picture(sha256)) for sha256 in hashes}
    world.gemini.configure(keep_pictures=False)
    return Step([*attach_ids, missing], jobs, calls, sent)


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


def _input(cell, ids):
    typed = [
        {"attachId": attach_id} | ({"type": type_} if type_ is not None else {})
        for attach_id, type_ in zip(ids, cell.types, strict=False)
    ]
    ratio = {"aspect-ratio": cell.aspect_ratio}
    if cell.form == "single_batch":
        combination = {"angle": "front", "shot": cell.shot, "quantity": cell.images}
        return ratio | {
            "basePrompt": cell.prompt,
            "individualImageAttachIds": typed,
            "combinations": [combination],
        }
    if cell.form == "pipeline_stage":
        stage = {"stage_index": 0, "prompt": cell.prompt, "quantity": 1, "individualImageAttachIds": typed}
        return {"stages": [ratio | stage]}
    if cell.form == "simple_general":
        return ratio | {"prompt": cell.prompt, "uploadedAttachIds": typed}
    if cell.form == "simple_portrait":
        portrait = {"mergedAttachId": ids[0], "wrappingPrompt": cell.prompt, "photoIndex": 0}
        return ratio | {"mergedImages": [portrait], "basePrompt": "not used"}
    return ratio | {"mergedImageAttachId": ids[0], "prompt": cell.prompt, "quantity": 1}


@pytest.mark.parametrize("cell", CELLS, ids=name_of)
def test_the_provider_is_sent_exactly_what_the_cell_calls_for(studio, stage, cell):
    row = studio.job_row(stage.jobs[cell.token])
    assert (row["job_status"], row["completed_images"]) == ("completed", cell.images), row["error_message"]
    assert_books_agree(studio, row["job_id"])
    calls = stage.calls[cell.token]
    assert len({call.seed for call in calls}) == len(calls) == cell.images
    pictures = _expected(cell)
    for call in calls:
        _assert_settings(call, cell)
        assert call.parts == ("picture",) * len(pictures) + ("text",)
        for sent, picture in zip(call.pictures, pictures, strict=True):
            _assert_shows(stage, sent, picture, cell)
        _assert_prompt(call.prompt, pictures, cell)
    _assert_warnings(row["error_message"], stage, cell)


def _expected(cell):
    last = len(cell.types) - 1
    pictures = expected_pictures(cell.path, cell.types, cell.shot)
    return [p for p in pictures if not (cell.missing and p.references == (last,))]


def _assert_settings(call, cell):
    assert call.model == "gemini-nano-banana-2.1"
    assert call.aspect_ratio == cell.aspect_ratio
    assert call.temperature == 0.45
    assert call.response_modalities == ("IMAGE",)
    assert not call.system_instruction


def _assert_shows(stage, sent, picture: Picture, cell):
    image = stage.sent[sent.sha256]
    assert sent.mime_type == image.get_format_mimetype()
    if len(picture.references) == 1:
        [position] = picture.references
        assert image.size == _size(position)
        assert _colour_at(image, (image.width // 2, image.height // 2)) == COLOURS[position]
    else:
        assert image.size == SIZES[cell.aspect_ratio]
        centres = cell_centres(len(picture.references), image.size)
        shown = [_colour_at(image, centre) for centre in centres]
        assert shown == [COLOURS[position] for position in picture.references]


def _colour_at(image, place):
    """The colour of the palette that is nearest: a JPEG shifts it by a little."""
    pixel = image.convert("RGB").getpixel(place)
    return min(COLOURS, key=lambda colour: sum((a - b) ** 2 for a, b in zip(colour, pixel, strict=True)))


def _assert_prompt(prompt, pictures, cell):
    assert cell.prompt in prompt
    for number, picture in enumerate(pictures, start=1):
        said = re.search(rf"^.*\bimage {number}:(.*)$", prompt, re.MULTILINE)
        assert said, f"image {number} is not introduced"
        assert any(word in said[1].lower() for word in WORDS[picture.category])
    assert f"image {len(pictures) + 1}" not in prompt.replace(cell.prompt, "")


def _assert_warnings(message, stage, cell):
    outside = left_out(cell.path, cell.types) if cell.types else set()
    named = {stage.attach_ids[position] for position in outside}
    if cell.missing:
        named = {stage.attach_ids[-1]}
    if not named:
        assert message is None
    for attach_id in named:
        assert f"Reference {attach_id} " in message
    for position, type_ in enumerate(cell.types):
        if not category_of(cell.path, type_):
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
    assert all(f"image {number}:" in call.prompt for number in (1, 2, 3))
