"""`Storage`: starts the simulator, fills it and shows what it holds and was asked."""

import base64
import secrets
from dataclasses import dataclass

from quel.sandbox.simulator import Client
from quel.sandbox.storage.simulator import StorageSimulator

DEFAULT_BUCKET = "attachments"


@dataclass(frozen=True)
class HeldObject:
    """What the bucket holds under one path; `sha256` in hexadecimal, `updated_at` in seconds since 1970."""

    bucket: str
    path: str
    size_bytes: int
    sha256: str
    content_type: str
    cache_control: str
    public: bool
    updated_at: float


@dataclass(frozen=True)
class StorageCall:
    """One request, in order of answering from number 0.

    `target` is the address as it came, `path` the object after decoding. `operation` is "upload", "read",
    "info", "delete", "list" or "bucket"; `outcome` "served" or the name of a fault; `status` what
    went over the wire.
    """

    number: int
    arrived_at: float
    finished_at: float | None
    method: str
    target: str
    operation: str
    bucket: str
    path: str
    content_type: str | None
    cache_control: str | None
    upsert: bool
    authorized: bool
    size_bytes: int
    outcome: str
    status: int


class Storage(Client):
    """Supabase Storage on loopback, with the bucket `attachments` and any others named."""

    def __init__(self, *, in_process: bool = False, buckets: tuple[str, ...] = (DEFAULT_BUCKET,)) -> None:
        self.service_key = f"sandbox-{secrets.token_hex(12)}"
        options = {"service_key": self.service_key, "buckets": list(buckets)}
        super().__init__(StorageSimulator, options, in_process=in_process)

    def objects(self, prefix: str = "", bucket: str = DEFAULT_BUCKET) -> list[HeldObject]:
        """Every object of a bucket whose path begins with `prefix`, in the order they were put."""
        return [HeldObject(**held) for held in self.control("objects", bucket=bucket, prefix=prefix)]

    def put(
        self,
        path: str,
        data: bytes,
        *,
        public: bool = True,
        content_type: str = "image/png",
        bucket: str = DEFAULT_BUCKET,
    ) -> None:
        """Puts an object; a private one is hidden from the public route, as if it were missing."""
        text = base64.b64encode(data).decode()
        self.control("put", bucket=bucket, path=path, data=text, content_type=content_type, public=public)

    def get(self, path: str, bucket: str = DEFAULT_BUCKET) -> bytes:
        """An object's bytes. Raises SandboxError when there is none."""
        return base64.b64decode(self.control("get", bucket=bucket, path=path))

    def set_bucket(self, bucket: str = DEFAULT_BUCKET, **settings: bool | int | list[str] | None) -> None:
        """Changes `public`, `file_size_limit` (bytes) or `allowed_mime_types`, until the reset."""
        self.control("bucket", bucket=bucket, **settings)

    def remove(self, path: str, bucket: str = DEFAULT_BUCKET) -> bool:
        """Removes an object; whether there was one."""
        return bool(self.control("remove", bucket=bucket, path=path))

    def calls(self, since: int = 0) -> list[StorageCall]:
        """Every request from number `since` on."""
        return [StorageCall(**call) for call in self.control("calls", since=since)]
