"""The bucket, in memory."""

from quel.core.errors import ReferenceUnavailable
from quel.sandbox.memory.trouble import Trouble

PUBLIC_URL = "https://memory.example/attachments/"
"""Where the objects of this world have their public addresses."""


class ObjectStorage:
    """As quel.adapters.storage has it; paths are taken as they are."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.trouble = Trouble()

    def read_reference(self, path: str) -> bytes:
        """The object's bytes. Raises ReferenceUnavailable where there is none."""
        self.trouble.meet("read_reference")
        if path not in self.objects:
            raise ReferenceUnavailable(f"{path} is not in storage (404).")
        return self.objects[path]

    def public_key(self, address: str) -> str | None:
        """The key of the object that has this public address; None for any other address."""
        return address.removeprefix(PUBLIC_URL) if address.startswith(PUBLIC_URL) else None

    def write_result(self, path: str, data: bytes) -> None:
        """Puts a WebP at `path`, replacing what is there."""
        self.trouble.meet("write_result")
        self.objects[path] = data

    def stored_size_bytes(self, path: str) -> int | None:
        """The size of a result that is stored, None where there is none."""
        self.trouble.meet("stored_size_bytes")
        return len(self.objects[path]) if path in self.objects else None

    def write_upload(self, path: str, data: bytes, mime_type: str) -> None:  # noqa: ARG002 - the port's
        """Puts a picture a person uploads at `path`."""
        self.trouble.meet("write_upload")
        self.objects[path] = data

    def sizes_bytes(self, folder: str) -> dict[str, int]:
        """The objects directly in a folder with their sizes."""
        self.trouble.meet("sizes_bytes")
        prefix = folder.rstrip("/") + "/"
        return {
            path: len(data)
            for path, data in self.objects.items()
            if path.startswith(prefix) and "/" not in path.removeprefix(prefix)
        }

    def delete_results(self, paths: list[str]) -> None:
        """Removes objects quel wrote; missing ones are no error."""
        self.trouble.meet("delete_results")
        for path in paths:
            self.objects.pop(path, None)
