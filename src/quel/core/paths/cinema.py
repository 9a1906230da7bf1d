"""Cinema: a film still with exactly the given actors, lit by its own scene."""

from quel.core.prompting import photography as photo
from quel.core.prompting.rules import Category, Kind, ProductionPath, PromptRules, Rule

CATEGORIES = (
    photo.BACKGROUND,
    Category(
        name="actors",
        kind=Kind.PEOPLE,
        types=("actor", "model", "character", "face"),
        one="actor",
        many="actors",
        at_most=3,
    ),
    Category(
        name="clothing",
        kind=Kind.ITEMS,
        types=("top", "pants", "outer"),
        one="garment",
        many="garments",
        note="only what is worn counts, not whoever wears it there",
    ),
    Category(
        name="props",
        kind=Kind.ITEMS,
        types=("prop", "shoes", "bag", "accessory", "acce", "product", "none"),
        one="prop",
        many="props",
    ),
)

TASK = (
    Rule(
        "Make one single film still, photographed as for a feature film, that uses {references}.",
        unless="text-only",
    ),
    Rule(
        "Make one single new film still, photographed as for a feature film, from the description; there are "
        "no references.",
        when="text-only",
    ),
)

SUBJECT = (
    Rule("the actor", when="one-person"),
    Rule("the actors", when="people"),
)

ANGLE = (
    Rule(
        "front. The camera stands before {subject} at eye level, every face fully visible.",
        when="people front",
    ),
    Rule(
        "side. The camera at exactly 90° to {subject}: a true side profile, gaze within the scene.",
        when="one-person side",
    ),
    Rule(
        "side. The camera at exactly 90° to {subject}: true side profiles, gaze within the scene.",
        when="people side",
    ),
    Rule(
        "formal frontal portrait, composed as a film would: shoulders level, calm background.",
        when="people profile",
    ),
    Rule(
        "back. The camera behind {subject}: back of the head and shoulders, no part of the face.",
        when="one-person back",
    ),
    Rule(
        "back. The camera behind {subject}: backs of heads and shoulders, no part of the face.",
        when="people back",
    ),
    *photo.OPEN_ANGLE,
)

FRAMING = (
    Rule("tight. Back of the head and upper back only, nothing below.", when="one-person tight back"),
    Rule(
        "tight. Backs of heads and upper backs only, {people} inside the picture.", when="people tight back"
    ),
    Rule("tight. Head and upper chest only, nothing below.", when="one-person tight"),
    Rule("tight. Heads and upper chests only, {people} inside the picture.", when="people tight"),
    Rule(
        "middle. From head to mid-thigh, not cropped at the waist; {people} inside the picture.",
        when="people middle",
    ),
    Rule(
        "full. Head to toe, {people} with the ground under the feet and the scene around.", when="people full"
    ),
    *photo.OPEN_FRAMING,
)

MUST = (
    # Where it happens.
    Rule(
        photo.FRESH_VIEW + "The scene really happens there.",
        when="people background",
    ),
    photo.OPEN_PLACE,
    Rule(
        photo.FRESH_VIEW + "What the other references show is really there.",
        when="things background",
    ),
    Rule(
        "Setting: a believable film location, as the wishes describe it or as suits the references.",
        unless="background text-only",
    ),
    # Who is in it.
    Rule("Exactly one person in the picture: the actor.", when="one-person"),
    Rule("Exactly {people} in the picture, each actor once.", when="several-people"),
    Rule(
        "Every face identical to its reference, relit by the scene.",
        when="people",
        unless="back unknown-angle",
    ),
    Rule("Hair and shoulders are lit by the scene, never pasted into it.", when="people back"),
    Rule("People appear only where the wishes call for them.", when="things"),
    # What they wear and use.
    Rule(
        "The cast wears what {clothing} shows: cut, fabric and colour unchanged, in scene light.",
        when="people clothing",
        unless="tight",
    ),
    Rule(
        "The cast wears what {clothing} shows, as far as this close framing reaches: cut, fabric and colour "
        "unchanged, in scene light.",
        when="people clothing tight",
    ),
    Rule(
        "The cast keeps the clothes of {actors}, unless the wishes ask for others.",
        when="actors",
        unless="clothing",
    ),
    Rule(
        "What {clothing} shows is worn by whoever the wishes call for, or part of the set, in scene light.",
        when="things clothing",
    ),
    Rule(
        "What {props} shows is worn, used or placed where the story needs it, in true scale and scene light.",
        when="people props",
        unless="tight",
    ),
    Rule(
        "What {props} shows reaches into this close framing, in true scale and scene light.",
        when="people props tight",
    ),
    Rule(
        "What {props} shows stands where the story needs it, in true scale and scene light.",
        when="things props",
    ),
    Rule("Film craft: motivated light, cinema lens, fine grain, one colour grade, a moment within a story."),
)

MUST_NOT = (
    Rule("No extras, no doubles, no people in reflections or on posters.", when="people"),
    Rule("No flat flash light, no catalogue look."),
    Rule("No cut-out look, no doubled limbs.", when="people"),
)

MOMENT = (
    Rule("the stillness just before an action", when="people"),
    Rule("the instant just after a decision", when="people"),
    Rule("a held breath", when="people"),
    Rule("a small, unguarded movement of the hands", when="people", unless="tight unknown-shot"),
    Rule("a shift of weight", when="people", unless="tight unknown-shot profile"),
    Rule("a quiet tension in the shoulders", when="people"),
    Rule("a trace of haze in the air", unless="background"),
    Rule("clear, dry air", unless="background"),
    Rule("slightly cooler shadows"),
    Rule("slightly warmer highlights"),
)

PATH = ProductionPath(
    name="cinema",
    categories=CATEGORIES,
    untyped="props",
    angles=photo.ANGLES,
    shots=photo.SHOTS,
    prompt=PromptRules(
        picture="photograph",
        task=TASK,
        subject=SUBJECT,
        angle=ANGLE,
        framing=FRAMING,
        must=MUST,
        must_not=MUST_NOT,
        variations=(MOMENT, photo.LIGHT, photo.COMPOSITION),
    ),
)
