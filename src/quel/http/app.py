"""The app: every route behind one guard, every error through one table, every answer in one envelope."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.to_thread
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse

from quel.core.errors import QuelError
from quel.http import description, legacy, problems, v1
from quel.http.description import VERSION, DescribedApp
from quel.http.envelope import Envelope
from quel.http.services import THREADS, Api
from quel.http.streams import Streams

_DESCRIPTION = "Orders, jobs, figures and operators' acts of quel. Errors are application/problem+json."
_SENT = ["Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "Last-Event-ID", "X-Request-Id"]
_TOLD = [
    *("ETag", "Idempotency-Replayed", "Link", "Location", "RateLimit", "RateLimit-Policy", "Retry-After"),
    "X-Request-Id",
]
_ERRORS: tuple[type[Exception], ...] = (QuelError, RequestValidationError, HTTPException)


def make_app(api: Api) -> FastAPI:
    """The app of one process."""
    app = DescribedApp(
        title="quel",
        version=VERSION,
        description=_DESCRIPTION,
        openapi_url=None,  # its own routes, which need no token
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.api = api
    for kind in _ERRORS:
        app.add_exception_handler(kind, _answer)
    app.include_router(description.router)
    app.include_router(v1.router, prefix="/api/v1")
    if api.settings.http_legacy != "off":
        app.include_router(legacy.router)
    if api.settings.api_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=api.settings.api_origins,
            allow_methods=["GET", "POST", "PUT", "DELETE", "OPTIONS"],
            allow_headers=_SENT,
            expose_headers=_TOLD,
        )
    app.add_middleware(Envelope)
    return app


async def _answer(request: Request, error: Exception) -> JSONResponse:
    return problems.answer(request, error)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    streams: Streams = app.state.api.streams
    anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(streams.run)
        yield
        streams.close()
        tasks.cancel_scope.cancel()
