"""Fashion: a model wears the given clothes, or the products are photographed without anyone."""

from quel.core.prompting import photography as photo
from quel.core.prompting.rules import Category, Kind, ProductionPath, PromptRules, Rule

CATEGORIES = (
    photo.BACKGROUND,
    photo.MODEL,
    Category(
        name="clothing",
        kind=Kind.ITEMS,
        types=("top", "pants", "outer"),
        one="garment",
        many="garments",
        note="only what is worn counts, not whoever wears it there",
    ),
    Category(
        name="accessories",
        kind=Kind.ITEMS,
        types=("shoes", "bag", "accessory", "acce", "product", "none"),
        one="accessory",
        many="accessories",
    ),
)

TASK = (
    Rule("Make one single fashion photograph of campaign quality that uses {references}.", when="people"),
    Rule("Make one single product photograph of campaign quality that uses {references}.", when="things"),
    Rule(
        "Make one single new fashion photograph from the description; there are no references.",
        when="text-only",
    ),
    Rule("Make one single fashion photograph that plays in the place of {references}.", when="background"),
)

SUBJECT = (
    Rule("the model", when="people"),
    Rule("the product", when="things one-item"),
    Rule("the products", when="things"),
)

FRAMING = (
    Rule(
        "tight. Back of the head and upper back only, nothing below the shoulder blades.",
        when="people tight back",
    ),
    Rule("tight. Head and upper chest only, nothing below.", when="people tight"),
    Rule("middle. From the top of the head to mid-thigh, never cropped at the waist.", when="people middle"),
    Rule(
        "full. Head to toe with the ground under the feet; the figure takes at least 85 % of the height.",
        when="people full",
    ),
    *photo.THINGS_FRAMING,
    *photo.OPEN_FRAMING,
)

MUST = (
    # Where it happens.
    Rule(
        photo.FRESH_VIEW + "The model really stands in it, with its perspective, light and contact shadows.",
        when="people background",
    ),
    photo.THINGS_PLACE,
    photo.OPEN_PLACE,
    Rule(
        "Setting: a photo studio with a seamless backdrop and shaped light, unless the wishes name a place.",
        when="people",
        unless="background",
    ),
    Rule(
        "Setting: a studio product set with a clean seamless backdrop, unless the wishes name a place.",
        when="things",
        unless="background",
    ),
    # Who wears what.
    Rule("The model appears once.", when="people"),
    Rule(
        "The model wears what {clothing} shows: cut, fabric, colour, pattern, seams and closures unchanged. "
        "Whatever the references do not cover stays as {model} shows it.",
        when="model clothing",
    ),
    Rule(
        "The model keeps the clothes of {model}, unless the wishes ask for others.",
        when="people model",
        unless="clothing",
    ),
    Rule(
        "What {accessories} shows is worn or carried where it belongs, true in size, shape and material.",
        when="people accessories",
        unless="tight",
    ),
    Rule(
        "What {accessories} shows is worn or held high enough to lie inside this framing, true in shape and "
        "material.",
        when="people accessories tight",
    ),
    # Craft.
    Rule(
        "As with an 85 mm portrait lens: natural proportions, shallow depth of field, real texture of skin "
        "and fabric.",
        when="people tight",
    ),
    Rule(
        "As with a 70 mm lens: natural proportions, real texture of skin and fabric.",
        when="people middle",
    ),
    Rule(
        "As with a 50 mm lens: upright lines, no stretched legs, real texture of skin and fabric.",
        when="people full",
    ),
    Rule("Natural proportions, real texture of skin and fabric.", when="people unknown-shot"),
    Rule(
        "As with a 100 mm lens at a small aperture: straight lines, sharp from front to back.", when="things"
    ),
    Rule("Styled, lit and graded like an editorial in a fashion magazine.", when="open"),
    # Products alone.
    Rule("Exactly one product, that one alone (a pair counts as one).", when="things one-item"),
    Rule(
        "Exactly {items}: each once (a pair counts as one), none added, none left out.",
        when="things several-items",
    ),
    Rule(
        "Cut, shape, colour, material, pattern, hardware and lettering exactly as shown, wherever this angle "
        "lets them be seen.",
        when="things",
    ),
    Rule("Clothing holds its natural volume, as if on an invisible form.", when="things clothing"),
)

MUST_NOT = (
    Rule("No person and no body part: no hands, feet, face or silhouette, and no mannequin.", when="things"),
    Rule("No mirror or reflection that shows the face.", when="people back"),
    Rule("No merchandise besides {subject}.", when="things"),
    Rule("No plastic skin, no doubled limbs, no cut-out look.", when="people"),
)

POSE = (
    Rule("the chin slightly raised", when="people", unless="middle full"),
    Rule("the chin slightly lowered", when="people", unless="middle full"),
    Rule("the shoulders low and relaxed", when="people", unless="middle full"),
    Rule("a long neck and upright bearing", when="people", unless="middle full"),
    Rule("a breath of movement in the hair", when="people", unless="middle full"),
    Rule("the weight settled on one leg", when="people", unless="tight unknown-shot profile"),
    Rule("a half step forward", when="people", unless="tight unknown-shot profile"),
    Rule("both arms relaxed at the sides", when="people", unless="tight unknown-shot"),
    Rule("one hand lightly at the hip", when="people", unless="tight unknown-shot"),
    Rule("a breath of movement in the fabric", when="people", unless="tight unknown-shot"),
    Rule("a warm off-white backdrop", when="things", unless="background"),
    Rule("a cool light grey backdrop", when="things", unless="background"),
    Rule("a soft beige backdrop", when="things", unless="background"),
    Rule("a pale stone-coloured backdrop", when="things", unless="background"),
    Rule("a deep muted backdrop", when="things", unless="background"),
)

PATH = ProductionPath(
    name="fashion",
    categories=CATEGORIES,
    untyped="clothing",
    angles=photo.ANGLES,
    shots=photo.SHOTS,
    left_out_by_shot={"tight": frozenset({"pants", "shoes"}), "middle": frozenset({"shoes"})},
    prompt=PromptRules(
        picture="photograph",
        task=TASK,
        subject=SUBJECT,
        angle=photo.PERSON_ANGLE + photo.THINGS_ANGLE + photo.OPEN_ANGLE,
        framing=FRAMING,
        must=MUST,
        must_not=MUST_NOT,
        variations=(POSE, photo.LIGHT, photo.COMPOSITION),
    ),
)
