"""Which objects of the bucket a stored path may name, the likeliest first; none is ever outside the bucket.

Rows hold keys, keys with the bucket's name or a slash in front, and whole addresses of the bucket (public,
authenticated, signed, rendered), whose query falls away. Storage also makes keys with `//` or with blanks at
their ends: those are read as they stand before they are tidied.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from quel.core.object_key import UnsafePathError, checked_key, uploaded

_ADDRESS = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
_VISIBILITY = "(?:public|authenticated|sign|upload/sign|info/public|info/authenticated|info)/"
_ROUTE = re.compile(rf"/storage/v1/(?:object|render/image)/(?:{_VISIBILITY})?([^/]+)/(.*)", re.DOTALL)
_BARE_ROUTE = re.compile(rf"/?(?:storage/v1/)?(?:object|render/image)/{_VISIBILITY}([^/]+)/(.*)", re.DOTALL)
_QUERY = re.compile(r"\?(?:[A-Za-z_][\w-]*(?:=|&|$)|$)")  # `?token=…`, but not the name `what?.png`


@dataclass(frozen=True)
class Bucket:
    """The bucket and where it is: `url` is SUPABASE_URL, `public_url` where public objects are read."""

    name: str
    url: str
    public_url: str


def reference_keys(path: str, bucket: Bucket) -> tuple[str, ...]:
    """At least one key. A plain `upload-…` lives under `uploads/` (SPEC 1.5).

    Raises UnsafePathError where no reading of the path is a key of this bucket.
    """
    keys: dict[str, None] = {}
    problems: list[UnsafePathError] = []
    for reading in _readings(path, bucket):
        try:
            keys[checked_key(reading)] = None
        except UnsafePathError as problem:
            problems.append(problem)
    if not keys:
        raise problems[0]
    return tuple(keys)


def public_key(address: str, bucket: Bucket) -> str | None:
    """The key of an object by its public address, which begins with `public_url`; None for any other text."""
    parts, public = _split(address.strip()), _split(bucket.public_url)
    if parts is None or public is None or parts.scheme not in ("http", "https"):
        return None
    if _host(parts) != _host(public):
        return None
    folder = public.path.rstrip("/") + "/"
    if not parts.path.startswith(folder):
        return None
    try:
        return checked_key(_decoded(parts.path.removeprefix(folder)))
    except UnsafePathError:
        return None


def _readings(path: str, bucket: Bucket) -> Iterator[str]:
    for text in (path, path.strip()):
        addressed = _addressed(text, bucket)
        if addressed is not None:
            yield _decoded(addressed)
            continue
        for written in _with_and_without_query(text):
            key = _decoded(written)
            yield uploaded(_tidy(key, bucket))
            yield uploaded(key)
            yield uploaded(re.sub("//+", "/", _tidy(key, bucket)))


def _with_and_without_query(text: str) -> tuple[str, ...]:
    """A name may hold what looks like a query; one with a token is never asked for."""
    query = _QUERY.search(text)
    if query is None:
        return (text,)
    bare = text[: query.start()]
    return (bare,) if "token=" in text[query.start() :] else (bare, text)


def _decoded(text: str) -> str:
    return unquote(text, errors="replace")


def _tidy(key: str, bucket: Bucket) -> str:
    """Without a slash, `./` or the bucket's name in front; `.` names no folder anywhere."""
    segments = [segment for segment in key.removeprefix("/").split("/") if segment != "."]
    return "/".join(segments).removeprefix(f"{bucket.name}/")


def _addressed(text: str, bucket: Bucket) -> str | None:
    """The key in an address of this bucket, still encoded; None where the text is no address.

    Raises UnsafePathError for an address of anything else.
    """
    address = re.split("[?#]", text.strip(), maxsplit=1)[0]
    if not _ADDRESS.match(address):
        return _of_route(_BARE_ROUTE.fullmatch(address), bucket)
    rest = _in_bucket(address, bucket)
    if rest is None and not address.startswith("//"):
        raise UnsafePathError("is an address outside the bucket")
    return rest


def _in_bucket(address: str, bucket: Bucket) -> str | None:
    parts = _split(address)
    public, api = _split(bucket.public_url), _split(bucket.url)
    if parts is None or public is None or api is None:
        return None
    public_path = public.path.rstrip("/") + "/"
    if _host(parts) == _host(public) and parts.path.startswith(public_path):
        return parts.path.removeprefix(public_path)
    if _host(parts) not in {_host(public), _host(api), _direct_host(api)}:
        return None
    return _of_route(_ROUTE.fullmatch(parts.path.removeprefix(api.path.rstrip("/"))), bucket)


def _of_route(route: re.Match[str] | None, bucket: Bucket) -> str | None:
    return route[2] if route and _decoded(route[1]) == bucket.name else None


def _split(address: str) -> SplitResult | None:
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _host(parts: SplitResult) -> tuple[str | None, int | None]:
    return parts.hostname, None if parts.port in (80, 443) else parts.port


def _direct_host(api: SplitResult) -> tuple[str | None, int | None]:
    """Supabase serves a project's Storage under a second name, made for large files."""
    host, port = _host(api)
    project, _, domain = (host or "").partition(".")
    return f"{project}.storage.{domain}", port
