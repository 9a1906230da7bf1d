"""Whether the provider knows the model and takes the key: what `quel doctor` shows."""

import json
from dataclasses import dataclass
from enum import StrEnum

from quel.core.outcome import Outcome, Refused, Wait


class ModelState(StrEnum):
    """How asking the provider for the model went."""

    OK = "ok"
    UNKNOWN_MODEL = "unknown_model"
    KEY_REFUSED = "key_refused"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True)
class ModelCheck:
    """The state, and a sentence an operator can act on."""

    state: ModelState
    message: str

    @property
    def ok(self) -> bool:
        """Whether images can be expected."""
        return self.state is ModelState.OK


def failed_check(outcome: Outcome) -> ModelCheck:
    """Reads the outcome of a question that did not come back with 200."""
    match outcome:
        case Refused("unknown_model", message):
            return ModelCheck(ModelState.UNKNOWN_MODEL, message)
        case Refused("redirected", message):
            return ModelCheck(ModelState.UNREACHABLE, message)
        case Refused(_, message, account=True):
            return ModelCheck(ModelState.KEY_REFUSED, message)
        case Wait():
            return ModelCheck(ModelState.OK, "Gemini knows the key; its quota is used up for now.")
        case _:
            return ModelCheck(ModelState.UNREACHABLE, getattr(outcome, "message", "Gemini did not answer."))


def judge_model(body: bytes, model_id: str) -> ModelCheck:
    """Reads the answer 200 to the question for a model, which describes it as a JSON object."""
    try:
        known = isinstance(json.loads(body), dict)
    except ValueError:
        known = False
    return ModelCheck(ModelState.OK, f"Gemini knows {model_id}.") if known else NOT_GEMINI


NOT_GEMINI = ModelCheck(ModelState.UNREACHABLE, "What answers at GEMINI_BASE_URL is not Gemini.")
