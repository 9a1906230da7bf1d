"""Landing: pictures for a page from a template's words, the customer's own, and up to six references.

The types of the references count for nothing: what each shows decides how it is used.
"""

from dataclasses import replace

from quel.core.aspect import DEFAULT_ASPECT_RATIO
from quel.core.image_kind import ImageKind
from quel.core.job import DEFAULT_PROMPT, EngineWish, ItemRequest, RequestedReference, StageRequest
from quel.core.prompting import photography as photo
from quel.core.prompting.rules import BriefRules, Category, Kind, ProductionPath, Rule, Vocabulary
from quel.core.request import values
from quel.core.request.fields import Fields
from quel.core.request.forms import JOB_SERIES
from quel.core.request.references import read_references

DEFAULT_IMAGES = 4
DEFAULT_STEPS, MOST_STEPS = 4, 150
DEFAULT_CFG = 1.0
MOST_REFERENCES = 6


def read_page(fields: Fields, total_images: int) -> tuple[StageRequest, ...]:
    """One stage; what cannot be read is noted in the fields' findings."""
    quantity = total_images if total_images > 0 else DEFAULT_IMAGES
    stage = StageRequest(
        prompt=_words(fields) or DEFAULT_PROMPT,
        aspect_ratio=fields.aspect_ratio(DEFAULT_ASPECT_RATIO),
        references=_references(fields),
        items=(ItemRequest("", "", quantity),),
        negative_prompt=fields.text("negativePrompt") or "",
        series=JOB_SERIES if fields.flag("consistent") else None,
        wish=_wish(fields),
    )
    return (stage,)


def _words(fields: Fields) -> str:
    """The template's words before the customer's; what is said twice is said once."""
    parts = (fields.text(key) for key in ("templatePrompt", "customPrompt", "prompt"))
    return ", ".join(dict.fromkeys(filter(None, parts)))


def _references(fields: Fields) -> tuple[RequestedReference, ...]:
    """In the order given, without their types; a picture that is given twice is shown once."""
    once: dict[object, RequestedReference] = {}
    for asked in read_references(fields, "uploadedAttachIds"):
        once.setdefault(asked.attach_id or asked.where, replace(asked, type=None))
    return tuple(once.values())


def _wish(fields: Fields) -> EngineWish:
    steps, cfg = fields.number("modelSteps"), fields.number("modelCfgScale")
    if steps is not None and (steps != int(steps) or not 1 <= steps <= MOST_STEPS):
        key, shown = fields.key("modelSteps"), values.shown(fields.value("modelSteps"))
        fields.fault("modelSteps", f"{key} must be a whole number from 1 to {MOST_STEPS}, but it is {shown}.")
        steps = None
    return EngineWish(
        fields.text("modelId") or "",
        DEFAULT_STEPS if steps is None else int(steps),
        DEFAULT_CFG if cfg is None else float(cfg),
    )


PATH = ProductionPath(
    name="landing",
    categories=(
        Category(
            name="references",
            kind=Kind.ITEMS,
            types=(),
            one="reference",
            many="references",
            at_most=MOST_REFERENCES,
        ),
    ),
    untyped="references",
    angles=Vocabulary({}),
    shots=Vocabulary({}),
    brief=BriefRules(
        picture="photograph",
        subject=(Rule("the subject"),),
        medium=(
            Rule("Product photograph in studio light", when="references no-wishes"),
            Rule("Editorial photograph", when="references"),
            Rule("New editorial photograph from the description that follows", when="wishes"),
            Rule("New photograph of good quality"),
        ),
        angle=(),
        framing=(),
        cast=(
            Rule("what {references_at} show", when="several-references"),
            Rule("what {references_at} shows", when="references", unless="several-references"),
            Rule("a subject of your choice", when="text-only no-wishes"),
        ),
        mood="Mood: clear and inviting, as the opening of a page.",
        scene=(
            Rule("Whoever is shown is the very person in the picture.", when="references"),
            Rule("All garments that are shown are worn together.", when="references"),
            Rule("A place that is shown is where it happens.", when="references"),
            Rule(
                "Where only products are shown, they stand alone, free of people and places.",
                when="references",
                gives_way=", unless the client asks for more",
            ),
        ),
        kept=(
            Rule("face, hair colour and build of anyone shown", when="references"),
            Rule("shape, colour, pattern and lettering of garments and products", when="references"),
        ),
        craft=(Rule("Real textures.", when="references"),),
        free=(Rule("pose and arrangement"), Rule("camera position")),
        variations=(photo.LIGHT, photo.placement(near="wishes")),
    ),
)

KIND = ImageKind(PATH, read=read_page, description="Landing Template Generated")
