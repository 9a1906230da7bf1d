"""Addresses that need no token: whether the server answers, and what it can be asked."""

from html import escape
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import HTMLResponse

VERSION = version("quel")

PROBLEM: dict[str, Any] = {
    "application/problem+json": {
        "schema": {
            "type": "object",
            "required": ["type", "title", "status", "detail", "instance", "request_id"],
            "properties": {
                **{
                    name: {"type": "string"} for name in ("type", "title", "detail", "instance", "request_id")
                },
                "status": {"type": "integer"},
                "errors": {"type": "array", "items": {"type": "object"}},
            },
        }
    }
}
"""How every error is told, for the OpenAPI."""


class DescribedApp(FastAPI):
    """An app whose OpenAPI says that every route wants a token."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI, made once."""
        made = self.openapi_schema is not None
        described = super().openapi()
        if not made:
            schemes = described.setdefault("components", {}).setdefault("securitySchemes", {})
            schemes["token"] = {"type": "http", "scheme": "bearer", "bearerFormat": "quel_…"}
            described["security"] = [{"token": []}]
        return described


router = APIRouter(include_in_schema=False)


@router.get("/")
@router.get("/health")
async def health() -> dict[str, str]:
    """Says that the server answers, as the old one did."""
    return {"status": "healthy", "service": "quel"}


@router.get("/openapi.json")
@router.get("/api/v1/openapi.json")
async def openapi(request: Request) -> dict[str, Any]:
    """The description that clients are made from."""
    described: dict[str, Any] = request.app.openapi()
    return described


@router.get("/docs")
@router.get("/api/v1/docs")
async def docs(request: Request) -> HTMLResponse:
    """The same for people: a page of plain HTML, since the security policy lets no script in."""
    rows = "".join(
        f"<tr><td><code>{method.upper()} {escape(path)}</code></td><td>{escape(told.get('summary', ''))}</td>"
        f"<td>{escape(told.get('description', ''))}</td></tr>"
        for path, methods in request.app.openapi()["paths"].items()
        for method, told in methods.items()
    )
    return HTMLResponse(
        f'<!doctype html><html lang="en"><title>quel {escape(VERSION)}</title><h1>quel {escape(VERSION)}</h1>'
        '<p>The whole description: <a href="/openapi.json">openapi.json</a>.</p>'
        f"<table><tr><th>Request</th><th>Name</th><th>What it does</th></tr>{rows}</table></html>"
    )
