"""Reads what stands behind an option, and tells in a plain sentence what it may be."""

from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

import typer

E = TypeVar("E", bound=StrEnum)


def one_of(words: type[E]) -> Callable[[str], E]:
    """A reader of one of these words. It raises BadParameter (exit code 2) for any other."""

    def read(word: str) -> E:
        try:
            return words(word.strip().lower())
        except ValueError:
            raise typer.BadParameter(f'"{word}" is none of {", ".join(words)}.') from None

    return read


def read_id(word: str) -> UUID:
    """The id of an organization or a member. Raises BadParameter for what is none."""
    try:
        return UUID(word.strip())
    except ValueError:
        raise typer.BadParameter(f'"{word}" is no id: an id is a UUID.') from None
