"""What every brief says, whatever the path: words no vocabulary has, likeness, and the closing sentence."""

from quel.core.prompting.rules import Rule, Rules

ANGLE: Rules = (Rule("at the client's camera angle “{angle}”", when="unknown-angle"),)
FRAMING: Rules = (Rule("in the client's framing “{shot}”", when="unknown-shot"),)
FX: Rules = (Rule("with the effect “{fx}”", when="unknown-fx"),)

LIKENESS: Rules = (
    # Hair is kept in its colour only: how it is worn is the client's.
    Rule("face, hair colour, proportions and build of {people}", when="people", unless="back unknown-angle"),
    Rule("hair colour, proportions and build of {people}", when="people back"),
    Rule(
        "hair colour, proportions, build and visible face of {people}",
        when="people unknown-angle",
    ),
)

ITEMS_IN_SHORT: Rules = (
    Rule("{items_named}", when="one-item"),
    Rule("{items_named}", when="several-items"),
)

WISHES = "Art direction from the client:"
AVOID = "Avoid:"
FREE, OTHERWISE_FREE = "Free:", "Otherwise free:"
CHANGES = ", save the client's changes"
TAKEN_OVER = "Taken over:"
HINTS = "Where left open:"

CLOSING: Rules = (
    Rule("all references together in one light", when="several-references"),
    Rule("everything in one light", unless="several-references"),
)
EDGE_TO_EDGE: Rules = (
    Rule("edge to edge, lettering only as asked.", when="text-only"),
    Rule("edge to edge, lettering only as shown or asked.", unless="text-only"),
)
