"""Every documented way in which Supabase Storage, or the gateway in front of it, refuses or fails.

Delivery faults that any server knows (slow, cut, hanging, endless, an HTML page) are in
`quel.sandbox.faults`. Each may be limited to an operation: "upload", "read", "info", "delete" or "list".
"""

from quel.sandbox.faults import Fault
from quel.sandbox.storage.errors import error_body, wire_status

NOISE = "\x00\x01not a picture\x7f" * 500


def not_found() -> Fault:
    """404 in the body of a 400."""
    return error(404, "not_found", "Object not found", "NoSuchKey")


def forbidden() -> Fault:
    """403 in the body of a 400."""
    return error(403, "Unauthorized", "new row violates row-level security policy", "AccessDenied")


def duplicate() -> Fault:
    """409 in the body of a 400."""
    return error(409, "Duplicate", "The resource already exists", "ResourceAlreadyExists")


def too_large() -> Fault:
    """413 in the body of a 400."""
    return error(413, "Payload too large", "The object exceeded the maximum allowed size", "EntityTooLarge")


def wrong_type() -> Fault:
    """415 in the body of a 400."""
    return error(415, "invalid_mime_type", "mime type image/webp is not supported", "InvalidMimeType")


def locked() -> Fault:
    """423 in the body of a 400: another upload is at it."""
    return error(423, "ResourceLocked", "The resource is locked", "ResourceLocked")


def slow_down() -> Fault:
    """429, honestly."""
    return error(429, "SlowDown", "Too many requests, please slow down", "SlowDown")


def internal_error() -> Fault:
    """500, honestly."""
    return error(500, "InternalError", "Internal server error", "InternalError")


def overloaded() -> Fault:
    """503 in the body of a 400: the database has no connection left."""
    return error(503, "DatabaseConnectionLimit", "The database has reached its maximum number of connections")


def database_timeout() -> Fault:
    """544, honestly: Storage's own code for its database timing out."""
    return error(544, "DatabaseTimeout", "The connection to the database timed out", "DatabaseTimeout")


def redirect(location: str) -> Fault:
    """302 to somewhere else, which may be outside."""
    return Fault("redirect", status=302, headers=(("Location", location),))


def garbage() -> Fault:
    """200 with bytes that are no picture."""
    return Fault("garbage", status=200, body=NOISE, content_type="image/png")


def error(status: int, name: str, message: str, code: str | None = None) -> Fault:
    """Any other error; `status` is the true one, on the wire as Storage puts it there."""
    body = error_body(status, name, message, code or name)
    return Fault(f"error_{status}", status=wire_status(status), body=body)
