"""Fashion: a model wears the given clothes, or the products are photographed without anyone."""

from dataclasses import replace

from quel.core.prompting import photography as photo
from quel.core.prompting.guides import GUIDES
from quel.core.prompting.rules import BriefRules, Category, Kind, ProductionPath, Rule

CATEGORIES = (
    photo.BACKGROUND,
    replace(photo.MODEL, note="own clothes where no others are shown"),
    Category(
        name="clothing",
        kind=Kind.ITEMS,
        types=("top", "pants", "outer"),
        one="garment",
        many="garments",
        note="the clothing alone",
    ),
    Category(
        name="accessories",
        kind=Kind.ITEMS,
        types=("shoes", "bag", "accessory", "acce", "product", "none"),
        one="accessory",
        many="accessories",
        small=True,
    ),
    *GUIDES,
)

SUBJECT = (
    Rule("the model", when="people"),
    Rule("the product", when="things one-item"),
    Rule("the products", when="things"),
)

MEDIUM = (
    Rule("Fashion campaign photograph", when="people"),
    Rule("Product photograph for a fashion campaign", when="things"),
    Rule("Fashion photograph", when="background"),
    Rule("New fashion photograph from the description that follows", when="wishes"),
    Rule("New fashion photograph"),
)

FRAMING = (
    Rule("back of the head and upper back only", when="people tight back"),
    Rule("head and upper chest only", when="people tight"),
    Rule("from head to mid-thigh, well below the waist", when="people middle"),
    Rule("head to toe, the figure at least 85 % of the height", when="people full"),
    photo.WIDE,
    *photo.THINGS_FRAMING,
    *photo.OPEN_FRAMING,
)

CAST = (
    Rule("{people_in}", when="people", unless="clothing accessories"),
    Rule("{people_in} wearing {clothing}", when="people clothing", unless="accessories"),
    Rule("{people_in} with {accessories}", when="people accessories", unless="clothing"),
    Rule("{people_in} wearing {clothing} with {accessories}", when="people clothing accessories"),
    Rule(
        "the one product of {clothing_at} alone",
        when="things one-item clothing",
        gives_way=" unless asked for more",
    ),
    Rule(
        "the one product of {accessories_at} alone, a pair counting as one",
        when="things one-item accessories",
        gives_way=", unless asked for more",
    ),
    Rule("exactly {items}, each once, a pair counting as one", when="things several-items"),
    Rule("what the client describes", when="background open wishes"),
    Rule("a look of the season on a model of your casting", when="open no-wishes"),
    *photo.SET_IN,
)

SCENE = (
    Rule(
        "A photo studio with a seamless backdrop.",
        when="people",
        unless="background",
        gives_way=", unless the client says otherwise",
    ),
    Rule(
        "A studio set with a seamless backdrop.",
        when="things",
        unless="background",
        gives_way=", unless the client says otherwise",
    ),
    Rule("No person or body part.", when="things", gives_way=" unless the client asks for one"),
)

KEPT = (
    Rule("cut, fabric, colour and pattern of {clothing_named}", when="people clothing"),
    Rule("their clothes", when="people", unless="clothing"),
    Rule("shape, size and material of {accessories_named}", when="people accessories"),
    Rule("shape, material, colour, pattern and lettering of {subject}, wherever visible", when="things"),
)

_NOT_AT_EYE_LEVEL = "low-angle high-angle overhead flat-lay unknown-angle"

CRAFT = (
    # A lens goes with a camera at eye level.
    Rule("85 mm lens, shallow depth of field.", when="people tight", unless=_NOT_AT_EYE_LEVEL),
    Rule("70 mm lens, natural proportions.", when="people middle", unless=_NOT_AT_EYE_LEVEL),
    Rule("50 mm lens, natural length of the legs.", when="people full", unless=_NOT_AT_EYE_LEVEL),
    Rule("35 mm lens, deep focus.", when="people wide", unless=_NOT_AT_EYE_LEVEL),
    Rule("Real skin and fabric.", when="people"),
    Rule("100 mm lens at a small aperture, sharp from front to back.", when="things", unless="wide"),
    Rule("Clothing keeps its natural volume.", when="things clothing", unless="flat-lay"),
    Rule("Real textures.", when="open"),
)

_NOT_STANDING = "unknown-shot overhead flat-lay pose"

POSE = (
    Rule("the chin slightly raised", when="people", unless="middle full wide pose"),
    Rule("the chin slightly lowered", when="people", unless="middle full wide pose"),
    Rule("the shoulders low and relaxed", when="people", unless="middle full wide pose"),
    Rule("a long neck and upright bearing", when="people", unless="middle full wide pose"),
    Rule("a breath of movement in the hair", when="people"),
    # Somebody who sits, lies or jumps as the client asks stands on no leg.
    Rule("the weight on one leg", when="people no-wishes", unless=f"tight profile {_NOT_STANDING}"),
    Rule("a half step forward", when="people no-wishes", unless=f"tight profile {_NOT_STANDING}"),
    Rule("one hand lightly at the hip", when="people no-wishes", unless=f"tight {_NOT_STANDING}"),
    Rule("one hand at the collar", when="people no-wishes", unless=_NOT_STANDING),
    Rule("an unposed moment", when="people wishes"),
    Rule("a clear, strong silhouette", when="people wishes"),
    Rule("a breath of movement in the fabric", when="people"),
    Rule("a warm off-white backdrop", when="things", unless="background style series"),
    Rule("a cool light grey backdrop", when="things", unless="background style series"),
    Rule("a soft beige backdrop", when="things", unless="background style series"),
    Rule("a pale stone-coloured backdrop", when="things", unless="background style series"),
    Rule("a deep muted backdrop", when="things", unless="background style series"),
)

PATH = ProductionPath(
    name="fashion",
    categories=CATEGORIES,
    untyped="clothing",
    angles=photo.ANGLES,
    shots=photo.SHOTS,
    left_out_by_shot={"tight": frozenset({"pants", "shoes"}), "middle": frozenset({"shoes"})},
    brief=BriefRules(
        picture="photograph",
        subject=SUBJECT,
        medium=MEDIUM,
        angle=photo.PERSON_ANGLE + photo.THINGS_ANGLE + photo.OPEN_ANGLE,
        framing=FRAMING,
        cast=CAST,
        mood="Mood: the quiet confidence of a magazine editorial.",
        scene=SCENE,
        kept=KEPT,
        craft=CRAFT,
        free=photo.FREE,
        variations=(POSE, photo.LIGHT, photo.placement(near="tight", formal="profile")),
    ),
)
