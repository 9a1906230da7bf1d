"""A simulator of Supabase Storage's HTTP interface: objects live in memory, the wire format is the real one.

It is no Storage: there are no policies, no signed URLs, no transformations. What quel uses is here, with
the errors as Storage gives them.
"""

import base64
import hashlib
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from email.utils import formatdate
from functools import cached_property
from typing import Any

from quel.sandbox.errors import SandboxError
from quel.sandbox.http_server import Reply, Request
from quel.sandbox.simulator import Simulator
from quel.sandbox.storage import errors
from quel.sandbox.storage.listing import list_folder
from quel.sandbox.storage.routes import Asked, read_route

VALID_KEY = re.compile(r"[\w/!\-.*'() &$@=;:+,?]+", re.ASCII)  # what the real one takes in object names
MAX_OBJECT_BYTES = 50_000_000
DEFAULT_CACHE_CONTROL = "no-cache"


@dataclass(frozen=True)
class StoredObject:
    """One object with the headers it was uploaded with."""

    bucket: str
    path: str
    data: bytes
    content_type: str
    cache_control: str
    public: bool
    object_id: str
    updated_at: float

    @cached_property
    def sha256(self) -> str:
        """Of the bytes, in hexadecimal; taken once, for whoever asks for all objects often."""
        return hashlib.sha256(self.data).hexdigest()

    @cached_property
    def etag(self) -> str:
        """The header's value, with its quotes."""
        return f'"{hashlib.md5(self.data, usedforsecurity=False).hexdigest()}"'

    def described(self) -> dict[str, Any]:
        """All but the bytes."""
        return {
            "bucket": self.bucket,
            "path": self.path,
            "size_bytes": len(self.data),
            "sha256": self.sha256,
            "content_type": self.content_type,
            "cache_control": self.cache_control,
            "public": self.public,
            "updated_at": self.updated_at,
        }


@dataclass(frozen=True)
class BucketLimits:
    """A bucket's own settings, by the names Storage gives them; None is no limit of its own."""

    public: bool = True
    file_size_limit: int | None = None
    allowed_mime_types: list[str] | None = None

    def takes(self, mime_type: str) -> bool:
        """As the real one compares: whole types, and families written `image/*`."""
        wanted = {mime_type, f"{mime_type.split('/')[0]}/*", "*/*"}
        return not self.allowed_mime_types or not wanted.isdisjoint(self.allowed_mime_types)


