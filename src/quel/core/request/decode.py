"""Turns the text of a JSON column into Python values, and never raises."""

import json

MAX_INTEGER_CHARACTERS = 400  # a float overflows at 309; Python refuses to convert integers of 4300 digits


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


def _bounded_integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= MAX_INTEGER_CHARACTERS else float(digits)
