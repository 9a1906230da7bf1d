"""References that say how a picture looks, in every path: their colours or posture, never their subjects."""

from quel.core.prompting.rules import Category, Keep, Kind, Rule, Rules

GUIDES = (
    Category(
        name="pose",
        kind=Kind.GUIDE,
        types=("pose",),
        one="pose",
        many="poses",
        note="posture only",
        at_most=1,
        keep=Keep.LAST,
    ),
    Category(
        name="style",
        kind=Kind.GUIDE,
        types=("style", "mood", "look"),
        one="style",
        many="styles",
        note="palette, light and grain only",
        at_most=3,
        small=True,
    ),
)

GUIDED: Rules = (
    Rule("posture as in {pose_at}", when="pose people"),
    Rule("turned and placed as in {pose_at}", when="pose things"),
    Rule("posture of whoever appears as in {pose_at}", when="pose open"),
    Rule("palette, light and grain as in {style_at}", when="style"),
)
"""After "Taken over:"; the labels say so, too, where words run short."""
