"""Answers that need not be sent twice, and links to the pages beside one."""

from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from fastapi.encoders import jsonable_encoder
from starlette.requests import Request
from starlette.responses import JSONResponse, Response


def unless_known(request: Request, value: Any) -> Response:
    """The value as JSON with an ETag of its content; 304 without a body where the caller has that already."""
    answer = JSONResponse(jsonable_encoder(value))
    etag = f'"{sha256(bytes(answer.body)).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if etag in _known(request):
        return Response(status_code=304, headers=headers)
    answer.headers.update(headers)
    return answer


def _known(request: Request) -> set[str]:
    tags = request.headers.get("if-none-match", "").split(",")
    return {tag.strip().removeprefix("W/") for tag in tags}


def links(request: Request, **cursors: str | None) -> dict[str, str]:
    """The header Link (RFC 8288) to the pages of `cursors` by their relation; none where there is no page."""
    asked = [(key, value) for key, value in request.query_params.multi_items() if key != "cursor"]
    found = [
        f'<{request.url.path}?{urlencode([*asked, ("cursor", cursor)])}>; rel="{relation}"'
        for relation, cursor in cursors.items()
        if cursor
    ]
    return {"Link": ", ".join(found)} if found else {}
