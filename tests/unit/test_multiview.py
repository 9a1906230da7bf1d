"""Multiview: what its keys say, the plan of its angles, and the brief of each view."""

import re
import uuid
from itertools import product

import pytest

from quel.core.aspect import AspectRatio
from quel.core.job import ItemRequest, JobPlan, JobRequest, Problem, StageRequest, View
from quel.core.kind import Kind
from quel.core.kinds import ALL_PATHS, KINDS, ledger_description, read_input, result_path
from quel.core.kinds.multiview import DEFAULT_ANGLES
from quel.core.plan import make_plan
from quel.core.prompting.labels import write_labels
from quel.core.prompting.picture import PictureSpec, Reference
from quel.core.prompting.turn_around import LINES, NAMES

KIND = KINDS[Kind.MULTIVIEW]
JOB_ID = uuid.UUID(int=7)
WORDS = "iVBORw0KGgo="


def read(data, total=8):
    return read_input(
        Kind.MULTIVIEW, "simple_general", {"sourceAttachId": 7, "userId": "u"} | data, total_images=total
    )


def request(data, total=8):
    found = read(data, total)
    assert isinstance(found, JobRequest), found
    return found


def plan(data, total=8):
    return make_plan(request(data, total), total_images=total, job_id=JOB_ID, max_images=100)


def angles(data, total=8):
    made = plan(data, total)
    assert isinstance(made, JobPlan), made
    return [image.degrees for image in made.images]


def test_an_angle_is_made_once_whatever_the_type_of_its_job_fills_up():
    found = read_input(
        Kind.MULTIVIEW,
        "single_batch",
        {"sourceAttachId": 7, "userId": "u", "angles": [0, 90]},
        total_images=4,
    )
    assert isinstance(found, JobRequest)
    made = make_plan(found, total_images=4, job_id=JOB_ID, max_images=100)
    assert isinstance(made, JobPlan)
    assert [image.degrees for image in made.images] == [0, 90]


def problems(data):
    found = read(data)
    assert not isinstance(found, JobRequest)
    return " ".join(problem.message for problem in found)


def remarks(data):
    return " ".join(replaced.message for replaced in request(data).replaced)


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ({}, list(DEFAULT_ANGLES)),
        ({"angles": []}, list(DEFAULT_ANGLES)),
        ({"angles": None}, list(DEFAULT_ANGLES)),
        ({"angles": [90, 0, 45.0, "180", " 270° "]}, [90, 0, 45, 180, 270]),
        ({"angles": [-90, 360, 405, -720]}, [270, 0, 45]),
        ({"angles": "[10, 20]"}, [10, 20]),
        ({"Angles": 30}, [30]),
    ],
)
def test_angles_are_whole_degrees_modulo_a_round_in_the_order_given(given, made):
    assert angles(given) == made


def test_a_repeated_angle_is_made_once_and_said():
    assert angles({"angles": [0, 90, 450, 0, 45]}) == [0, 90, 45]
    assert "angles repeats 0°, 90°: each is made once." in remarks({"angles": [0, 90, 450, 0, 45]})


