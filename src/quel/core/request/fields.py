"""One JSON object of the input, read key by key; what cannot be read is noted under its full key."""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from quel.core.aspect import AspectRatio
from quel.core.job import Problem
from quel.core.models import SIZES
from quel.core.request import values

T = TypeVar("T")


class Fields:
    """The keys of one object. Unknown keys are never looked at; `problems` is shared by all objects."""

    def __init__(self, data: Mapping[str, object], problems: list[Problem], where: str = "") -> None:
        self._data = data
        self._problems = problems
        self._where = where

    def key(self, name: str) -> str:
        """The full key of `name`, for messages: `stages[1].quantity`."""
        return f"{self._where}.{name}" if self._where else name

    def inner(self, where: str, data: Mapping[str, object]) -> "Fields":
        """An object inside this one; `where` is its full key."""
        return Fields(data, self._problems, where)

    def value(self, name: str) -> object:
        """The value as it stands, None where there is none."""
        return self._data.get(name)

    def text(self, *names: str) -> str | None:
        """The first of these keys that holds words; None where none does."""
        for name in names:
            read = values.plain_text(self.value(name))
            if read is None and not values.is_nothing(self.value(name)):
                self._note(name, f"must be text, but it is {values.kind_of(self.value(name))}")
            if read:
                return read
        return None

    def quantity(self, name: str) -> int | None:
        """A whole number of 0 or more; None where the key is missing or null.

        Nothing else stands for a missing quantity, as quantities cost money.
        """
        count = values.whole_count(self.value(name))
        if count is None and self.value(name) is not None:
            self._note(
                name, f"must be a whole number of 0 or more, but it is {values.shown(self.value(name))}"
            )
        return count

    def number(self, name: str) -> int | float | None:
        """Any number; None where the key says nothing."""
        return self._read(name, values.number, "a number")

    def flag(self, name: str) -> bool | None:
        """True or false; None where the key says nothing."""
        return self._read(name, values.flag, "true or false")

    def aspect_ratio(self) -> AspectRatio | None:
        """The ratio under the first spelling of the key that can be read."""
        return values.aspect_ratio(self.value("aspect-ratio")) or values.aspect_ratio(
            self.value("aspectRatio")
        )

    def image_size(self) -> str | None:
        """The class of output size; None where the key says nothing."""
        return self._read("imageSize", values.image_size, f"one of {', '.join(SIZES)}")

    def entries(self, name: str) -> Iterator[tuple[str, object]]:
        """The entries of a list with their keys: nested lists are one list, and nulls say nothing.

        What is no list is the only entry of one. An index counts all entries of the flattened list.
        """
        value = self.value(name)
        if values.is_nothing(value):
            return
        if not isinstance(value, list):
            yield self.key(name), value
            return
        for index, entry in enumerate(_flattened(value)):
            if entry is not None:
                yield f"{self.key(name)}[{index}]", entry

    def objects(self, name: str) -> "list[Fields]":
        """The entries of a list of objects; an entry that is none is noted, its content is not quoted."""
        found = []
        for where, entry in self.entries(name):
            if isinstance(entry, dict):
                found.append(self.inner(where, entry))
            else:
                message = f"{where} must be an object, but it is {values.kind_of(entry)}."
                self._problems.append(Problem(where, message))
        return found

    def _read(self, name: str, reader: Callable[[object], T | None], wanted: str) -> T | None:
        value = self.value(name)
        read = reader(value)
        if read is None and not values.is_nothing(value):
            self._note(name, f"must be {wanted}, but it is {values.shown(value)}")
        return read

    def _note(self, name: str, fault: str) -> None:
        self._problems.append(Problem(self.key(name), f"{self.key(name)} {fault}."))


def _flattened(nested: list[object]) -> Iterator[object]:
    # A loop, since a hostile input nests deeper than Python recurses.
    pending = [iter(nested)]
    while pending:
        for entry in pending[-1]:
            if isinstance(entry, list):
                pending.append(iter(entry))
                break
            yield entry
        else:
            pending.pop()
