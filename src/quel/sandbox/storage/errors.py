"""Storage's error bodies. Nearly all travel as HTTP 400, with the true status only in the body."""

import json
from http import HTTPStatus

from quel.sandbox.http_server import Reply

HONEST_STATUSES = (429, 500, 544)  # the only ones Storage puts on the wire as they are


def error_body(status: int, error: str, message: str, code: str) -> str:
    """The JSON of one error; `statusCode` is a string there."""
    return json.dumps({"statusCode": str(status), "error": error, "message": message, "code": code})


def wire_status(status: int) -> int:
    """The HTTP status an error of this true status arrives with."""
    return status if status in HONEST_STATUSES else HTTPStatus.BAD_REQUEST


def refusal(status: int, error: str, message: str, code: str | None = None) -> Reply:
    """An error as a reply."""
    return Reply(wire_status(status), error_body(status, error, message, code or error).encode())


def object_not_found() -> Reply:
    """A missing object, and on the public route a missing or a private bucket just as well."""
    return refusal(404, "not_found", "Object not found", "NoSuchKey")


def bucket_not_found() -> Reply:
    """A bucket that is not there, told to those who may know."""
    return refusal(404, "Bucket not found", "Bucket not found", "NoSuchBucket")


def unauthorized() -> Reply:
    """A key that is none of ours."""
    return refusal(403, "Unauthorized", "Invalid Compact JWS", "AccessDenied")


def missing_authorization() -> Reply:
    """No Authorization header at all."""
    return refusal(400, "Error", "headers must have required property 'authorization'", "InvalidRequest")


def invalid_key(path: str) -> Reply:
    """An object name with signs Storage does not take."""
    return refusal(400, "InvalidKey", f"Invalid key: {path}")


def duplicate() -> Reply:
    """An upload without x-upsert to a name that is taken."""
    return refusal(409, "Duplicate", "The resource already exists", "ResourceAlreadyExists")


def wrong_type(mime_type: str) -> Reply:
    """An upload of a type that the bucket does not take."""
    message = f"mime type {mime_type} is not supported"
    return refusal(415, "invalid_mime_type", message, "InvalidMimeType")


def too_large() -> Reply:
    """An upload beyond the limit of the bucket."""
    return refusal(413, "Payload too large", "The object exceeded the maximum allowed size", "EntityTooLarge")


def unknown_route(method: str, path: str) -> Reply:
    """A route Storage does not have: the only 404 it puts on the wire as it is."""
    body = {"message": f"Route {method}:{path} not found", "error": "Not Found", "statusCode": 404}
    return Reply(HTTPStatus.NOT_FOUND, json.dumps(body).encode())
