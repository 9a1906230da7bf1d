"""Beauty: cosmetics advertisement with a model, a portrait of her alone, or the products alone."""

from quel.core.prompting import photography as photo
from quel.core.prompting.rules import Category, Kind, ProductionPath, PromptRules, Rule, Rules

CATEGORIES = (
    photo.BACKGROUND,
    photo.MODEL,
    Category(
        name="products",
        kind=Kind.ITEMS,
        types=("product", "lipstick", "cream", "bottle", "compact", "cosmetic", "skincare", "makeup", "none"),
        one="product",
        many="products",
        note="only the product counts, not a hand or surface around it",
    ),
    Category(
        name="accessories",
        kind=Kind.ITEMS,
        types=("brush", "tool", "acce", "accessory"),
        one="beauty tool",
        many="beauty tools",
    ),
)

TASK = (
    Rule(
        "Make one single luxury advertisement photograph of the model with {products_count} that uses "
        "{references}.",
        when="people products",
    ),
    Rule(
        "Make one single beauty portrait photograph of editorial quality that uses {references}.",
        when="people",
    ),
    Rule("Make one single luxury product photograph that uses {references}.", when="things"),
    Rule(
        "Make one single new beauty photograph from the description; there are no references.",
        when="text-only",
    ),
    Rule("Make one single beauty photograph that plays in the place of {references}.", when="background"),
)

SUBJECT = (
    Rule("the model", when="people"),
    Rule("the arrangement", when="things products accessories"),
    Rule("the product", when="things products one-item"),
    Rule("the products", when="things products"),
    Rule("the beauty tool", when="things one-item"),
    Rule("the beauty tools", when="things"),
)


def _head_and_shoulders(seen: str, when: str = "") -> Rules:
    """A model alone is always seen so near: the shot only moves within the 60–80 %."""
    return tuple(
        Rule(
            f"{seen} takes 60–80 % of the frame, here about {share} %.",
            when=f"model {shot} {when}",
            unless="products",
        )
        for shot, share in (("tight", 80), ("middle", 70), ("full", 60))
    )


FRAMING = (
    Rule(
        "tight. Back of the head and shoulders, with {products_count} beside them, nothing below.",
        when="people products tight back",
    ),
    Rule(
        "tight. Head and upper chest only, with {products_count} beside the head, nothing below.",
        when="people products tight",
    ),
    Rule(
        "middle. From the top of the head to mid-thigh, {products_count} large in the picture.",
        when="people products middle",
    ),
    Rule(
        "full. The whole figure, head to toe, with {products_count} near enough to the lens to be read "
        "clearly.",
        when="people products full",
    ),
    *_head_and_shoulders("head and shoulders from behind; the head", when="back"),
    *_head_and_shoulders("head and shoulders; the head", when="unknown-angle"),
    *_head_and_shoulders("head-and-shoulders portrait; the face"),
    Rule(
        'in the customer\'s own words, "{shot}", as far as a view of head and shoulders, with the head at '
        "60–80 % of the frame, allows.",
        when="model unknown-shot",
        unless="products",
    ),
    *photo.THINGS_FRAMING,
    *photo.OPEN_FRAMING,
)

MUST = (
    # Where it happens.
    Rule(
        photo.FRESH_VIEW + "It lies softly out of focus; the model is really there, in its light.",
        when="people background",
    ),
    photo.THINGS_PLACE,
    photo.OPEN_PLACE,
    Rule(
        "Setting: a beauty studio with a plain backdrop and shaped light, unless the wishes name a place.",
        when="people",
        unless="background",
    ),
    Rule(
        "Setting: a studio product set before a clean, plain backdrop, unless the wishes name a place.",
        when="things",
        unless="background",
    ),
    # The model.
    Rule("The model appears once.", when="people"),
    Rule(
        "Skin keeps its pores, fine hair and natural sheen; make-up sits on real skin.",
        when="people",
        unless="back unknown-angle",
    ),
    # Craft.
    Rule(
        "As with a 105 mm portrait lens: natural proportions, shallow depth of field.",
        when="people",
        unless="products",
    ),
    Rule(
        "As with a 105 mm portrait lens: natural proportions, all sharp but what lies behind.",
        when="people products",
    ),
    Rule(
        "As with a 100 mm lens at a small aperture: sharp from front to back, shaped highlights on glass and "
        "metal.",
        when="things",
    ),
    Rule("Lit and graded like the opening page of a beauty magazine.", when="open"),
    # The products.
    Rule(
        "What {products} shows is held in a hand or rests on a real surface, with weight and contact "
        "shadows.",
        when="people products",
    ),
    Rule("Exactly {items}, no second one.", when="products one-item"),
    Rule("Exactly {items}: each once, none added, none left out.", when="products several-items"),
    Rule("Exactly {items}, no second one.", when="things accessories one-item", unless="products"),
    Rule(
        "Exactly {items}: each once, none added, none left out.",
        when="things accessories several-items",
        unless="products",
    ),
    Rule(
        "Colour, shape, material and lettering of every package exactly as shown, letter by letter where it "
        "is visible.",
        when="products",
    ),
    Rule(
        "What {accessories} shows is held or used as it is made for, inside this framing, unchanged.",
        when="people accessories",
    ),
    Rule(
        "What {accessories} shows lies or stands beside what {products} shows, unchanged.",
        when="things products accessories",
    ),
    Rule(
        "What {accessories} shows keeps shape, material, bristles and colour exactly.",
        when="things accessories",
        unless="products",
    ),
)

MUST_NOT = (
    Rule("No hands, no person and no body part.", when="things"),
    Rule("No floating product, no second copy, no invented label.", when="products"),
    Rule("No mirror or reflection that shows the face.", when="people back"),
    Rule("No plastic skin, no doubled limbs, no cut-out look.", when="people"),
)

EXPRESSION = (
    Rule("a calm, self-assured expression", when="people", unless="back unknown-angle"),
    Rule("a hint of a smile", when="people", unless="back unknown-angle"),
    Rule("a soft, thoughtful expression", when="people", unless="back unknown-angle"),
    Rule("a bright, awake expression", when="people", unless="back unknown-angle"),
    Rule("a serene expression, lips just closed", when="people", unless="back unknown-angle"),
    Rule("the hair smooth and close", when="people back"),
    Rule("the hair loose with a breath of movement", when="people back"),
    Rule("the shoulders low and relaxed", when="people back"),
    Rule("a long neck and upright bearing", when="people back"),
    Rule("a quiet, statuesque stillness", when="people back"),
    Rule("a smooth matte surface below", when="things", unless="background"),
    Rule("a polished stone surface below", when="things", unless="background"),
    Rule("a softly reflecting surface below", when="things", unless="background"),
    Rule("a tone-on-tone surface below", when="things", unless="background"),
    Rule("a fine textile surface below", when="things", unless="background"),
)

PATH = ProductionPath(
    name="beauty",
    categories=CATEGORIES,
    untyped="products",
    unknown="products",
    angles=photo.ANGLES,
    shots=photo.SHOTS,
    prompt=PromptRules(
        picture="photograph",
        task=TASK,
        subject=SUBJECT,
        angle=photo.PERSON_ANGLE + photo.THINGS_ANGLE + photo.OPEN_ANGLE,
        framing=FRAMING,
        must=MUST,
        must_not=MUST_NOT,
        variations=(EXPRESSION, photo.LIGHT, photo.COMPOSITION),
    ),
)
