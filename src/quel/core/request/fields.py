"""One JSON object of the input, read key by key; what cannot be read is noted under its full key."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from quel.core.aspect import AspectRatio
from quel.core.job import Problem, Replaced
from quel.core.models import SIZES
from quel.core.request import values
from quel.core.request.decode import read_once_more
from quel.core.request.spelling import Spellings

T = TypeVar("T")


@dataclass
class Findings:
    """What was found while reading: why the input cannot be run, and what defaults stand for."""

    problems: list[Problem] = field(default_factory=list)
    replaced: list[Replaced] = field(default_factory=list)


class Fields:
    """The keys of one object in any spelling. Unknown keys are never looked at; all share `findings`."""

    def __init__(self, data: Mapping[str, object], findings: Findings, where: str = "") -> None:
        self._data = data
        self._spellings = Spellings(data)
        self._findings = findings
        self._where = where

    def key(self, name: str) -> str:
        """The full key of `name`, for messages, as the input spells it: `stages[1].quantity`."""
        spelled = self._spelled(name)
        return f"{self._where}.{spelled}" if self._where else spelled

    def inner(self, where: str, data: Mapping[str, object]) -> "Fields":
        """An object inside this one; `where` is its full key."""
        return Fields(data, self._findings, where)

    def value(self, name: str) -> object:
        """The value as it stands, None where there is none."""
        return self._data.get(self._spelled(name))

    def _spelled(self, name: str) -> str:
        """The key that stands for `name`: the first that says something, else the first there is."""
        keys = self._spellings.of(name)
        telling = (key for key in keys if not values.is_nothing(self._data[key]))
        return next(telling, keys[0] if keys else name)

    def text(self, *names: str) -> str | None:
        """The first of these keys that holds words; None where none does."""
        return self._text(names, self.value)

    def label(self, *names: str) -> str | None:
        """As `text`, for a word that may stand in a list of one: `["front"]`."""
        return self._text(names, lambda name: values.only(self.value(name)))

    def _text(self, names: tuple[str, ...], value_of: Callable[[str], object]) -> str | None:
        for name in names:
            value = value_of(name)
            read = values.plain_text(value)
            if read is None and not values.is_nothing(value):
                self._note(name, f"must be text, but it is {values.kind_of(value)}")
            if read:
                return read
        return None

    def quantity(self, name: str) -> int | None:
        """A whole number of 0 or more; None where the key is missing, null or blank.

        Nothing else stands for a missing quantity, as quantities cost money.
        """
        value = self.value(name)
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        count = values.whole_count(value)
        if count is None:
            self._note(name, f"must be a whole number of 0 or more, but it is {values.shown(value)}")
        return count

    def number(self, name: str) -> int | float | None:
        """Any number; None where the key says nothing."""
        return self._read(name, values.number, "a number")

    def flag(self, name: str) -> bool | None:
        """True or false; None where the key says nothing."""
        return self._read(name, values.flag, "true or false")

    def aspect_ratio(self, default: AspectRatio) -> AspectRatio:
        """The ratio under the first key that can be read, else the default: noted where one was given."""
        for key in self._spellings.of("aspect-ratio"):
            ratio = values.aspect_ratio(self._data[key])
            if ratio is not None:
                return ratio
        self.replace("aspect-ratio", "an aspect ratio", str(default))
        return default

    def attach_id(self, *names: str) -> int | None:
        """The attachment's id under the first of these keys that says something; None where it is no id."""
        given = (self.value(name) for name in names)
        return values.attach_id(next((value for value in given if not values.is_nothing(value)), None))

    def replace(self, name: str, wanted: str, used: str) -> None:
        """Notes that `used` stands for what `name` says, unless it says nothing."""
        value = self.value(name)
        if not values.is_nothing(value):
            key = self.key(name)
            message = f"{key} cannot be read as {wanted} (it is {values.shown(value)}): {used} was used."
            self._findings.replaced.append(Replaced(key, message))

    def fault(self, name: str, sentence: str) -> None:
        """Notes why the input cannot be run: a sentence that names the key."""
        self._findings.problems.append(Problem(self.key(name), sentence))

    def remark(self, name: str, sentence: str) -> None:
        """Notes what the job goes on without."""
        self._findings.replaced.append(Replaced(self.key(name), sentence))

    def image_size(self) -> str | None:
        """The class of output size; None where the key says nothing."""
        return self._read("imageSize", values.image_size, f"one of {', '.join(SIZES)}")

    def entries(self, name: str) -> Iterator[tuple[str, object]]:
        """The entries of a list with their keys: nested lists are one list, and nulls say nothing.

        A list or an entry may stand as JSON text. What is no list is the only entry of one. An index counts
        all entries of the flattened list.
        """
        value = read_once_more(self.value(name))
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
                self._findings.problems.append(Problem(where, message))
        return found

    def _read(self, name: str, reader: Callable[[object], T | None], wanted: str) -> T | None:
        value = self.value(name)
        read = reader(value)
        if read is None and not values.is_nothing(value):
            self._note(name, f"must be {wanted}, but it is {values.shown(value)}")
        return read

    def _note(self, name: str, fault: str) -> None:
        self._findings.problems.append(Problem(self.key(name), f"{self.key(name)} {fault}."))


def _flattened(nested: list[object]) -> Iterator[object]:
    # A loop, since a hostile input nests deeper than Python recurses.
    pending = [iter(nested)]
    while pending:
        for written in pending[-1]:
            entry = read_once_more(written)
            if isinstance(entry, list):
                pending.append(iter(entry))
                break
            yield entry
        else:
            pending.pop()
