"""What only an operator can mend at the provider, while images wait: each fault with what to do.

Waiting alone mends none of these, and none is an image's own, so no image fails for it and no attempt is
counted. One call every `PROBE_EVERY_S` asks whether it has been mended.
"""

from enum import StrEnum

PROBE_EVERY_S = 60.0


class OperatorFault(StrEnum):
    """The fixed name of a fault: in logs, as a metric's label, as the circuit breaker's reason."""

    NO_QUOTA = "no_quota"
    SPENDING_CAP = "spending_cap"
    CREDITS_DEPLETED = "credits_depleted"
    BILLING_INACTIVE = "billing_inactive"
    REQUEST_FORMAT = "request_format"

    @property
    def sentence(self) -> str:
        """What is wrong and who mends it, for an operator."""
        return _SENTENCES[self]


_SENTENCES = {
    OperatorFault.NO_QUOTA: (
        "Gemini grants this project no calls of the model (limit 0): choose a plan that has it, or another "
        "GEMINI_MODEL."
    ),
    OperatorFault.SPENDING_CAP: (
        "The project's spending cap at Gemini is reached: raise it at Google, or wait for the next month."
    ),
    OperatorFault.CREDITS_DEPLETED: "The prepaid credits at Gemini are used up: buy new ones at Google.",
    OperatorFault.BILLING_INACTIVE: (
        "Billing of the project at Gemini is not in order: mend the payment at Google."
    ),
    OperatorFault.REQUEST_FORMAT: (
        "Gemini does not know a field that quel sends: set GEMINI_API_VERSION to v1beta, or install a quel "
        "that fits."
    ),
}


def operator_fault(reason: str | None) -> OperatorFault | None:
    """The fault a circuit breaker's reason names, None for every other reason."""
    return OperatorFault(reason) if reason in frozenset(OperatorFault) else None
