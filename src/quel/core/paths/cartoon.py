"""Cartoon: the given characters, drawn in one illustration style."""

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
    ),
)

ANGLES = Vocabulary(
    {
        "front": ("frontal", "facing", "face on", "head on", "straight on", "eye level", "from the front"),
        "three-quarter": ("3/4", "three quarters", "45", "45 degree", "45 degrees"),
        "side": ("profile", "side profile", "lateral", "90 degree", "90 degrees", "from the side"),
        "low-angle": ("low", "from below", "worm's eye", "looking up"),
        "high-angle": ("high", "from above", "bird's eye", "looking down"),
    }
)

SHOTS = Vocabulary(
    {
        "portrait": ("tight", "close", "close up", "head", "face", "head and shoulders"),
        "bust": ("middle", "medium", "mid", "half", "half body", "upper body", "waist up", "chest up"),
        "full-body": ("full", "full length", "full figure", "whole body", "head to toe", "long", "wide"),
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

TASK = (
    Rule("Draw one single cartoon illustration that uses {references}.", unless="text-only"),
    Rule(
        "Draw one single new cartoon illustration from the description; there are no references.",
        when="text-only",
    ),
)

SUBJECT = (
    Rule("the character", when="one-person"),
    Rule("the characters", when="people"),
)

ANGLE = (
    Rule("front. Seen straight from the front at eye level, turned fully to the viewer.", when="front"),
    Rule(
        "three-quarter. Turned by about 45°, front and one side both showing, at eye level.",
        when="three-quarter",
    ),
    Rule("side. A true side view at exactly 90°, at eye level.", when="side"),
    Rule("low-angle. From well below eye level, looking up, for height and weight.", when="low-angle"),
    Rule("high-angle. From well above eye level, looking down at a slant.", when="high-angle"),
)

FRAMING = (
    Rule("portrait. Head and shoulders only.", when="one-person portrait"),
    Rule("portrait. Heads and shoulders only, {characters_count} inside.", when="characters portrait"),
    Rule(
        "bust. From the top of the head to below the chest, part of the arms inside.", when="one-person bust"
    ),
    Rule("bust. From head to below the chest, {characters_count} inside.", when="characters bust"),
    Rule("full body. Head to toe, feet and some ground inside.", when="one-person full-body"),
    Rule("full body. Head to toe, feet inside, {characters_count}.", when="characters full-body"),
    Rule("close on the subject; of any figure in it head and shoulders.", when="portrait"),
    Rule("the subject at medium distance; any figure in it down to below the chest.", when="bust"),
    Rule("the whole subject; any figure in it from head to toe.", when="full-body"),
)

FX = (
    Rule("none. A clean drawing without effect lines, bursts, glows or emotion marks.", when="fx:none"),
    Rule(
        "speed lines. Lines of motion along one direction, densest behind {subject}.", when="fx:speed-lines"
    ),
    Rule("impact. Sharp lines radiating from one point of impact at {subject}.", when="fx:impact"),
    Rule("aura. A glowing outline of energy around {subject}.", when="fx:aura"),
    Rule("emotion. Drawn emotion marks near {subject}, and a bearing that says the same.", when="fx:emotion"),
)

MUST = (
    Rule(
        "The scene is set in the place of {background}: its mood, architecture and light, drawn as a fresh "
        "view, not a copy.",
        when="background",
    ),
    Rule(
        "Setting: a simple drawn backdrop that the wishes describe or that suits the references.",
        unless="background text-only",
    ),
    Rule("Exactly one character.", when="one-person"),
    Rule("Exactly {characters_count}, each once.", when="several-characters"),
    Rule("Design, outfit and palette of {people_named} stay unchanged.", when="people", unless="props"),
    Rule(
        "Design and palette of {people_named} stay unchanged, and the outfit unless {props} shows a "
        "garment to wear instead.",
        when="people props",
    ),
    Rule(
        "What {props} shows is worn, held or at hand inside the framing, in its own shape and colours.",
        when="people props",
    ),
    Rule("What {props} shows is part of the scene, in its own shape and colours.", when="things props"),
    Rule("Figures appear only where the wishes call for them.", when="things"),
    Rule(
        "One illustration style for everything: the same line, colouring and shading. It follows the drawn "
        "references, otherwise the wishes; whatever a reference shows as a photo is redrawn in it.",
        unless="text-only",
    ),
    Rule(
        "One illustration style for everything: the same line, colouring and shading, as the wishes say.",
        when="text-only",
    ),
    Rule("Clear silhouettes, confident line work, readable shapes."),
)

MUST_NOT = (
    Rule("Never photographic: no photo texture, no real skin or cloth, no lens blur."),
    Rule("No further characters.", when="people"),
    Rule("No speech bubbles or sound words that the wishes do not ask for."),
)

POSE = (
    Rule("a lively, leaning pose", when="people", unless="portrait bust unknown-shot fx:emotion"),
    Rule(
        "a firm, planted stance", when="people", unless="portrait bust unknown-shot fx:emotion fx:speed-lines"
    ),
    Rule("a light, bouncing stance", when="people", unless="portrait bust unknown-shot fx:emotion"),
    Rule("one arm raised in a gesture", when="people", unless="portrait bust unknown-shot fx:emotion"),
    Rule(
        "a relaxed, casual stance",
        when="people",
        unless="portrait bust unknown-shot fx:emotion fx:speed-lines fx:impact",
    ),
    Rule("the chin slightly raised", when="people", unless="full-body fx:emotion"),
    Rule("the shoulders slightly lifted", when="people", unless="full-body fx:emotion"),
    Rule("the shoulders low and relaxed", when="people", unless="full-body fx:emotion"),
    Rule("a swing in the hair and outline", when="people", unless="full-body fx:emotion"),
    Rule("an upright, proud bearing", when="people", unless="full-body fx:emotion"),
)

EXPRESSION = (
    Rule("a confident look", when="people", unless="fx:emotion unknown-angle"),
    Rule("a cheerful look", when="people", unless="fx:emotion unknown-angle"),
    Rule("a curious look", when="people", unless="fx:emotion unknown-angle"),
    Rule("a determined look", when="people", unless="fx:emotion unknown-angle"),
    Rule("a calm look", when="people", unless="fx:emotion unknown-angle"),
)

SHADING = (
    Rule("the light coming from the left"),
    Rule("the light coming from the right"),
    Rule("the light coming from above"),
    Rule("an evenly lit scene", unless="background"),
    Rule("a fine rim of light along the outlines", unless="fx:none fx:aura"),
)

COMPOSITION = (
    Rule("the visual weight in the centre"),
    Rule("the visual weight slightly left of the centre"),
    Rule("the visual weight slightly right of the centre"),
    Rule("a dynamic diagonal through the composition"),
    Rule("a calm, even balance of both halves", unless="fx:speed-lines fx:impact"),
)

PATH = ProductionPath(
    name="cartoon",
    categories=CATEGORIES,
    untyped="props",
    angles=ANGLES,
    shots=SHOTS,
    fx=EFFECTS,
    prompt=PromptRules(
        picture="illustration",
        task=TASK,
        subject=SUBJECT,
        angle=ANGLE,
        framing=FRAMING,
        must=MUST,
        must_not=MUST_NOT,
        variations=(POSE, EXPRESSION, SHADING, COMPOSITION),
        fx=FX,
    ),
)
