"""The ObjectStorage port over Supabase's Storage API: each try ends at its deadline, and a few are made.

What a moment mends is tried again with short jittered pauses; a try that used up its whole deadline is not.
The service key goes to SUPABASE_URL alone, never to the public base URL, which may be another host.
"""

import json
import random
import time
from collections.abc import Callable
from itertools import count
from urllib.parse import quote

import httpx

from quel.adapters.bounded_http import AnswerTooLargeError, bounded_client
from quel.adapters.http_settings import header_secret, http_url
from quel.adapters.storage.answer import AnswerKind, StorageAnswer, read_answer
from quel.adapters.storage.refusal import (
    NO_SUCH_OBJECT,
    Refusal,
    for_the_operator,
    read_refusal,
)
from quel.adapters.storage.told import limit_told, settings_in, size_in
from quel.core.bucket_settings import BucketSettings
from quel.core.errors import ReferenceUnavailable, ServiceUnavailable, StorageRefused
from quel.core.object_key import UnsafePathError, quoted, safe_key, shown_name
from quel.core.retry import RetryPolicy, pause_s
from quel.core.stored_path import Bucket, reference_keys

_PATIENCE = RetryPolicy(max_attempts=4, first_pause_s=0.1, longest_pause_s=1.0)

_DELETE_AT_ONCE = 500  # objects in one call; Storage takes up to 1,000
_LIST_AT_ONCE = 1_000  # objects of one page
_BY_NAME = {"column": "name", "order": "asc"}

# What stands for an answer where there was none, or none that could be kept.
_TOO_LARGE = StorageAnswer(AnswerKind.REFUSED, 413)
_LATE = StorageAnswer(AnswerKind.LATE, 0)
_UNREACHABLE = StorageAnswer(AnswerKind.RETRY, 0)


