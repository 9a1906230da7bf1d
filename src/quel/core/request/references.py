"""Reads which pictures a customer picked. One without a readable attachId is kept, as a missing reference."""

from quel.core.job import RequestedReference
from quel.core.request import values
from quel.core.request.fields import Fields

MERGED_KEY = "mergedImageAttachId"

ID_KEYS = ("attachId", "id")
"""What an entry names its picture by: the first that says something."""


def read_references(fields: Fields, list_key: str) -> tuple[RequestedReference, ...]:
    """The pictures under `list_key`; where it names none, the one picture under mergedImageAttachId."""
    asks = [_reference(fields, where, entry) for where, entry in fields.entries(list_key)]
    return _each_once(asks) or read_merged(fields)


def read_merged(fields: Fields) -> tuple[RequestedReference, ...]:
    """The picture under mergedImageAttachId; none where the key says nothing."""
    return tuple(_reference(fields, where, entry) for where, entry in fields.entries(MERGED_KEY))


def _reference(fields: Fields, where: str, entry: object) -> RequestedReference:
    if not isinstance(entry, dict):
        return RequestedReference(values.attach_id(entry), None, where)
    picked = fields.inner(where, entry)
    kind = picked.label("type")
    return RequestedReference(picked.attach_id(*ID_KEYS), kind and kind.lower(), where)


def _each_once(asks: list[RequestedReference]) -> tuple[RequestedReference, ...]:
    """A picture given twice as the same type counts where it was given last, since the last model wins."""
    once: dict[object, RequestedReference] = {}
    for ask in asks:
        identity = ask.where if ask.attach_id is None else (ask.attach_id, ask.type)
        once.pop(identity, None)
        once[identity] = ask
    return tuple(once.values())
