"""Keys of the input in every spelling: case, hyphens and underscores do not tell two keys apart."""

from collections.abc import Mapping

_JOINTS = str.maketrans("", "", "-_ ")


def plain_key(key: str) -> str:
    """`attachId`, `attach_id`, `attachID` and `attach-id` are all `attachid`."""
    return key.translate(_JOINTS).lower()


class Spellings:
    """The keys of one object, found by any spelling."""

    def __init__(self, data: Mapping[str, object]) -> None:
        self._data = data
        self._found: dict[str, list[str]] = {}
        for key in data:
            self._found.setdefault(plain_key(key), []).append(key)

    def of(self, name: str) -> list[str]:
        """The keys that stand for `name`, the one that is spelled just so first."""
        found = self._found.get(plain_key(name), [])
        return sorted(found, key=lambda key: key != name)
