"""Landing: its words and references, the engine that its modelId asks for, and its brief."""

import re
import uuid
from itertools import product

import pytest

from quel.core.aspect import AspectRatio
from quel.core.engines import Capability, Maker, Route, Routing, gemini_capability
from quel.core.job import DEFAULT_PROMPT, EngineWish, ItemRequest, JobPlan, JobRequest, StageRequest
from quel.core.kind import Kind
from quel.core.kinds import KINDS, ledger_description, read_input, result_path
from quel.core.model_choice import Chosen, NoEngine, choose_maker
from quel.core.plan import make_plan
from quel.core.prompting.labels import write_labels
from quel.core.prompting.picture import Reference
from quel.core.prompting.references import arrange, sort_references

KIND = KINDS[Kind.LANDING]
JOB_ID = uuid.UUID(int=7)
CONFIGURED, EDIT = "gemini-nano-banana-2.1", Maker("comfyui", "edit")
ROUTING = Routing(
    capabilities={Maker(): gemini_capability(CONFIGURED), EDIT: Capability("edit", 2)},
    models={"flux-schnell": Route(EDIT)},
)


def read(data, total=4, job_type="simple_general"):
    return read_input(Kind.LANDING, job_type, {"userId": "u"} | data, total_images=total)


def stage_of(data, total=4):
    found = read(data, total)
    assert isinstance(found, JobRequest), found
    (stage,) = found.stages
    return stage


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"prompt": "a hat", "templatePrompt": "a loft", "customPrompt": "dusk"}, "a loft, dusk, a hat"),
        ({"templatePrompt": "a loft", "customPrompt": " "}, "a loft"),
        ({"customPrompt": "dusk"}, "dusk"),
        ({"prompt": "a hat"}, "a hat"),
        ({"prompt": "", "templatePrompt": None}, DEFAULT_PROMPT),
    ],
)
def test_the_templates_words_come_before_the_customers(given, words):
    assert stage_of(given).prompt == words


@pytest.mark.parametrize("job_type", ["simple_general", "single_batch", "pipeline_stage", "simple_portrait"])
@pytest.mark.parametrize(("total", "made"), [(7, 7), (0, 4), (-3, 4), (1, 1)])
def test_what_was_ordered_is_made_and_four_where_nothing_was(total, made, job_type):
    found = read({"prompt": "x"}, total, job_type)
    assert isinstance(found, JobRequest)
    plan = make_plan(found, total_images=total, job_id=JOB_ID, max_images=100)
    assert isinstance(plan, JobPlan)
    assert (len(plan.images), plan.ordered) == (made, made)


def test_a_page_may_be_a_series():
    assert stage_of({"prompt": "x", "consistent": True}).series is not None
    assert stage_of({"prompt": "x"}).series is None


def test_the_first_six_references_are_shown_in_order_whatever_their_types():
    types = ["bg", "model", "?", None, "top", "bg", "model", "none"]
    given = [{"attachId": n, "type": type_} for n, type_ in enumerate(types, start=1)]
    given.insert(3, {"attachId": 1, "type": "another"})
    found = sort_references(KIND.path, stage_of({"uploadedAttachIds": given}).references)
    assert [r.attach_id for r in found.kept] == [1, 2, 3, 4, 5, 6]
    assert len(found.left_out) == 2
    assert "landing takes at most 6 references, the first ones given" in found.left_out[0]
    shown = arrange(KIND.path, found.kept, "", max_pictures=14).pictures
    assert [[r.attach_id for r in picture.references] for picture in shown] == [[n] for n in range(1, 7)]


def test_steps_and_scale_have_defaults_and_may_be_text():
    assert stage_of({"prompt": "x"}).wish == EngineWish("", 4, 1.0)
    wish = stage_of({"modelId": " flux-schnell ", "modelSteps": "20", "modelCfgScale": -1}).wish
    assert wish == EngineWish("flux-schnell", 20, -1.0)


@pytest.mark.parametrize("steps", [0, -4, 2.5, "many", 10_000])
def test_steps_that_are_none_are_a_problem_that_names_the_key(steps):
    found = read({"prompt": "x", "modelSteps": steps})
    assert isinstance(found, tuple)
    assert "modelSteps must be a" in found[0].message


