"""What an image tells of itself: a note appended by each update that moves it, and by no update of its own.

A note is `{at, what}` with what belongs to it (`n` the call, `s` seconds, `code`, `attach_id`, and as `call`
which call was paid for); no prompt and no answer. At most LONGEST notes are kept: of more, the first and the
last stay, and one in between counts what was dropped: an image that waited for days is still one short row.
"""

LONGEST = 40
_FIRST = LONGEST // 2 - 1

_MIDDLE = f"i.history -> {_FIRST}"
_DROPPED = f"CASE {_MIDDLE} ->> 'what' WHEN 'dropped' THEN ({_MIDDLE} ->> 'n')::int ELSE 1 END + 1"
_ROOM = (
    f"CASE WHEN jsonb_array_length(i.history) < {LONGEST} THEN i.history"
    f" ELSE jsonb_set(i.history - {_FIRST + 1}, '{{{_FIRST}}}',"
    f" jsonb_build_object('what', 'dropped', 'n', {_DROPPED})) END"
)

NOTHING_SAID = "i.history"
"""For an update that moves nothing."""

TAKEN_BACK = "i.history - (-1)"
"""For an update that undoes the one before it in the same transaction."""


def noted(what: str, **details: str) -> str:
    """The history of the image `i` with one note more, as SQL; `details` are SQL as well."""
    pairs = {"at": "now()", "what": f"'{what}'"} | details
    listed = ", ".join(f"'{key}', {value}" for key, value in pairs.items())
    return f"{_ROOM} || jsonb_build_object({listed})"


IS_PAID = "i.history @> jsonb_build_array(jsonb_build_object('call', CAST(:lease AS text)))"
"""The condition that the cost of the call under :lease is noted: whatever is repeated, it counts once."""
