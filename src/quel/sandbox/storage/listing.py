"""One folder of a bucket, as Storage lists it: its objects, and its subfolders as entries without an id."""

from collections.abc import Mapping
from typing import Any

DEFAULT_LIMIT = 100


def list_folder(
    sizes_bytes: Mapping[str, int],
    prefix: str = "",
    limit: int = DEFAULT_LIMIT,
    offset: int = 0,
    search: str = "",
    **_: Any,
) -> list[dict[str, Any]]:
    """The entries directly under `prefix` whose names begin with `search`, by name, one page."""
    folder = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
    entries: dict[str, dict[str, Any]] = {}
    for path in sorted(path for path in sizes_bytes if path.startswith(folder)):
        name, *deeper = path.removeprefix(folder).split("/")
        is_folder = bool(deeper)
        metadata = None if is_folder else {"size": sizes_bytes[path]}
        entries[name] = {"name": name, "id": None if is_folder else path, "metadata": metadata}
    found = [entries[name] for name in sorted(entries) if name.startswith(search)]
    return found[offset : offset + limit]
