"""Cinema: a film still with exactly the given actors, lit by its own scene."""

from quel.core.prompting import photography as photo
from quel.core.prompting.guides import GUIDES
from quel.core.prompting.rules import BriefRules, Category, Kind, ProductionPath, Rule, Vocabulary

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
        note="the clothing alone",
    ),
    Category(
        name="props",
        kind=Kind.ITEMS,
        types=("prop", "shoes", "bag", "accessory", "acce", "product", "none"),
        one="prop",
        many="props",
        small=True,
    ),
    *GUIDES,
)

SHOTS = Vocabulary(
    {
        **photo.SHOTS.spellings,
        "wide": ("long", "environmental"),
        "establishing": ("very wide", "extreme wide", "extreme long", "master"),
        "over-the-shoulder": ("over shoulder", "shoulder", "ots"),
    }
)

SUBJECT = (
    Rule("the actor", when="one-person"),
    Rule("the actors", when="people"),
)

MEDIUM = (
    Rule("New film still from the description that follows", when="text-only wishes"),
    Rule("New film still", when="text-only"),
    Rule("Feature film still"),
)

ANGLE = (
    Rule("from the front at eye level, the face fully visible", when="one-person front"),
    Rule("from the front at eye level, faces fully visible", when="people front"),
    Rule("in true 90° side profile", when="people side"),
    Rule("composed as a formal frontal portrait", when="people profile background"),
    Rule("composed as a formal frontal portrait before a calm background", when="people profile"),
    Rule("from behind, the face out of sight", when="one-person back"),
    Rule("from behind, all faces out of sight", when="people back"),
    Rule("turned by about 45°", when="people three-quarter"),
    *photo.OPEN_ANGLE,
)

FRAMING = (
    Rule("back of the head and upper back only", when="one-person tight back"),
    Rule("backs of heads and upper backs only", when="people tight back"),
    Rule("head and upper chest only", when="one-person tight"),
    Rule("heads and upper chests only", when="people tight"),
    Rule("from head to mid-thigh, well below the waist", when="people middle"),
    Rule("head to toe with the scene around", when="people full"),
    Rule("in a wide shot, {subject} a quarter to a third of the height", when="people wide"),
    Rule("in an establishing shot, {subject} small in the whole place", when="people establishing"),
    Rule("over the actor's shoulder onto what holds the gaze", when="one-person over-the-shoulder"),
    Rule("over one actor's shoulder towards whoever stands opposite", when="people over-the-shoulder"),
    Rule("in an establishing shot of the whole place", when="establishing"),
    Rule("over the shoulder of whoever appears", when="over-the-shoulder"),
    *photo.OPEN_FRAMING,
)

CAST = (
    Rule("{people_in}", when="people"),
    Rule("wearing {clothing}", when="people clothing", unless="tight several-people"),
    Rule("wearing {clothing} between them", when="several-people several-clothing", unless="tight props"),
    Rule("wearing {clothing}", when="several-people several-clothing props", unless="tight"),
    Rule("one of them wearing {clothing}", when="several-people clothing", unless="tight several-clothing"),
    Rule("wearing {clothing} as far as it shows", when="people clothing tight", unless="several-people"),
    Rule("wearing {clothing} between them as far as it shows", when="several-people several-clothing tight"),
    Rule(
        "one of them wearing {clothing} as far as it shows",
        when="several-people clothing tight",
        unless="several-clothing",
    ),
    Rule("with {props}", when="people props", unless="tight"),
    Rule("with {props} where visible", when="people props tight"),
    Rule("{items}", when="things"),
    Rule("what the client describes", when="background open wishes"),
    Rule("a moment within a story of your own", when="open no-wishes"),
    *photo.SET_IN,
)

SCENE = (
    Rule(
        "A believable film location, as the client describes it.",
        when="wishes",
        unless="background text-only",
    ),
    Rule("A believable film location.", when="no-wishes", unless="background text-only"),
    Rule(
        "Exactly one actor; passers-by only as the client asks, out of focus.",
        when="one-person",
    ),
    Rule(
        "Exactly {actors_count}; passers-by only as the client asks, out of focus.",
        when="several-people actors",
    ),
    Rule("People appear only as the client asks.", when="things"),
)

KEPT = (
    Rule("cut, fabric and colour of {clothing_named}", when="clothing"),
    Rule("their clothes", when="people", unless="clothing"),
    Rule("scale, shape and colour of {props_named}", when="props"),
)

CRAFT = (
    Rule("Motivated light, cinema lens, fine grain, one colour grade.", unless="style"),
    Rule("Motivated light, cinema lens.", when="style"),
)

MOMENT = (
    Rule("the stillness just before an action", when="people", unless="pose"),
    Rule("the gaze lowered", when="people", unless="back unknown-angle front"),
    Rule("the head slightly turned", when="people", unless="front side profile pose"),
    Rule("a small, unguarded movement of the hands", when="people", unless="tight unknown-shot pose"),
    Rule("the weight shifting", when="people", unless="tight unknown-shot profile pose"),
    Rule("a quiet tension in the shoulders", when="people", unless="pose"),
    Rule("wind in hair and cloth", when="people"),
    Rule("a trace of haze in the air", unless="background style series"),
    Rule("clear, dry air", unless="background style series"),
    Rule("slightly cooler shadows", unless="style series"),
    Rule("slightly warmer highlights", unless="style series"),
    Rule("a long, calm take"),
    Rule("caught in passing"),
    Rule("a beat of silence"),
)

PATH = ProductionPath(
    name="cinema",
    categories=CATEGORIES,
    untyped="props",
    angles=photo.ANGLES,
    shots=SHOTS,
    brief=BriefRules(
        picture="photograph",
        subject=SUBJECT,
        medium=MEDIUM,
        angle=ANGLE,
        framing=FRAMING,
        cast=CAST,
        mood="Mood: a held moment in the middle of a story.",
        scene=SCENE,
        kept=KEPT,
        kept_as="Kept exactly as shown, relit by the scene",
        craft=CRAFT,
        free=photo.FREE,
        variations=(MOMENT, photo.LIGHT, photo.placement(near="tight", formal="profile")),
    ),
)
