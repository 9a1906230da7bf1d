"""Eats: the customer's dish exactly as it is, photographed as food photographers do."""

from quel.core.prompting import photography as photo
from quel.core.prompting.rules import Category, Keep, Kind, ProductionPath, PromptRules, Rule, Vocabulary

CATEGORIES = (
    Category(
        name="background",
        kind=Kind.PLACE,
        types=("background", "bg"),
        one="location",
        many="locations",
        note="anyone seen there stays out",
        at_most=1,
        keep=Keep.LAST,
    ),
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
        one="ingredient or side",
        many="ingredients or sides",
    ),
    Category(
        name="props",
        kind=Kind.ITEMS,
        types=("prop", "topping", "garnish", "acce", "accessory"),
        one="prop or topping",
        many="props or toppings",
    ),
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
    }
)

TASK = (
    Rule("Make one single food photograph of advertising quality that uses {references}.", when="dishes"),
    Rule("Make one single food still-life photograph that uses {references}.", when="things"),
    Rule(
        "Make one single new food photograph from the description; there are no references.", when="text-only"
    ),
    Rule("Make one single food photograph that plays in the place of {references}.", when="background"),
)

SUBJECT = (
    Rule("the dishes", when="several-dishes"),
    Rule("the dish", when="dishes"),
    Rule("the arrangement", when="things"),
    Rule("the food"),
)

ANGLE = (
    Rule("front. Just above the height of the table, straight towards the front of {subject}.", when="front"),
    Rule("side. At table height from the side, so that height and layers of {subject} show.", when="side"),
    Rule(
        "profile. At the exact height of the table: a clear outline of {subject} before a calm background.",
        when="profile",
    ),
    Rule("back. Just above the height of the table, towards the far side of {subject}.", when="back"),
    Rule(
        "overhead. The camera looks straight down on {subject}, the picture parallel to the table top, "
        "no horizon.",
        when="overhead",
    ),
    Rule("45-degree. Looking down at about 45° on {subject}, as a seated guest does.", when="45-degree"),
    Rule(
        "macro. A macro lens very near the surface of {subject}: crisp texture, very shallow depth of field.",
        when="macro",
    ),
)

FRAMING = (
    # Macro and a wide crop exclude each other; the customer chose macro, so the crop gives way.
    Rule('in the customer\'s own words, "{shot}", as far as a macro view allows.', when="macro unknown-shot"),
    Rule(
        "one telling part of {subject} takes most of the picture, as near as the macro lens demands.",
        when="macro",
    ),
    Rule("tight. Close on {subject}, which may run out of the picture at the sides.", when="tight"),
    Rule("middle. All of {subject} with a strip of the table around.", when="middle"),
    Rule("full. All of {subject}, large, with a little air on every side.", when="full"),
    Rule(
        "full plate. The whole plate or bowl from rim to rim, with a narrow margin.",
        when="full-plate dishes",
        unless="several-dishes",
    ),
    Rule("full plate. All of {subject} from end to end, with a narrow margin.", when="full-plate"),
    Rule(
        "hero shot. About two thirds of the picture for {subject}, everything else steps back.",
        when="hero-shot",
    ),
    Rule("detail. One telling part of {subject} takes most of the picture.", when="detail"),
    Rule("context. A wider view of the table, with {subject} still large in its midst.", when="context"),
)

