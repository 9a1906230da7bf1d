"""What the photographic paths share: words for camera and crop, how an angle shows people and things, the
place, and what a photographer would vary.
"""

from quel.core.prompting.rules import Category, Keep, Kind, Rule, Rules, Vocabulary

BACKGROUND = Category(
    name="background",
    kind=Kind.PLACE,
    types=("background", "bg"),
    one="location",
    many="locations",
    note="its people left out",
    at_most=1,
    keep=Keep.LAST,
)

MODEL = Category(
    name="model",
    kind=Kind.PEOPLE,
    types=("model",),
    one="model",
    many="models",
    at_most=1,
    keep=Keep.LAST,
)

ANGLES = Vocabulary(
    {
        "front": ("frontal", "facing", "face on", "head on", "straight on", "eye level", "from the front"),
        "side": ("side profile", "lateral", "90 degree", "90 degrees", "from the side"),
        "profile": ("portrait", "formal", "formal portrait", "frontal portrait", "profile photo"),
        "back": ("rear", "behind", "from behind", "from the back", "back side", "turned away"),
        "three-quarter": ("3/4", "three quarters", "45", "45 degree", "45 degrees", "45°"),
        "low-angle": ("low", "from below", "worm's eye", "looking up"),
        "high-angle": ("high", "from above", "looking down"),
        "overhead": ("top", "top down", "bird's eye", "straight down", "aerial"),
        "flat-lay": ("flat", "knolling", "laid out"),
    }
)

SHOTS = Vocabulary(
    {
        "tight": (
            "close",
            "close up",
            "head",
            "face",
            "bust",
            "portrait",
            "head and shoulders",
            "upper chest",
        ),
        "middle": ("medium", "mid", "half", "half body", "cowboy", "american", "3/4", "three quarter"),
        "full": ("full body", "full length", "full figure", "whole body", "head to toe"),
        "wide": ("long", "very wide", "extreme wide", "extreme long", "establishing", "environmental"),
    }
)

PERSON_ANGLE: Rules = (
    Rule(
        "facing the camera at eye level with eye contact",
        when="people front",
        gives_way=" unless asked otherwise",
    ),
    Rule("in true 90° side profile", when="people side"),
    # A place that is shown is as calm as it is.
    Rule("a formal frontal portrait", when="people profile pose background"),
    Rule("a formal frontal portrait, shoulders level", when="people profile background"),
    Rule("a formal frontal portrait before a calm background", when="people profile pose"),
    Rule("a formal frontal portrait, shoulders level, calm background", when="people profile"),
    Rule("turned away from the camera, the face out of sight", when="people back"),
    Rule("turned by about 45° from the camera", when="people three-quarter"),
    Rule("lying on a surface, seen from straight above", when="people flat-lay"),
)

THINGS_ANGLE: Rules = (
    Rule("straight on, the front side towards the lens", when="things front"),
    Rule("from the side at exactly 90°", when="things side"),
    Rule("in a formal front view, upright", when="things profile background"),
    Rule("in a formal front view, upright before a calm background", when="things profile"),
    Rule("the reverse side towards the lens", when="things back"),
    Rule("turned by about 45° so that front and one side show", when="things three-quarter"),
    Rule(
        "a flat lay, everything laid out on one surface and seen from straight above", when="things flat-lay"
    ),
)

OPEN_ANGLE: Rules = (
    Rule("from the front at eye level", when="front"),
    Rule("from the side at exactly 90°", when="side"),
    Rule("a formal frontal view", when="profile background"),
    Rule("a formal frontal view before a calm background", when="profile"),
    Rule("from behind, any face turned away", when="back"),
    Rule("at a three-quarter angle of about 45°", when="three-quarter"),
    Rule("from a low camera looking up", when="low-angle"),
    Rule("from a raised camera looking down", when="high-angle"),
    Rule("from straight above", when="overhead"),
    Rule("a flat lay seen from straight above", when="flat-lay"),
)

WIDE = Rule(
    "in a wide shot of the place, the figure a quarter to a third of the height",
    when="people wide",
)

THINGS_FRAMING: Rules = (
    Rule("close on {subject}, filling the picture", when="things tight"),
    Rule("all of {subject} with a moderate margin", when="things middle"),
    Rule("all of {subject} with generous space around", when="things full"),
    Rule("in a wide shot, {subject} small in a telling place", when="things wide"),
)

OPEN_FRAMING: Rules = (
    Rule("close on the subject, of anyone in it head and shoulders", when="tight"),
    Rule("at medium distance, anyone in it from head to mid-thigh", when="middle"),
    Rule("the whole subject, anyone in it from head to toe", when="full"),
    Rule("in a wide shot, the subject small in its place", when="wide"),
)

SET_IN: Rules = (
    # Where a style is shown, light is its matter; from straight above only the ground is seen.
    Rule(
        "in a fresh view of the place of {background_at} with its architecture, mood and light",
        when="background",
        unless="overhead flat-lay style",
        gives_way=" unless asked otherwise",
    ),
    Rule(
        "in a fresh view of the place of {background_at} with its architecture and mood",
        when="background style",
        unless="overhead flat-lay",
    ),
    Rule("on the ground of the place of {background_at}", when="background overhead"),
    Rule("on a surface from the place of {background_at}", when="background flat-lay"),
)

FREE: Rules = (
    Rule("pose", when="people", unless="pose profile"),
    Rule("expression", when="people", unless="back unknown-angle"),
    Rule("the exact moment", when="people"),
    Rule("arrangement", when="things", unless="pose"),
    Rule("placement in the picture", when="things", unless="tight"),
    Rule("light", unless="background style open series"),
    Rule("camera position", unless="angle-ordered open"),
    Rule("whatever the client leaves open", when="open"),
)

LIGHT: Rules = (
    # Directions only: they go with any place and style, which give the kind of light.
    Rule("key light from the left", unless="series"),
    Rule("key light from the right", unless="series"),
    Rule("light from behind, a fine rim along the edges", unless="series"),
    Rule("key light from high above", unless="series"),
    Rule("low, raking light", unless="series"),
)


def placement(*, near: str = "", formal: str = "") -> Rules:
    """Where the subject stands. What fills the picture, by one of the facts `near`, stands on no third of it,
    nor does what is shown formally.
    """
    return (
        Rule("{subject} in the centre"),
        Rule("{subject} on the left third", unless=f"{near} {formal}"),
        Rule("{subject} on the right third", unless=f"{near} {formal}"),
        *(
            Rule(f"cropped a touch {how}", when=fact, unless=" ".join(near.split()[:number]))
            for how in ("closer", "looser")
            for number, fact in enumerate(near.split())
        ),
    )
