"""What every prompt says, whatever the path: the rules that follow a path's own.

The angle and framing rules here come last and catch what a path has no word for; the fixed sentences
belong to the frame of a prompt and hold in every situation.
"""

from quel.core.prompting.rules import Rule, Rules

ANGLE: Rules = (Rule('in the customer\'s own words, "{angle}".', when="unknown-angle"),)
FRAMING: Rules = (Rule('in the customer\'s own words, "{shot}".', when="unknown-shot"),)
FX: Rules = (Rule('in the customer\'s own words, "{fx}".', when="unknown-fx"),)

MUST: Rules = (
    Rule(
        "Keep the face and proportions of {people_named} exactly as shown: features, colouring, hair and "
        "build.",
        when="people",
        unless="back unknown-angle",
    ),
    Rule(
        "Keep the hair, build and proportions of {people_named} exactly as shown; "
        "from behind, they alone carry the likeness.",
        when="people back",
    ),
    Rule(
        "Keep the hair, build and proportions of {people_named} exactly as shown, "
        "and the face wherever this angle lets it be seen.",
        when="people unknown-angle",
    ),
    Rule("One scene, one light: direction, colour and softness of light and shadow agree on everything."),
)

MUST_NOT: Rules = (
    Rule("No collage, grid, split screen or panels: one single {picture} of one moment."),
    Rule("No borders, frames or bars."),
    Rule(
        "No lettering, logo or watermark that neither the references show nor the wishes ask for.",
        unless="text-only",
    ),
    Rule("No lettering, logo or watermark that the wishes do not ask for.", when="text-only"),
)

SHEET = "A contact sheet only gathers separate references, one a cell; it is no layout to copy."

WISHES = (
    "The customer's wishes for style and content, in their own words. Honour them and keep their language; "
    "on angle, crop, aspect ratio and number of pictures the lines outside the quotation marks hold."
)

VARIATION = "Unlike the other takes, and where the wishes leave it open, this one has: {hints}."