MUST = (
    # Where it happens: from straight above or very near only the surface of a place can be seen.
    Rule(
        "Of the place in {background} only the surface under {subject} shows, in its material and mood.",
        when="background overhead",
    ),
    Rule(
        "The place in {background} appears only as soft shapes and colours behind the focus.",
        when="background macro",
    ),
    Rule(
        "The place in {background} gives mood, materials and architecture: show a fresh view of it, not a "
        "copy of that image, with {subject} really standing in it.",
        when="background",
        unless="overhead macro",
    ),
    Rule(
        "Setting: a simple table surface that suits {subject}, unless the wishes name a place.",
        when="things",
        unless="background",
    ),
    # The food.
    Rule(
        "What {dishes} shows stays exactly as shown: components, portion, arrangement, colours, tableware.",
        when="dishes",
        unless="props",
    ),
    Rule(
        "What {dishes} shows stays exactly as shown, but for what {props} adds: components, portion, "
        "arrangement, colours, tableware.",
        when="dishes props",
    ),
    Rule("Large and the sharpest thing in the picture: {subject}.", when="dishes"),
    Rule("One dish only, no second serving.", when="dishes", unless="several-dishes"),
    Rule(
        "Exactly {dishes_count}, each once.", when="several-dishes", unless="tight detail macro unknown-shot"
    ),
    Rule(
        "What {ingredients} shows stays just as shown, beside {subject}, set apart.",
        when="dishes ingredients",
    ),
    Rule(
        "What {ingredients} shows stays just as shown: kind, cut, colour and amount.",
        when="ingredients",
        unless="dishes",
    ),
    Rule(
        "What {props} shows goes where it belongs: tableware beside the food, toppings and garnish on it.",
        when="dishes props",
    ),
    Rule(
        "What {props} shows stays just as shown, placed so that it fits in naturally.",
        when="props",
        unless="dishes",
    ),
    Rule(
        "The other items stay recognisable around the focus, however soft.",
        when="several-items macro",
    ),
    Rule(
        "The other items stay recognisable around the focus, however soft.",
        when="several-items detail",
        unless="macro",
    ),
    # The finish.
    Rule("True food colours in natural light.", unless="pre-edited not-pre-edited"),
    Rule("Styled like a page of a good cookbook.", when="open"),
    Rule("Premium editorial finish: fresh, appetising texture in warm natural light.", when="pre-edited"),
    Rule(
        "Stay faithful to how {dishes} looks: colours, texture and kind of light; all else takes on that "
        "light.",
        when="dishes not-pre-edited",
    ),
    Rule(
        "Stay faithful to the look of the reference photographs: their colours, texture and kind of light.",
        when="things not-pre-edited",
        unless="dishes",
    ),
)

MUST_NOT = (
    Rule(
        "Nothing added to {subject} that the references do not show: no other garnish, sauce, side or steam.",
        when="things",
    ),
    Rule("No change of recipe, portion or plating.", when="dishes", unless="props"),
    Rule("No change of recipe, portion or plating beyond what {props} adds.", when="dishes props"),
    Rule("No artificial, waxy or plastic-looking food."),
)

SURFACE = (
    Rule("light wood below", when="things", unless="background"),
    Rule("pale linen below", when="things", unless="background"),
    Rule("dark stone below", when="things", unless="background"),
    Rule("a matte plaster-coloured surface below", when="things", unless="background"),
    Rule("weathered oak below", when="things", unless="background"),
)

WARM_LIGHT = (
    Rule("the main light coming from the left", unless="not-pre-edited"),
    Rule("the main light coming from the right", unless="not-pre-edited"),
    Rule("a broad, soft light with gentle shadows", unless="not-pre-edited"),
    Rule("the main light coming from the far side of the table", unless="not-pre-edited"),
    Rule("a clearer contrast of light and shadow", unless="not-pre-edited"),
)

FOCUS = (
    Rule("a slightly softer falloff of sharpness"),
    Rule("a slightly deeper zone of sharpness", unless="macro"),
    # Up and down only: left and right belong to the composition.
    Rule("the focus a touch above the middle"),
    Rule("the focus a touch below the middle"),
)

PATH = ProductionPath(
    name="eats",
    categories=CATEGORIES,
    untyped="dishes",
    angles=ANGLES,
    shots=SHOTS,
    pre_edited_stays_near=True,
    prompt=PromptRules(
        picture="photograph",
        task=TASK,
        subject=SUBJECT,
        angle=ANGLE,
        framing=FRAMING,
        must=MUST,
        must_not=MUST_NOT,
        variations=(photo.COMPOSITION, WARM_LIGHT, SURFACE, FOCUS),
    ),
)
