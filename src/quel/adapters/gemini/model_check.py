"""Whether the provider knows the model and takes the key: what `quel doctor` shows."""

from dataclasses import dataclass
from enum import StrEnum

from quel.adapters.gemini.error_answer import HttpAnswer, is_googles, judge_error
from quel.adapters.gemini.wire import error_in, objects_in
from quel.core.outcome import Outcome, Refused, Stalled, Wait


class ModelState(StrEnum):
    """How asking the provider for the model went."""

    OK = "ok"
    UNKNOWN_MODEL = "unknown_model"
    KEY_REFUSED = "key_refused"
    STALLED = "stalled"
    UNTOLD = "untold"
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


def judge_model(answer: HttpAnswer, model_id: str, secrets: tuple[str, ...] = ()) -> ModelCheck:
    """Reads the answer to the question for a model, which describes it as a JSON object.

    That a gateway does not route the question (404 or 405 in a shape that is not Google's) says nothing of
    whether it makes images.
    """
    if answer.status in (404, 405) and not is_googles(answer):
        return ModelCheck(
            ModelState.UNTOLD,
            f"What answers at GEMINI_BASE_URL does not route the question for a model ({answer.status}): "
            "whether it makes images only an image will tell.",
        )
    try:
        objects = objects_in(answer.body)
    except ValueError:
        objects = ()
    if not answer.is_success or error_in(objects) is not None:
        return failed_check(judge_error(answer, model_id, secrets))
    return ModelCheck(ModelState.OK, f"Gemini knows {model_id}.") if objects else NOT_GEMINI


def failed_check(outcome: Outcome) -> ModelCheck:
    """Reads what a question that was not answered came to."""
    match outcome:
        case Refused("unknown_model", message):
            return ModelCheck(ModelState.UNKNOWN_MODEL, message)
        case Refused("redirected", message):
            return ModelCheck(ModelState.UNREACHABLE, message)
        case Refused(_, message, account=True):
            return ModelCheck(ModelState.KEY_REFUSED, message)
        case Stalled(fault):
            return ModelCheck(ModelState.STALLED, fault.sentence)
        case Wait():
            return ModelCheck(ModelState.OK, "Gemini knows the key; its quota is used up for now.")
        case _:
            return ModelCheck(ModelState.UNREACHABLE, getattr(outcome, "message", "Gemini did not answer."))


NOT_GEMINI = ModelCheck(ModelState.UNREACHABLE, "What answers at GEMINI_BASE_URL is not Gemini.")