def chosen(model_id, routing=ROUTING):
    return choose_maker(EngineWish(model_id, 4, 1.0), "landing", routing)


@pytest.mark.parametrize("model_id", ["", "multiview:", "gemini:"])
def test_without_a_model_the_paths_own_route_makes_them(model_id):
    found = chosen(model_id)
    assert isinstance(found, Chosen)
    assert (found.route, found.model) == (Route(), "" if not model_id else found.model)


@pytest.mark.parametrize("prefix", ["", "gemini:", "models/", "GEMINI:"])
def test_a_model_of_geminis_that_is_alive_makes_them_itself(prefix):
    assert chosen(f"{prefix}gemini-3-pro-image") == Chosen(Route(), "gemini-3-pro-image")


@pytest.mark.parametrize("model_id", ["gemini-2.5-flash-image", "gemini:of-next-year", "multiview:360"])
def test_one_that_is_not_to_be_had_is_replaced_and_said(model_id):
    found = chosen(model_id)
    assert isinstance(found, Chosen)
    assert (found.route, found.model) == (Route(), "")
    assert found.warning == f'modelId "{model_id}" is not to be had: {CONFIGURED} makes the images.'


def test_a_model_that_the_settings_name_has_its_route():
    assert chosen("flux-schnell") == Chosen(Route(EDIT))
    with_own = Routing(Route(EDIT), capabilities=ROUTING.capabilities)
    asked = chosen("gemini-3-pro-image", with_own)
    assert isinstance(asked, Chosen)
    assert (asked.route, asked.model, "edit makes the images" in asked.warning) == (Route(EDIT), "", True)


@pytest.mark.parametrize("model_id", ["runware:101@1", "seedream-4", "civitai:7", "flux-dev", "a gemini"])
def test_any_other_model_is_nobodys_and_named(model_id):
    assert chosen(model_id) == NoEngine(
        f'modelId "{model_id}" is a model that quel does not make images with.'
    )


def test_images_lie_and_are_booked_under_the_old_names():
    assert result_path("landing", "u", JOB_ID, 2) == f"generated-images/user-u/generated_{JOB_ID}_002.webp"
    assert ledger_description("landing", 2) == "Landing Template Generated"


# The brief

WISHES = "A loft at dusk, calm and wide, the coat over a chair"
NEGATIONS = re.compile(r"\b(no|not|never|without|avoid|don't)\b|n't\b", re.IGNORECASE)


def brief(references, wishes=WISHES, *, number=0, of=1, max_pictures=14):
    asked = tuple(Reference(n, None, "references", f"[{n}]") for n in range(references))
    pictures = arrange(KIND.path, asked, "", max_pictures=max_pictures).pictures
    item = ItemRequest("", "", of)
    stage = StageRequest(wishes, AspectRatio(16, 9), (), (item,))
    text = KIND.brief(KIND.path, pictures, stage, item, number=number, of=of)
    return "\n".join((*write_labels(KIND.path, pictures), text))


def test_every_brief_is_short_positive_and_one_photograph():
    for references, wishes, number in product(range(7), (WISHES, DEFAULT_PROMPT), range(4)):
        said = brief(references, wishes, number=number, of=4)
        assert len(re.findall(r"\w+", said)) <= 180, said
        assert NEGATIONS.search(said) is None, said
        assert "One continuous photograph of one moment" in said
        assert said.count("Image ") == references


def test_the_very_person_all_garments_the_place_or_the_product_alone():
    said = brief(3)
    for phrase in (
        "the very person",
        "All garments that are shown are worn",
        "stand alone",
        "A place that is shown",
    ):
        assert phrase in said
    assert "Editorial photograph: what images 1 to 3 show. Art direction from the client: «A loft" in said
    assert "what image 1 shows" in brief(1)


def test_without_words_there_is_a_stock_sentence():
    assert "Product photograph in studio light: what images 1 and 2 show." in brief(2, DEFAULT_PROMPT)
    assert "New photograph of good quality" in brief(0, DEFAULT_PROMPT)
    assert "New editorial photograph from the description that follows" in brief(0)


def test_images_of_a_job_vary():
    assert len({brief(1, number=number, of=4) for number in range(4)}) == 4
