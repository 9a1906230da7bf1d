"""Eats: the customer's dish exactly as it is, photographed as food photographers do."""

from quel.core.prompting import photography as photo
from quel.core.prompting.guides import GUIDES
from quel.core.prompting.rules import BriefRules, Category, Kind, ProductionPath, Rule, Vocabulary

CATEGORIES = (
    photo.BACKGROUND,
    Category(
        name="dishes",
        kind=Kind.ITEMS,
        types=("food", "dish", "main", "model", "product", "none"),
        one="dish",
        many="dishes",
    ),
    Category(
        name="ingredients",
        kind=Kind.ITEMS,
        types=("ingredient", "side"),
        one="ingredient",
        many="ingredients",
        small=True,
    ),
    Category(
        name="props",
        kind=Kind.ITEMS,
        types=("prop", "topping", "garnish", "acce", "accessory"),
        one="prop",
        many="props",
        small=True,
    ),
    *GUIDES,
)

ANGLES = Vocabulary(
    {
        "front": ("frontal", "facing", "head on", "straight on", "from the front"),
        "side": ("lateral", "side profile", "from the side", "table level", "eye level"),
        "profile": ("portrait", "formal"),
        "back": ("rear", "behind", "from behind", "from the back"),
        "overhead": ("top", "top down", "bird's eye", "flat lay", "from above", "straight down", "aerial"),
        "45-degree": ("45", "45°", "45 deg", "45 degrees", "3/4", "three quarter", "diner's", "diagonal"),
        "macro": ("extreme close up", "macro close up", "micro"),
        "low-angle": ("low", "from below", "looking up"),
    }
)

SHOTS = Vocabulary(
    {
        "tight": ("close", "close up", "portrait", "face", "bust"),
        "middle": ("medium", "mid", "half", "half body"),
        "full": ("full body", "full length", "whole", "whole dish", "entire dish", "whole body"),
        "full-plate": ("plate", "whole plate", "entire plate"),
        "hero-shot": ("hero",),
        "detail": ("details", "texture", "macro"),
        "context": ("wide", "long", "environment", "environmental", "table scene", "lifestyle", "scene"),
        "establishing": ("very wide", "extreme wide", "extreme long"),
    }
)

SUBJECT = (
    Rule("the dishes", when="several-dishes"),
    Rule("the dish", when="dishes"),
    Rule("the arrangement", when="things"),
    Rule("the food"),
)

MEDIUM = (
    Rule("Advertising food photograph", when="dishes"),
    Rule("Food still-life photograph", when="things"),
    Rule("Food photograph", when="background"),
    Rule("New food photograph from the description that follows", when="wishes"),
    Rule("New food photograph"),
)

ANGLE = (
    Rule("from the front, just above table height", when="front"),
    Rule("from the side at table height", when="side"),
    Rule("in profile at the exact height of the table, a clear outline", when="profile background"),
    Rule(
        "in profile at the exact height of the table, a clear outline before a calm background",
        when="profile",
    ),
    Rule("from the far side, just above table height", when="back"),
    Rule("the camera looking straight down", when="overhead"),
    Rule("looking down at about 45° as a seated guest does", when="45-degree"),
    Rule("through a macro lens near the surface, very shallow depth of field", when="macro"),
    Rule("from a low camera at the edge of the table, looking slightly up", when="low-angle"),
)

FRAMING = (
    # Macro and a wide crop exclude each other; the customer chose macro, so the crop gives way.
    Rule("in the client's framing “{shot}” as far as macro allows", when="macro unknown-shot"),
    Rule("one telling part of {subject}", when="macro"),
    Rule("close on {subject}, which may run out at the sides", when="tight"),
    Rule("all of {subject} with a strip of the table around", when="middle"),
    Rule("all of {subject}, large, with a little air on every side", when="full"),
    Rule("the whole plate or bowl from rim to rim", when="full-plate dishes", unless="several-dishes"),
    Rule("all of {subject} from end to end", when="full-plate"),
    Rule("a hero shot with {subject} filling two thirds of the picture", when="hero-shot"),
    Rule("one telling part of {subject} filling most of the picture", when="detail"),
    Rule("a wider view of the table, {subject} still large", when="context"),
    Rule("a wide shot of the place around {subject}", when="establishing"),
)

_NOT_ALL_OF_IT = "macro tight detail context establishing unknown-shot"