def test_the_plan_is_cut_at_the_order_and_an_order_above_the_limit_is_refused():
    assert angles({"angles": list(range(400))}, total=3) == [0, 1, 2]
    assert angles({"angles": [0, 90]}, total=8) == [0, 90]
    assert angles({}, total=0) == list(DEFAULT_ANGLES)
    for total in (400, 0):
        refused = plan({"angles": list(range(400))}, total)
        assert isinstance(refused, tuple)
        assert "QUEL_MAX_IMAGES_PER_JOB" in refused[0].message


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"sourceAttachId": None}, "sourceAttachId or sourceImageBase64 must name the picture"),
        ({"sourceAttachId": "x"}, 'sourceAttachId must be the id of an attachment, but it is "x"'),
        ({"angles": ["front", 90]}, 'angles[0] must be whole degrees, but it is "front"'),
        ({"angles": [1.5]}, "angles[0] must be whole degrees, but it is 1.5"),
        ({"angles": [True]}, "angles[0] must be whole degrees"),
        ({"angles": [1e300]}, "angles[0] must be whole degrees"),
        ({"angles": ["left"] * 400}, "angles[9] must be whole degrees"),
        ({"referenceImages": [{"attachId": 8}]}, "referenceImages[0].angle must be whole degrees"),
        ({"referenceImages": [8]}, "referenceImages[0] must be an object"),
        (
            {"referenceImages": [{"attachId": 8, "angle": 90}, {"attachId": 9, "angle": -270}]},
            "referenceImages[1].angle: 90° has a reference already",
        ),
        ({"rotateBackground": "perhaps"}, "rotateBackground must be true or false"),
    ],
)
def test_bad_input_is_a_sentence_that_names_the_key(given, says):
    assert says in problems(given)


def test_each_angle_shows_the_source_and_its_own_reference():
    given = {
        "angles": [0, 90, 180],
        "referenceImages": [
            {"attachId": "8", "angle": 90},
            {"attachId": None, "angle": 180},
            {"attachId": 9, "angle": 0},
            {"attachId": 9, "angle": 33},
        ],
    }
    shown = [[(r.attach_id, r.type) for r in stage.references] for stage in request(given).stages]
    assert shown == [
        [(7, "source")],
        [(7, "source"), (8, "reference")],
        [(7, "source"), (None, "reference")],
    ]
    assert "referenceImages[2].angle was left out: 0° is the source itself." in remarks(given)
    assert "referenceImages[3].angle was left out: 33° is not asked for." in remarks(given)


def test_the_picture_in_the_row_wins_over_the_id_and_only_its_place_is_read():
    found = request({"sourceImageBase64": WORDS, "angles": [90]})
    (source,) = found.stages[0].references
    assert (source.attach_id, source.place, source.where) == (
        None,
        ("sourceImageBase64",),
        "sourceImageBase64",
    )
    assert WORDS not in repr(found)
    assert request({"sourceImageBase64": " ", "angles": [90]}).stages[0].references[0].attach_id == 7


def test_only_the_source_itself_is_free_and_made_by_nobody():
    items = [stage.items[0] for stage in request({}).stages]
    assert [item.is_free for item in items] == [item.as_given for item in items] == [True] + [False] * 7


def test_ratio_category_and_words_are_read():
    assert request({}).stages[0].aspect_ratio == AspectRatio(1, 1)
    stage = request({"aspectRatio": "3:4", "category": "Eats", "originalPrompt": " 따뜻한 빛 "}).stages[0]
    assert (stage.aspect_ratio, stage.prompt) == (AspectRatio(3, 4), "따뜻한 빛")
    assert stage.view == View("eats", place_turns=False)
    assert "category cannot be read as one of fashion" in remarks({"category": "spaceships"})


def test_images_lie_where_the_old_server_put_them_and_are_booked_in_its_words():
    assert (
        result_path("multiview", "u-1", JOB_ID, 3, 135)
        == f"multiview-images/user-u-1/multiview_{JOB_ID}_angle135.webp"
    )
    assert ledger_description("multiview", 3) == "Multiview 360 Image Generation"


def test_a_problem_is_told_once_and_not_for_each_of_thousands():
    found = read({"angles": ["left"] * 100_000})
    assert isinstance(found, tuple)
    assert all(isinstance(problem, Problem) for problem in found)
    assert len(found) <= 10


# The brief


def pictures(*, reference):
    kinds = ["source", *(["reference"] if reference else [])]
    return tuple(PictureSpec(kind, (Reference(n, kind, kind, kind),)) for n, kind in enumerate(kinds))


