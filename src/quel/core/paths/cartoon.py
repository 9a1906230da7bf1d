"""Cartoon: the given characters, drawn in one illustration style."""

from quel.core.prompting import photography as photo
from quel.core.prompting.guides import GUIDES
from quel.core.prompting.rules import BriefRules, Category, Kind, ProductionPath, Rule, Vocabulary

CATEGORIES = (
    photo.BACKGROUND,
    Category(
        name="characters",
        kind=Kind.PEOPLE,
        types=("character", "model", "face"),
        one="character",
        many="characters",
        at_most=3,
    ),
    Category(
        name="props",
        kind=Kind.ITEMS,
        types=("prop", "top", "pants", "outer", "shoes", "bag", "accessory", "acce", "product", "none"),
        one="prop",
        many="props",
        small=True,
    ),
    *GUIDES,
)

ANGLES = Vocabulary(
    {
        "front": ("frontal", "facing", "face on", "head on", "straight on", "eye level", "from the front"),
        "three-quarter": ("3/4", "three quarters", "45", "45 degree", "45 degrees"),
        "side": ("profile", "side profile", "lateral", "90 degree", "90 degrees", "from the side"),
        "low-angle": ("low", "from below", "worm's eye", "looking up"),
        "high-angle": ("high", "from above", "looking down"),
        "overhead": ("top", "top down", "bird's eye", "straight down", "aerial"),
        "flat-lay": ("flat", "knolling", "laid out"),
        "back": ("rear", "behind", "from behind", "from the back", "turned away"),
    }
)

SHOTS = Vocabulary(
    {
        "portrait": ("tight", "close", "close up", "head", "face", "head and shoulders"),
        "bust": ("middle", "medium", "mid", "half", "half body", "upper body", "waist up", "chest up"),
        "full-body": ("full", "full length", "full figure", "whole body", "head to toe"),
        "wide": ("long", "very wide", "extreme wide", "extreme long", "establishing", "panorama"),
    }
)

EFFECTS = Vocabulary(
    {
        "none": ("no", "off", "no fx", "no effect", "no effects"),
        "speed-lines": ("speed line", "speed", "motion lines", "motion"),
        "impact": ("impact lines", "hit", "burst"),
        "aura": ("glow", "energy"),
        "emotion": ("emotions", "emotion marks", "emotional"),
    }
)

SUBJECT = (
    Rule("the character", when="one-person"),
    Rule("the characters", when="people"),
)

MEDIUM = (
    Rule("New cartoon illustration from the description that follows", when="text-only wishes"),
    Rule("New cartoon illustration", when="text-only"),
    Rule("Cartoon illustration"),
)

ANGLE = (
    Rule("straight from the front at eye level", when="front"),
    Rule("turned by about 45° at eye level", when="three-quarter"),
    Rule("in true 90° side view", when="side"),
    Rule("from well below eye level, looking up", when="low-angle"),
    Rule("from well above eye level, looking down at a slant", when="high-angle"),
    Rule("from straight above", when="overhead"),
    Rule("all laid out flat, from straight above", when="flat-lay"),
    Rule("from behind, turned away", when="back"),
)

FRAMING = (
    Rule("head and shoulders only", when="one-person portrait"),
    Rule("heads and shoulders only", when="characters portrait"),
    Rule("from the top of the head to below the chest", when="one-person bust"),
    Rule("from heads to below the chest", when="characters bust"),
    Rule("head to toe", when="people full-body"),
    Rule("a wide view, small in a telling place", when="people wide"),
    Rule("close on the subject, of any figure head and shoulders", when="portrait"),
    Rule("at medium distance, any figure down to below the chest", when="bust"),
    Rule("the whole subject, any figure from head to toe", when="full-body"),
    Rule("a wide view of the place", when="wide"),
)

FX = (
    Rule("with speed lines along one direction", when="fx:speed-lines"),
    Rule("with sharp impact lines radiating from one point", when="fx:impact"),
    Rule("with a glowing aura of energy around {subject}", when="fx:aura"),
    Rule("with drawn emotion marks and a matching bearing", when="fx:emotion"),
)

