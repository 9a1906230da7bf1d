"""Storage's routes: which operation on which object of which bucket a request asks for."""

from dataclasses import dataclass

from quel.sandbox.http_server import Request

PREFIX = "/storage/v1/object/"
BUCKETS = "/storage/v1/bucket/"


@dataclass(frozen=True)
class Asked:
    """A request as Storage reads it: one of its operations on an object of a bucket."""

    operation: str
    bucket: str
    path: str
    request: Request


def read_route(request: Request) -> Asked | None:
    """What a request asks for, or None for a route that does not exist here.

    A leading `public`, `authenticated`, `info` or `list` is a route, never a bucket, as in the real one.
    """
    if request.method == "GET" and request.path.startswith(BUCKETS):
        return Asked("bucket", request.path.removeprefix(BUCKETS), "", request)
    if not request.path.startswith(PREFIX):
        return None
    first, _, rest = request.path.removeprefix(PREFIX).partition("/")
    method = "GET" if request.method == "HEAD" else request.method
    routes = {
        ("GET", "public"): "read_public",
        ("GET", "authenticated"): "read",
        ("GET", "info"): "info",
        ("POST", "list"): "list",
    }
    if (method, first) in routes:
        visibility, _, inner = rest.partition("/")
        rest = inner if first == "info" and visibility in ("public", "authenticated") else rest
        return Asked(routes[method, first], *_split(rest), request)
    operations = {"GET": "read", "POST": "upload", "PUT": "upload", "DELETE": "delete"}
    return Asked(operations[method], first, rest, request) if rest or method == "DELETE" else None


def _split(path: str) -> tuple[str, str]:
    bucket, _, name = path.partition("/")
    return bucket, name