def brief(degrees, *, reference=False, turns=False, category="", wishes=""):
    item = ItemRequest(f"{degrees}°", "", 1, degrees=degrees)
    stage = StageRequest(wishes, AspectRatio(1, 1), (), (item,), view=View(category, place_turns=turns))
    return KIND.brief(KIND.path, pictures(reference=reference), stage, item, number=0, of=1)


SITUATIONS = list(product(range(1, 360), (False, True), (False, True), LINES))
NEGATIONS = re.compile(r"\b(no|not|never|without|avoid|don't)\b|n't\b", re.IGNORECASE)


def test_every_brief_is_short_and_positive():
    words = "She turns slowly, the coat swings, evening light on the harbour"
    for degrees, reference, turns, category in SITUATIONS[::7]:
        labels = write_labels(KIND.path, pictures(reference=reference))
        text = brief(degrees, reference=reference, turns=turns, category=category, wishes=words)
        said = "\n".join((*labels, text))
        assert len(re.findall(r"\w+", said)) <= 180, said
        assert NEGATIONS.search(said) is None, said
        assert f"«{words}»" in text
        assert text.count("viewpoint") == 1


def test_every_picture_that_is_sent_is_spoken_of_and_no_other():
    for degrees, reference, turns, category in SITUATIONS[::5]:
        text = brief(degrees, reference=reference, turns=turns, category=category)
        assert set(re.findall(r"image \d", text)) == ({"image 1", "image 2"} if reference else {"image 1"})


@pytest.mark.parametrize(
    ("degrees", "says"),
    [
        (45, "seen from the front right at 45°"),
        (90, "seen from the right at 90°"),
        (180, "seen from the back at 180°"),
        (225, "seen from the back left at 225°"),
        (100, "seen at 100°"),
    ],
)
def test_the_angle_has_its_degrees_and_its_name(degrees, says):
    assert says in brief(degrees)
    assert set(NAMES) == set(DEFAULT_ANGLES)


@pytest.mark.parametrize(
    ("degrees", "visible", "turned"),
    [
        (30, "its front and its own right side", "30° counterclockwise"),
        (60, "its own right side and its front", "60° counterclockwise"),
        (90, "its own right side", "90° counterclockwise"),
        (120, "its own right side and its back", "120° counterclockwise"),
        (170, "its back and its own right side", "170° counterclockwise"),
        (180, "its back", "180° counterclockwise"),
        (200, "its back and its own left side", "160° clockwise"),
        (270, "its own left side", "90° clockwise"),
        (350, "its front and its own left side", "10° clockwise"),
    ],
)
def test_it_says_which_side_is_seen_and_which_way_the_subject_turned(degrees, visible, turned):
    assert f"Visible now: {visible}." in brief(degrees)
    assert f"on the spot, {turned} seen from above" in brief(degrees)


def test_the_place_stays_or_turns_as_ordered_with_and_without_a_reference():
    for reference in (False, True):
        stays, turns = brief(90, reference=reference), brief(90, reference=reference, turns=True)
        assert "camera and background stay identical to image 1" in stays
        assert "identical" not in turns
        assert "90° clockwise seen from above" in turns
    assert "the background turns with it" in brief(90, turns=True)
    assert "subject and place as seen from there" in brief(90, reference=True, turns=True)
    assert "Pose and perspective of the subject follow image 2" in brief(90, reference=True)


def test_each_category_has_a_line_and_identity_is_always_kept():
    said = {category: brief(90, category=category) for category in LINES}
    assert set(filter(None, LINES)) == {"fashion", "beauty", "eats", "cinema", "cartoon"}
    assert len(set(said.values())) == len(said)
    kept = "identity, face, hair, proportions, garments, colours, materials and lettering"
    assert all(kept in text for text in said.values())


def test_words_that_would_end_their_quotation_do_not():
    assert "««ends » here»»" in brief(90, wishes="ends » here")


def test_the_path_asks_for_its_source():
    assert ALL_PATHS["multiview"].lacking(()) == "the source"