CAST = (
    # A part of it, or the table around, is not the dish large and sharp.
    Rule("{dishes}, large and sharp", when="dishes", unless=f"several-dishes {_NOT_ALL_OF_IT}"),
    Rule("{dishes}, each once, large and sharp", when="several-dishes", unless=_NOT_ALL_OF_IT),
    Rule("{dishes}", when="dishes macro"),
    *(Rule("{dishes}", when=f"dishes {shot}", unless="macro") for shot in _NOT_ALL_OF_IT.split()[1:]),
    Rule("{ingredients} set apart", when="dishes ingredients"),
    Rule("{ingredients}", when="ingredients", unless="dishes"),
    Rule("{props} in place", when="things props", unless="ingredients"),
    Rule("{props} in place", when="props ingredients"),
    Rule("what the client describes", when="background open wishes"),
    Rule("one dish of the season on a simple table", when="open no-wishes"),
    # From straight above or very near only the surface of a place can be seen; the food keeps its own light.
    Rule("on a surface from the place of {background_at}", when="background overhead"),
    Rule("the place of {background_at} as soft shapes behind the focus", when="background macro"),
    Rule(
        "in a fresh view of the place of {background_at} with its materials and mood",
        when="background",
        unless="overhead macro",
    ),
)

SCENE = (
    Rule(
        "A simple table surface.",
        when="things",
        unless="background",
        gives_way=", unless the client says otherwise",
    ),
    Rule("Nothing is added but what the client asks for.", when="things"),
    Rule(
        "Premium editorial look: fresh, appetising texture in warm natural light.",
        when="pre-edited",
        unless="style",
        gives_way=" unless the client names another",
    ),
    Rule("Premium editorial look: fresh, appetising texture.", when="pre-edited style"),
    # In another place it is lit as the place is.
    Rule(
        "Faithful to how {subject} was photographed: colours, texture and kind of light.",
        when="not-pre-edited things",
        unless="style background several-dishes",
    ),
    Rule(
        "Faithful to how {subject} were photographed: colours, texture and kind of light.",
        when="not-pre-edited several-dishes",
        unless="style background",
    ),
    Rule(
        "Faithful to the photograph of {subject} in colour and texture.", when="not-pre-edited things style"
    ),
    Rule(
        "Faithful to the photograph of {subject} in colour and texture.",
        when="not-pre-edited things background",
        unless="style",
    ),
)

KEPT = (
    Rule(
        "components, portion, arrangement, colours and tableware of {dishes_named}",
        when="dishes",
        unless="props macro",
    ),
    Rule(
        "components, portion, arrangement, colours and tableware of {dishes_named}, apart from what "
        "{props_at} adds",
        when="dishes props",
        unless="macro",
    ),
    Rule("components, colours and texture of {dishes_named}", when="dishes macro"),
    Rule("kind, cut, colour and amount of {ingredients_named}", when="ingredients"),
    Rule("shape and colours of {props_named}", when="props"),
)

CRAFT = (
    Rule("True food colours.", unless="pre-edited not-pre-edited style"),
    Rule("Styled as for a good cookbook.", when="open"),
)

_NEAR = "macro tight full-plate hero-shot detail"

FREE = (
    Rule("placement in the picture", when="things", unless=_NEAR),
    Rule("depth of field", when="things", unless="macro"),
    Rule("light", when="things", unless="pre-edited not-pre-edited style series"),
    Rule("camera position", when="things", unless="angle-ordered"),
    Rule("whatever the client leaves open", when="open"),
)

LIGHT = (
    Rule("light from the left", unless="not-pre-edited series"),
    Rule("light from the right", unless="not-pre-edited series"),
    Rule("light from across the table", unless="not-pre-edited series"),
    Rule("low light raking over the table", unless="not-pre-edited series"),
    Rule("a broad, soft light with gentle shadows", unless="not-pre-edited style series"),
    Rule("a clear contrast of light and shadow", unless="not-pre-edited style series"),
)

SURFACE = (
    Rule("light wood below", when="things", unless="background style series"),
    Rule("pale linen below", when="things", unless="background style series"),
    Rule("dark stone below", when="things", unless="background style series"),
    Rule("a matte plaster-coloured surface below", when="things", unless="background style series"),
    Rule("weathered oak below", when="things", unless="background style series"),
)

FOCUS = (
    Rule("the focus on the front edge", unless="overhead macro"),
    Rule("the focus on the heart of {subject}"),
    Rule("the focus a touch above the middle"),
    Rule("the focus a touch below the middle"),
    Rule("a slightly softer falloff of sharpness"),
)

PATH = ProductionPath(
    name="eats",
    categories=CATEGORIES,
    untyped="dishes",
    angles=ANGLES,
    shots=SHOTS,
    pre_edited_stays_near=True,
    brief=BriefRules(
        picture="photograph",
        subject=SUBJECT,
        medium=MEDIUM,
        angle=ANGLE,
        framing=FRAMING,
        cast=CAST,
        mood="Mood: generous, fresh, just served.",
        scene=SCENE,
        kept=KEPT,
        craft=CRAFT,
        free=FREE,
        variations=(LIGHT, SURFACE, photo.placement(near=_NEAR, formal="profile"), FOCUS),
    ),
)
