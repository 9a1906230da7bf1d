"""Every error quel raises on purpose.

QuelError
├── ReferenceUnavailable   a reference cannot be had for good; the job goes on without it or fails
├── UnreadablePicture      an answer of the provider is no picture
├── TakeUnchecked          what a generated picture shows cannot be told; it is kept
├── StorageRefused         the bucket will not take an object, now or later
├── DatabaseError          PostgreSQL answered with an error that trying again will not mend
├── ServiceUnavailable     PostgreSQL, Redis, Storage or the provider did not answer; a later try may succeed
│   ├── Misconfigured      a neighbour refuses quel until an operator mends a setting, a key or a plan
│   ├── QuestionTooLong    PostgreSQL works and stopped a statement that took too long: ask for less
│   ├── RowLocked          somebody else holds a row; a moment later it is free
│   └── NoRoom             Redis would be left without the memory it needs for messages
├── SettingsError          a setting is missing or wrong; the message names it
└── Declined               an operator's wish that is not done; no row was changed
    ├── InvalidInput       what was given cannot be used, whatever stands in the rows
    │   └── KeyReused      a key for one request came with another one
    ├── NotFound           there is no such job, payer or dead letter
    ├── Forbidden          who asks may not do that
    ├── Unpayable          whoever would pay for it cannot
    │   └── NotEnoughCredits   there is an account, and what is free of it is not enough
    └── Conflict           what is there does not allow it, at least not now

A message is a sentence a customer-care person can act on and holds no secret, prompt or personal data.
"""


class QuelError(Exception):
    """The root: a message for people and a stable `code` for logs."""

    code = "quel_error"


class ReferenceUnavailable(QuelError):
    """A reference cannot be had, and trying again will not help."""

    code = "reference_unavailable"


class UnreadablePicture(QuelError):
    """Bytes that should be a picture are none."""

    code = "unreadable_picture"


class TakeUnchecked(QuelError):
    """Looking at a generated picture failed."""

    code = "take_unchecked"


class StorageRefused(QuelError):
    """The bucket refused an object for good."""

    code = "storage_refused"


class DatabaseError(QuelError):
    """A statement failed for good: a bug or a schema that does not fit. Only its SQLSTATE is told."""

    code = "database_refused"


class ServiceUnavailable(QuelError):
    """A neighbour did not answer; the same call may succeed later."""

    code = "neighbour_down"


class Misconfigured(ServiceUnavailable):
    """A neighbour answers and refuses quel itself: nothing a customer sent is at fault, and nothing is lost.

    What waits goes on when an operator has mended it. `fault` names the cause for logs and metrics.
    """

    code = "misconfigured"

    def __init__(self, message: str, *, fault: str = "refused") -> None:
        super().__init__(message)
        self.fault = fault


class QuestionTooLong(ServiceUnavailable):
    """PostgreSQL works and stopped a statement: it asked for more than can be answered in time."""

    code = "question_too_long"


class RowLocked(ServiceUnavailable):
    """A row was held by somebody else for longer than it was waited for."""

    code = "row_locked"


class NoRoom(ServiceUnavailable):
    """Redis takes no picture now: what is left is for messages and the front end's pushes."""

    code = "no_room"


class SettingsError(QuelError):
    """A setting is missing or cannot be read; the message names the variable or key."""

    code = "settings"


class Declined(QuelError):
    """What an operator asked for is not done, and no row was changed."""

    code = "declined"


class InvalidInput(Declined):
    """What was given cannot be used: another try needs other input."""

    code = "invalid_input"


class KeyReused(InvalidInput):
    """A key for one request came with another one."""

    code = "key_reused"


class NotFound(Declined):
    """What was named does not exist."""

    code = "not_found"


class Conflict(Declined):
    """What was named exists, and its state does not allow what was asked for. `code` says what of it."""

    def __init__(self, message: str, *, code: str = "conflict") -> None:
        super().__init__(message)
        self.code = code


class Forbidden(Declined):
    """Who asks may not do that."""

    code = "forbidden"


class Unpayable(Declined):
    """Whoever would pay for it cannot. `code` says why."""

    def __init__(self, message: str, *, code: str = "no_credit") -> None:
        super().__init__(message)
        self.code = code


class NotEnoughCredits(Unpayable):
    """The payer cannot pay: `required` credits, of which `available` are there and not held."""

    def __init__(self, required: int, available: int) -> None:
        super().__init__(f"Not enough credits: {required} are required, and {available} are available.")
        self.required, self.available = required, available
