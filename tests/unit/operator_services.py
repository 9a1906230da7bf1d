"""The neighbours of an operation in a test: those it is given, and none behind them."""

from typing import Any

from quel.core.pipeline import StepMessage
from quel.environment import read_settings
from quel.operations.services import OperatorServices


class GivenServices(OperatorServices):
    """Answers with the neighbours a test gives, keeps what is sent; any other one lacks its setting."""

    def __init__(self, *, unsent: str | None = None, environment: Any = None, **neighbours: Any) -> None:
        super().__init__(read_settings(environment or {}))
        self.__dict__ |= neighbours
        self.sent: list[StepMessage] = []
        self._unsent = unsent

    def check_redis(self) -> None:
        """Nothing is asked."""

    def send(self, messages: Any) -> str | None:
        """Keeps the messages, or says what the test gave as the reason why not."""
        self.sent += messages
        return self._unsent