class StorageSimulator(Simulator):
    """Storage with some buckets; `service_key` may do everything, others may read public objects."""

    def __init__(self, service_key: str, buckets: list[str]) -> None:
        super().__init__()
        self._service_key = service_key
        self._names = buckets
        self._buckets = {name: BucketLimits() for name in buckets}
        self._objects: dict[tuple[str, str], StoredObject] = {}
        self._operations: dict[str, Callable[[Asked], Reply]] = {
            "upload": self._upload,
            "read": self._read,
            "read_public": self._read_public,
            "info": self._info,
            "delete": self._delete,
            "list": self._list,
            "bucket": self._bucket,
        }
        self.controls |= {
            "objects": self._described,
            "put": self._put,
            "get": self._get,
            "bucket": self._set_bucket,
            "remove": lambda bucket, path: self._objects.pop((bucket, path), None) is not None,
        }

    def reset(self) -> None:
        """As at the start: no objects either, and every bucket public and without limits."""
        super().reset()
        with self.lock:
            self._objects.clear()
            self._buckets = {name: BucketLimits() for name in self._names}

    def serve(self, request: Request) -> Reply:
        """One request of Storage's protocol."""
        asked = read_route(request)
        if asked is None:
            return errors.unknown_route(request.method, request.path)
        operation = "read" if asked.operation == "read_public" else asked.operation
        fault = self.faults.next_fault(asked.path, operation)
        reply = Reply() if fault and fault.replaces_answer else self._answer(asked)
        reply = fault.bend(reply) if fault else reply
        call = self.record(
            arrived_at=time.time(),
            finished_at=None,
            method=request.method,
            target=request.target,
            operation=operation,
            bucket=asked.bucket,
            path=asked.path,
            content_type=request.headers.get("Content-Type"),
            cache_control=request.headers.get("Cache-Control"),
            upsert=_upserts(request),
            authorized=self._refusal_of(request) is None,
            size_bytes=len(request.body),
            outcome=fault.name if fault else "served",
            status=reply.status,
        )
        return replace(reply, finished=lambda: call.update(finished_at=time.time()))

    def _answer(self, asked: Asked) -> Reply:
        if asked.operation != "read_public":
            refusal = self._refusal_of(asked.request)
            if refusal:
                return refusal
            if asked.bucket not in self._buckets:
                return errors.bucket_not_found()
        return self._operations[asked.operation](asked)

    def _refusal_of(self, request: Request) -> Reply | None:
        authorization = request.headers.get("Authorization")
        if authorization is None:
            return errors.missing_authorization()
        return None if authorization == f"Bearer {self._service_key}" else errors.unauthorized()

    def _upload(self, asked: Asked) -> Reply:
        request = asked.request
        if not VALID_KEY.fullmatch(asked.path):
            return errors.invalid_key(asked.path)
        limits, mime_type = self._buckets[asked.bucket], request.headers.get("Content-Type", "")
        if not limits.takes(mime_type):
            return errors.wrong_type(mime_type)
        if len(request.body) > (limits.file_size_limit or MAX_OBJECT_BYTES):
            return errors.too_large()
        stored = StoredObject(
            asked.bucket,
            asked.path,
            request.body,
            request.headers.get("Content-Type", "application/octet-stream"),
            request.headers.get("Cache-Control", DEFAULT_CACHE_CONTROL),
            public=True,
            object_id=str(uuid.uuid4()),
            updated_at=time.time(),
        )
        with self.lock:
            if (asked.bucket, asked.path) in self._objects and not _upserts(request):
                return errors.duplicate()
            self._objects[asked.bucket, asked.path] = stored
        return Reply.of_json({"Key": f"{asked.bucket}/{asked.path}", "Id": stored.object_id})

    def _read(self, asked: Asked) -> Reply:
        stored = self._objects.get((asked.bucket, asked.path))
        return _download(stored) if stored else errors.object_not_found()

    def _read_public(self, asked: Asked) -> Reply:
        stored = self._objects.get((asked.bucket, asked.path))
        limits = self._buckets.get(asked.bucket)
        is_public = limits is not None and limits.public
        return _download(stored) if stored and stored.public and is_public else errors.object_not_found()

    def _bucket(self, asked: Asked) -> Reply:
        return Reply.of_json({"id": asked.bucket, "name": asked.bucket} | vars(self._buckets[asked.bucket]))

    def _set_bucket(self, bucket: str, **settings: Any) -> None:
        with self.lock:
            self._buckets[bucket] = replace(self._buckets[bucket], **settings)

    def _info(self, asked: Asked) -> Reply:
        stored = self._objects.get((asked.bucket, asked.path))
        if stored is None:
            return errors.object_not_found()
        return Reply.of_json(
            {
                "id": stored.object_id,
                "name": stored.path,
                "bucket_id": stored.bucket,
                "size": len(stored.data),
                "content_type": stored.content_type,
                "cache_control": stored.cache_control,
                "etag": stored.etag,
                "last_modified": formatdate(stored.updated_at, usegmt=True),
            }
        )

    def _delete(self, asked: Asked) -> Reply:
        """Many by `{"prefixes": [whole paths]}`, or the one in the address. Missing ones are passed over."""
        try:
            paths = [asked.path] if asked.path else asked.request.json()["prefixes"]
        except (ValueError, KeyError, TypeError):
            return errors.refusal(
                400, "Error", "body must have required property 'prefixes'", "InvalidRequest"
            )
        with self.lock:
            removed = [self._objects.pop((asked.bucket, path), None) for path in paths]
        if asked.path and removed == [None]:
            return errors.object_not_found()
        gone = [{"name": stored.path, "bucket_id": stored.bucket} for stored in removed if stored]
        return Reply.of_json({"message": "Successfully deleted"} if asked.path else gone)

    def _list(self, asked: Asked) -> Reply:
        sizes = {
            stored.path: len(stored.data) for stored in self._snapshot() if stored.bucket == asked.bucket
        }
        try:
            return Reply.of_json(list_folder(sizes, **asked.request.json()))
        except (ValueError, TypeError):
            return errors.refusal(400, "Error", "body must have required property 'prefix'", "InvalidRequest")

    def _snapshot(self) -> list[StoredObject]:
        with self.lock:
            return list(self._objects.values())

    def _described(self, bucket: str, prefix: str) -> list[dict[str, Any]]:
        return [
            stored.described()
            for stored in self._snapshot()
            if stored.bucket == bucket and stored.path.startswith(prefix)
        ]

    def _put(self, bucket: str, path: str, data: str, content_type: str, public: bool) -> None:
        """Puts any name there, also one an upload would refuse: old rows name such objects."""
        stored = StoredObject(
            bucket,
            path,
            base64.b64decode(data),
            content_type,
            DEFAULT_CACHE_CONTROL,
            public,
            object_id=str(uuid.uuid4()),
            updated_at=time.time(),
        )
        with self.lock:
            self._objects[bucket, path] = stored

    def _get(self, bucket: str, path: str) -> str:
        stored = self._objects.get((bucket, path))
        if stored is None:
            raise SandboxError(f"There is no object {path!r} in the bucket {bucket!r}.")
        return base64.b64encode(stored.data).decode()


def _upserts(request: Request) -> bool:
    return request.method == "PUT" or request.headers.get("x-upsert") == "true"


def _download(stored: StoredObject) -> Reply:
    headers = (("Cache-Control", stored.cache_control), ("ETag", stored.etag))
    return Reply(body=stored.data, content_type=stored.content_type, headers=headers)
