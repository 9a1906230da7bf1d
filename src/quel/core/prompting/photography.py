"""What the photographic paths share: words for camera and crop, how an angle shows people and things,
and the light and composition a photographer would vary.
"""

from quel.core.prompting.rules import Category, Keep, Kind, Rule, Rules, Vocabulary

BACKGROUND = Category(
    name="background",
    kind=Kind.PLACE,
    types=("background", "bg"),
    one="location",
    many="locations",
    note="anyone seen there stays out",
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
        "full": ("full body", "full length", "full figure", "whole body", "head to toe", "long", "wide"),
    }
)

PERSON_ANGLE: Rules = (
    Rule(
        "front. Lens at eye level; the model faces the camera squarely and holds eye contact.",
        when="people front",
    ),
    Rule(
        "side. The model at exactly 90°, a true side profile, gaze along the picture plane.",
        when="people side",
    ),
    Rule(
        "formal frontal portrait. Shoulders level, bearing composed, the background kept calm.",
        when="people profile",
    ),
    Rule(
        "back. The model is turned away and seen from behind, no part of the face.",
        when="people back",
    ),
)

THINGS_ANGLE: Rules = (
    Rule("front. Straight on at the height of {subject}, front side towards the lens.", when="things front"),
    Rule("side. Lens at exactly 90° to the front of {subject}.", when="things side"),
    Rule(
        "formal front view. Straight on, {subject} upright before a calm background.",
        when="things profile",
    ),
    Rule("back. The reverse side of {subject} towards the lens.", when="things back"),
)

OPEN_ANGLE: Rules = (
    Rule("front. The subject straight on; anyone in it faces the camera with eye contact.", when="front"),
    Rule("side. The subject at exactly 90°; anyone in it in true side profile.", when="side"),
    Rule(
        "formal front view before a calm background; anyone in it as in a formal frontal portrait.",
        when="profile",
    ),
    Rule("back. The subject from behind; anyone in it turned away, no part of the face.", when="back"),
)

THINGS_FRAMING: Rules = (
    Rule(
        "tight. The picture filled with {subject}, hardly any margin, nothing cropped.", when="things tight"
    ),
    Rule("middle. All of {subject} with a moderate margin.", when="things middle"),
    Rule("full. All of {subject} with generous space around.", when="things full"),
)

OPEN_FRAMING: Rules = (
    Rule(
        "tight. Close on the subject; of anyone in it only head, shoulders and upper chest or back.",
        when="tight",
    ),
    Rule("middle. The subject at medium distance; anyone in it from the head to mid-thigh.", when="middle"),
    Rule("full. The whole subject; anyone in it from head to toe.", when="full"),
)

FRESH_VIEW = (
    "The place in {background} gives mood, architecture and light: show a fresh view of it, not a copy. "
)

THINGS_PLACE = Rule(
    FRESH_VIEW + "On a real surface there, with contact shadows: {subject}.", when="things background"
)
OPEN_PLACE = Rule(FRESH_VIEW + "What the wishes describe is really there.", when="open background")

LIGHT: Rules = (
    # A place that is shown gives the kind of light: then only its direction is free.
    Rule("the main light coming from the left"),
    Rule("the main light coming from the right"),
    Rule("a broad, soft light with gentle shadows", unless="background"),
    Rule("a fine rim of light from behind"),
    Rule("a clearer contrast of light and shadow", unless="background"),
)

COMPOSITION: Rules = (
    # Sideways and in rhythm only: distance and height belong to camera angle and framing.
    Rule("the visual weight in the centre"),
    Rule("the visual weight slightly left of the centre"),
    Rule("the visual weight slightly right of the centre"),
    Rule("a gentle diagonal leading through the composition"),
    Rule("a calm, even balance of both halves"),
)
