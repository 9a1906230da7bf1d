"""Rows of figures as JSON, or as CSV for whoever asks with `Accept: text/csv`."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from fastapi.encoders import jsonable_encoder
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def table(
    request: Request,
    kind: type[Any],
    rows: Sequence[Any],
    *,
    more: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The rows, dataclasses of `kind`, under `items` beside `more`; or a line each below the names."""
    if not _wants_csv(request):
        content = {"items": jsonable_encoder(rows), **(more or {})}
        return JSONResponse(content, headers={"Vary": "Accept"} | dict(headers or {}))
    text = io.StringIO()
    names = [each.name for each in fields(kind)]
    lines = csv.writer(text)
    lines.writerow(names)
    lines.writerows([_cell(asdict(row)[name]) for name in names] for row in rows)
    headers = {"Vary": "Accept", "Content-Disposition": 'attachment; filename="quel.csv"'} | dict(
        headers or {}
    )
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def _wants_csv(request: Request) -> bool:
    return "text/csv" in request.headers.get("accept", "").lower()


def _cell(value: Any) -> Any:
    """A spreadsheet takes text that begins so for a formula."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