CAST = (
    Rule("{people_in}", when="people"),
    Rule("with {props} worn, held or at hand", when="people props"),
    Rule("{items} within a scene", when="things"),
    Rule("what the client describes", when="background open wishes"),
    Rule("a small scene of your own", when="open no-wishes"),
    *photo.SET_IN,
)

SCENE = (
    Rule("A simple backdrop.", unless="background text-only", gives_way=", unless the client says otherwise"),
    Rule("Exactly one character; others only as the client asks.", when="one-person"),
    Rule(
        "Exactly {characters_count}, each once; others only as the client asks.",
        when="several-characters",
    ),
    Rule("Figures appear only as the client asks.", when="things"),
    Rule(
        "One illustration style throughout, never photographic: the client's, else that of drawn references.",
        unless="text-only style",
    ),
    Rule("One illustration style throughout, never photographic.", when="text-only"),
    Rule("One illustration style throughout, never photographic.", when="style"),
)

KEPT = (
    Rule("their design, palette and outfit", when="people", unless="props"),
    Rule("their design, palette and outfit unless a prop replaces it", when="people props"),
    Rule("shape and colours of {props_named}", when="props"),
)

CRAFT = (Rule("Clear silhouettes, readable shapes."),)

FREE = (
    Rule("pose", when="people", unless="pose"),
    Rule("expression", when="people", unless="back unknown-angle fx:emotion"),
    Rule("the exact moment", when="people"),
    Rule("arrangement", when="things", unless="pose"),
    Rule("placement in the picture", when="things"),
    Rule("viewpoint", unless="angle-ordered open"),
    Rule("whatever the client leaves open", when="open"),
)

POSE = (
    Rule("a lively, leaning pose", when="people", unless="pose portrait bust unknown-shot fx:emotion"),
    Rule(
        "a firm, planted stance",
        when="people",
        unless="pose portrait bust unknown-shot fx:emotion fx:speed-lines",
    ),
    Rule("a light, bouncing stance", when="people", unless="pose portrait bust unknown-shot fx:emotion"),
    Rule("one arm raised in a gesture", when="people", unless="pose portrait bust unknown-shot fx:emotion"),
    Rule(
        "a relaxed, casual stance",
        when="people",
        unless="pose portrait bust unknown-shot fx:emotion fx:speed-lines fx:impact",
    ),
    Rule("the chin slightly raised", when="people", unless="pose full-body wide fx:emotion"),
    Rule("the shoulders slightly lifted", when="people", unless="pose full-body wide fx:emotion"),
    Rule("the shoulders low and relaxed", when="people", unless="pose full-body wide fx:emotion"),
    Rule("a swing in the hair and outline", when="people", unless="pose full-body wide fx:emotion"),
    Rule("an upright, proud bearing", when="people", unless="pose full-body wide fx:emotion"),
)

EXPRESSION = (
    Rule("a confident look", when="people", unless="fx:emotion unknown-angle back"),
    Rule("a cheerful look", when="people", unless="fx:emotion unknown-angle back"),
    Rule("a curious look", when="people", unless="fx:emotion unknown-angle back"),
    Rule("a determined look", when="people", unless="fx:emotion unknown-angle back"),
    Rule("a calm look", when="people", unless="fx:emotion unknown-angle back"),
)

SHADING = (
    Rule("light from the left", unless="series"),
    Rule("light from the right", unless="series"),
    Rule("light from above", unless="series"),
    Rule("an evenly lit scene", unless="background style series"),
    Rule("a rim of light along the outlines", unless="fx:none fx:aura style series"),
)

PATH = ProductionPath(
    name="cartoon",
    categories=CATEGORIES,
    untyped="props",
    angles=ANGLES,
    shots=SHOTS,
    fx=EFFECTS,
    brief=BriefRules(
        picture="illustration",
        subject=SUBJECT,
        medium=MEDIUM,
        angle=ANGLE,
        framing=FRAMING,
        fx=FX,
        cast=CAST,
        mood="Mood: lively and warm.",
        scene=SCENE,
        kept=KEPT,
        kept_as="Recognisable at once, simplified to that style",
        craft=CRAFT,
        free=FREE,
        variations=(POSE, EXPRESSION, SHADING, photo.placement(near="portrait")),
    ),
)
