"""Turns the text of a JSON column, and JSON that stands as text in it, into values, and never raises."""

import json

MAX_INTEGER_CHARACTERS = 400  # a float overflows at 309; Python refuses to convert integers of 4300 digits

_AROUND = "\ufeff \t\r\n"
_OPENING = ("{", "[")


def decode_input(text: str | bytes) -> object:
    """The decoded value; None where the text is no JSON or is nested deeper than Python can read.

    The standard decoder raises for two values that PostgreSQL's jsonb takes: an integer of more than 4300
    digits (1e5000 is stored as one) and lists nested some thousand deep. An over-long integer is read as
    an infinite float here.
    """
    try:
        return json.loads(text, parse_int=_bounded_integer)
    except (ValueError, RecursionError):
        return None


def read_once_more(value: object) -> object:
    """What the value says where it is an object or a list written as JSON text; any other is as it was.

    A front end that encodes twice writes `"{\\"basePrompt\\": …}"` for an object.
    """
    if not isinstance(value, str):
        return value
    text = value.strip(_AROUND)
    inner = decode_input(text) if text.startswith(_OPENING) else None
    return inner if isinstance(inner, dict | list) else value


def _bounded_integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= MAX_INTEGER_CHARACTERS else float(digits)
