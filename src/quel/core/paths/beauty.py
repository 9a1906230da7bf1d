"""Beauty: cosmetics advertisement with a model, a portrait of her alone, or the products alone."""

from quel.core.prompting import photography as photo
from quel.core.prompting.guides import GUIDES
from quel.core.prompting.rules import BriefRules, Category, Kind, ProductionPath, Rule

CATEGORIES = (
    photo.BACKGROUND,
    photo.MODEL,
    Category(
        name="products",
        kind=Kind.ITEMS,
        types=("product", "lipstick", "cream", "bottle", "compact", "cosmetic", "skincare", "makeup", "none"),
        one="product",
        many="products",
    ),
    Category(
        name="accessories",
        kind=Kind.ITEMS,
        types=("brush", "tool", "acce", "accessory"),
        one="beauty tool",
        many="beauty tools",
        small=True,
    ),
    *GUIDES,
)

SUBJECT = (
    Rule("the model", when="people"),
    Rule("the arrangement", when="things products accessories"),
    Rule("the product", when="things products one-item"),
    Rule("the products", when="things products"),
    Rule("the beauty tool", when="things one-item"),
    Rule("the beauty tools", when="things"),
)

MEDIUM = (
    Rule("Luxury beauty advertisement", when="people products"),
    Rule("Beauty portrait photograph", when="people"),
    Rule("Luxury product photograph", when="things"),
    Rule("Beauty photograph", when="background"),
    Rule("New beauty photograph from the description that follows", when="wishes"),
    Rule("New beauty photograph"),
)

FRAMING = (
    Rule("back of the head and shoulders only", when="people tight back"),
    Rule("head and upper chest only", when="people products tight"),
    Rule("head and shoulders, the head 60–80 % of the height", when="people tight unknown-angle"),
    Rule("head and shoulders, the face 60–80 % of the height", when="people tight"),
    Rule("from the head to mid-thigh", when="people middle"),
    Rule("head to toe", when="people full"),
    photo.WIDE,
    # Nobody ordered a shot: what a portrait is, spoken as no order.
    Rule(
        "head and shoulders with the head 60–80 % of the height unless the client wants more to be seen",
        when="people back",
        unless="products shot-ordered",
    ),
    Rule(
        "head and shoulders with the face 60–80 % of the height unless the client wants more to be seen",
        when="people",
        unless="products shot-ordered",
    ),
    *photo.THINGS_FRAMING,
    *photo.OPEN_FRAMING,
)

CAST = (
    Rule("{people_in}", when="people", unless="products"),
    Rule(
        "{people_in} with {products} in the hand or on a real surface",
        when="people products",
        unless="back full wide",
    ),
    Rule("{people_in} with {products} in the hand or close by", when="people products full", unless="back"),
    Rule("{people_in} with {products} in the hand or close by", when="people products wide", unless="back"),
    Rule("{people_in} with {products} in view", when="people products back"),
    Rule("and {accessories}", when="people accessories"),
    Rule("{items}, exactly one", when="things one-item"),
    Rule("exactly {items}, each once", when="things several-items"),
    Rule("what the client describes", when="background open wishes"),
    Rule("one precious product in shaped light", when="open no-wishes"),
    *photo.SET_IN,
)

SCENE = (
    Rule(
        "A beauty studio with a plain backdrop.",
        when="people",
        unless="background",
        gives_way=", unless the client says otherwise",
    ),
    Rule(
        "A studio set with a plain backdrop.",
        when="things",
        unless="background",
        gives_way=", unless the client says otherwise",
    ),
    Rule("No hand or person.", when="things", gives_way=" unless the client asks for one"),
)

KEPT = (
    Rule(
        "number, colour, shape and material of {products_named}, lettering letter by letter where visible",
        when="products",
    ),
    Rule("shape, bristles and colour of {accessories_named}", when="accessories"),
)

CRAFT = (
    Rule(
        "Real skin texture, fine hair and sheen.",
        when="people",
        unless="back unknown-angle wide",
    ),
    Rule("105 mm lens, shallow depth of field.", when="people", unless="products wide"),
    Rule(
        "Medium-long lens, the label towards the lens.",
        when="people products no-wishes",
        unless="wide several-products",
    ),
    Rule(
        "Medium-long lens, the labels towards the lens.",
        when="people several-products no-wishes",
        unless="wide",
    ),
    Rule("Medium-long lens.", when="people products wishes", unless="wide"),
    Rule("100 mm lens at a small aperture, shaped highlights on glass and metal.", when="things"),
    Rule("Light shaped as in a beauty magazine.", when="open no-wishes"),
)

EXPRESSION = (
    Rule("a calm, self-assured expression", when="people", unless="back unknown-angle"),
    Rule("a hint of a smile", when="people", unless="back unknown-angle"),
    Rule("a soft, thoughtful expression", when="people", unless="back unknown-angle"),
    Rule("a bright, awake expression", when="people no-wishes", unless="back unknown-angle"),
    Rule("lips just closed, serene", when="people", unless="back unknown-angle"),
    Rule("the hair smooth and close", when="people back"),
    Rule("the hair loose with a breath of movement", when="people back"),
    Rule("the shoulders low and relaxed", when="people back", unless="pose"),
    Rule("the hair behind one shoulder", when="people back"),
    Rule("the hair gathered at the nape", when="people back"),
    Rule("the hair softly lit", when="people unknown-angle"),
    Rule("the hair with a breath of movement", when="people unknown-angle"),
    Rule("the skin with a fresh sheen", when="people unknown-angle"),
    Rule("a smooth matte surface below", when="things", unless="background style series"),
    Rule("a polished stone surface below", when="things", unless="background style series"),
    Rule("a softly reflecting surface below", when="things", unless="background style series"),
    Rule("a tone-on-tone surface below", when="things", unless="background style series"),
    Rule("a fine textile surface below", when="things", unless="background style series"),
)

PATH = ProductionPath(
    name="beauty",
    categories=CATEGORIES,
    untyped="products",
    unknown="products",
    angles=photo.ANGLES,
    shots=photo.SHOTS,
    brief=BriefRules(
        picture="photograph",
        subject=SUBJECT,
        medium=MEDIUM,
        angle=photo.PERSON_ANGLE + photo.THINGS_ANGLE + photo.OPEN_ANGLE,
        framing=FRAMING,
        cast=CAST,
        mood="Mood: fresh, precious, close.",
        scene=SCENE,
        kept=KEPT,
        craft=CRAFT,
        free=photo.FREE,
        variations=(EXPRESSION, photo.LIGHT, photo.placement(near="tight", formal="profile")),
    ),
)