class SupabaseStorage:
    """The bucket with references and results; implements `ObjectStorage`. Thread-safe, one a process.

    `public_base_url` is where public objects are read, derived from `url` and `bucket` when empty.
    `max_reference_bytes` bounds what is read, `timeout_s` one try from connecting to the last byte,
    `connections` how many run at once. `client`, `sleep` and `random_fraction` are for tests. Raises
    SettingsError for an address or key that cannot be one.
    """

    def __init__(
        self,
        *,
        url: str,
        service_key: str,
        bucket: str = "attachments",
        public_base_url: str = "",
        max_reference_bytes: int = 25_000_000,
        timeout_s: float = 30.0,
        connections: int = 16,
        client: httpx.Client | None = None,
        sleep: Callable[[float], None] = time.sleep,
        random_fraction: Callable[[], float] = random.random,
    ) -> None:
        api_url = f"{http_url(url, 'SUPABASE_URL').rstrip('/')}/storage/v1"
        self._objects_url = f"{api_url}/object"
        self._bucket_url = f"{api_url}/bucket/{quote(bucket, safe='')}"
        self._bucket = quote(bucket, safe="")
        public_url = public_base_url or f"{self._objects_url}/public/{self._bucket}"
        self._public_url = http_url(public_url, "SUPABASE_STORAGE_BASE_URL").rstrip("/")
        self._named = Bucket(bucket, url, self._public_url)
        key = header_secret(service_key, "SUPABASE_SERVICE_KEY")
        self._key_headers = {"authorization": f"Bearer {key}", "apikey": key}
        self._max_reference_bytes = max_reference_bytes
        self._client = client or bounded_client(
            timeout_s=timeout_s, max_answer_bytes=max_reference_bytes, max_connections=connections
        )
        self._sleep = sleep
        self._random_fraction = random_fraction

    def read_reference(self, path: str) -> bytes:
        """The bytes of the object a row of quel_attach names: publicly, else with the service key.

        Where the path can be read in several ways, the first that names an object counts.
        Raises ReferenceUnavailable for good, ServiceUnavailable for now, Misconfigured where Storage refuses
        quel itself: that says nothing about the object.
        """
        try:
            keys = reference_keys(path, self._named)
        except UnsafePathError as problem:
            raise ReferenceUnavailable(f"The stored path of {shown_name(path)} {problem}.") from None
        for key in keys:
            answer, body = self._read(quoted(key))
            if (
                answer.kind is not AnswerKind.REFUSED
                or read_refusal(answer.status, body) not in NO_SUCH_OBJECT
            ):
                break
        if answer == _TOO_LARGE or len(body) > self._max_reference_bytes:
            limit = f"{self._max_reference_bytes / 1e6:g} MB"
            raise ReferenceUnavailable(f"{shown_name(path)} is larger than {limit}.")
        if answer.kind is AnswerKind.REFUSED:
            if (why := read_refusal(answer.status, body)) not in NO_SUCH_OBJECT:
                raise for_the_operator(shown_name(path), answer.status, why)
            raise ReferenceUnavailable(f"{shown_name(path)} is not in storage ({answer.status}).")
        return body

    def _read(self, key: str) -> tuple[StorageAnswer, bytes]:
        answer, body = self._send("GET", f"{self._public_url}/{key}", {})
        if answer.kind is AnswerKind.REFUSED and answer != _TOO_LARGE:
            url = f"{self._objects_url}/authenticated/{self._bucket}/{key}"
            answer, body = self._send("GET", url, self._key_headers)
        return answer, body

    def write_result(self, path: str, data: bytes) -> None:
        """Puts a WebP at `path`, replacing what is there.

        Raises StorageRefused for a path that no object may have, ServiceUnavailable for now, Misconfigured
        for every other refusal: a key, a bucket's setting or a plan is no fault of the picture, and what has
        been paid for is kept until an operator has mended it.
        """
        self.write_upload(path, data, "image/webp")

    def write_upload(self, path: str, data: bytes, mime_type: str) -> None:
        """Puts an object of any type at `path`; raises what `write_result` raises."""
        headers = self._key_headers | {
            "content-type": mime_type,
            "cache-control": "max-age=3600",
            "x-upsert": "true",
        }
        url = f"{self._objects_url}/{self._bucket}/{_own_key(path)}"
        answer, body = self._send("POST", url, headers, data)
        if answer.kind is AnswerKind.REFUSED:
            why = read_refusal(answer.status, body)
            if why is Refusal.NO_OBJECT:  # none is asked for: it is the route that is not there
                why = Refusal.ADDRESS
            if why is Refusal.BAD_KEY:
                raise StorageRefused("Storage takes no file of this name.")
            limit = self._limit_told(len(data)) if why is Refusal.SIZE else ""
            raise for_the_operator(shown_name(path), answer.status, why, limit)

    def delete_results(self, paths: list[str]) -> None:
        """Removes objects quel wrote, if they are there. Raises ServiceUnavailable, also for a refusal."""
        headers = self._key_headers | {"content-type": "application/json"}
        keys = [safe_key(path) for path in paths]
        for start in range(0, len(keys), _DELETE_AT_ONCE):
            body = json.dumps({"prefixes": keys[start : start + _DELETE_AT_ONCE]}).encode()
            answer, said = self._send("DELETE", f"{self._objects_url}/{self._bucket}", headers, body)
            if answer.kind is AnswerKind.REFUSED and answer.status != 404:
                why = read_refusal(answer.status, said)
                raise for_the_operator("to delete objects", answer.status, why)

    def stored_size_bytes(self, path: str) -> int | None:
        """The size of an object quel wrote, None for none. Raises ServiceUnavailable, Misconfigured."""
        url = f"{self._objects_url}/info/{self._bucket}/{_own_key(path)}"
        answer, body = self._send("GET", url, self._key_headers)
        if answer.kind is AnswerKind.REFUSED:
            if (why := read_refusal(answer.status, body)) is Refusal.NO_OBJECT:
                return None
            raise for_the_operator(shown_name(path), answer.status, why)
        return size_in(body)

    def sizes_bytes(self, folder: str) -> dict[str, int]:
        """Objects directly in a folder with their sizes. Raises ServiceUnavailable, also for a refusal."""
        url = f"{self._objects_url}/list/{self._bucket}"
        sizes: dict[str, int] = {}
        for offset in count(step=_LIST_AT_ONCE):
            page = {"prefix": safe_key(folder), "limit": _LIST_AT_ONCE, "offset": offset, "sortBy": _BY_NAME}
            headers = self._key_headers | {"content-type": "application/json"}
            answer, body = self._send("POST", url, headers, json.dumps(page).encode())
            if answer.kind is AnswerKind.REFUSED:
                why = read_refusal(answer.status, body)
                raise for_the_operator("to list objects", answer.status, why)
            entries = json.loads(body)
            sizes |= {f"{folder}/{each['name']}": each["metadata"]["size"] for each in entries if each["id"]}
            if len(entries) < _LIST_AT_ONCE:
                break
        return sizes

    def read_publicly(self, path: str) -> bytes:
        """An object quel wrote, by its public address and without the key.

        Raises ReferenceUnavailable where it is not there, ServiceUnavailable for now.
        """
        answer, body = self._send("GET", f"{self._public_url}/{_own_key(path)}", {})
        if answer.kind is AnswerKind.REFUSED:
            raise ReferenceUnavailable(f"Nothing is found by the public address ({answer.status}).")
        return body

    def bucket_settings(self) -> BucketSettings:
        """What the bucket says of itself. Raises Misconfigured, and ServiceUnavailable for now."""
        answer, body = self._send("GET", self._bucket_url, self._key_headers)
        if answer.kind is AnswerKind.REFUSED:
            why = read_refusal(answer.status, body)
            if why is Refusal.NO_OBJECT:  # no object is asked for
                why = Refusal.ADDRESS
            raise for_the_operator("to tell the bucket's settings", answer.status, why)
        return settings_in(body)

    def _limit_told(self, size_bytes: int) -> str:
        try:
            return limit_told(size_bytes, self.bucket_settings().file_size_limit_bytes)
        except ServiceUnavailable:
            return limit_told(size_bytes, None)

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def _send(
        self, method: str, url: str, headers: dict[str, str], content: bytes = b""
    ) -> tuple[StorageAnswer, bytes]:
        """The answer, DONE or REFUSED, and its body. Raises ServiceUnavailable where tries did not help."""
        for attempts in range(1, _PATIENCE.max_attempts + 1):
            answer, body = self._try_once(method, url, headers, content)
            if answer.kind in (AnswerKind.DONE, AnswerKind.REFUSED):
                return answer, body
            if answer.kind is AnswerKind.LATE:
                break
            if attempts < _PATIENCE.max_attempts:
                self._sleep(pause_s(attempts, _PATIENCE, self._random_fraction()))
        raise ServiceUnavailable(_outage(answer))

    def _try_once(
        self, method: str, url: str, headers: dict[str, str], content: bytes
    ) -> tuple[StorageAnswer, bytes]:
        # httpx's errors hold the request and the key: they end here, and nothing is raised in their context.
        try:
            response = self._client.request(method, url, headers=headers, content=content)
        except AnswerTooLargeError:
            return (_TOO_LARGE if method == "GET" else _UNREACHABLE), b""
        except httpx.TimeoutException:
            return _LATE, b""
        except httpx.TransportError:
            return _UNREACHABLE, b""
        return read_answer(response.status_code, response.content, changed=method != "GET"), response.content


def _own_key(path: str) -> str:
    """A key quel made itself, quoted. Raises StorageRefused: an unsafe one would be a mistake of quel's."""
    try:
        return quoted(safe_key(path))
    except UnsafePathError as problem:
        raise StorageRefused(f"The path of {shown_name(path)} {problem}.") from None


def _outage(answer: StorageAnswer) -> str:
    if answer == _LATE:
        return "Storage did not answer in time."
    if answer == _UNREACHABLE:
        return "Storage could not be reached."
    return f"Storage cannot answer at the moment ({answer.status})."
