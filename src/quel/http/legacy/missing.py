"""What the old server could and quel cannot: told by name, so that nobody looks for a fault of his own."""

from fastapi import APIRouter

from quel.http.guard import ORDERS, GuardedRoute, needs
from quel.http.problems import Problem

router = APIRouter(route_class=GuardedRoute, include_in_schema=False)


@router.post("/enqueue-video")
@router.post("/api/enqueue-video")
@needs(ORDERS, legacy=True)
def video() -> None:
    """Videos."""
    raise _missing("Video")


@router.post("/api/landing/{rest:path}")
@needs(ORDERS, legacy=True)
def landing() -> None:
    """Landing pages."""
    raise _missing("Landing pages over HTTP")


@router.post("/api/studio/{rest:path}")
@needs(ORDERS, legacy=True)
def studio() -> None:
    """The studio."""
    raise _missing("The studio")


def _missing(what: str) -> Problem:
    return Problem(501, f"{what} is not built yet.")
