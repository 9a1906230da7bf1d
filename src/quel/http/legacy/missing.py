"""What the old server could and quel cannot: told by name, so that nobody looks for a fault of his own."""

from fastapi import APIRouter

from quel.http.guard import ORDERS, OWN, GuardedRoute, needs
from quel.http.problems import Problem

router = APIRouter(route_class=GuardedRoute, include_in_schema=False)


@router.post("/api/modify/submit")
@needs(ORDERS, legacy=True)
def modify() -> None:
    """In-painting."""
    raise _missing("In-painting over HTTP")


@router.post("/api/multiview/generate")
@needs(ORDERS, legacy=True)
def multiview() -> None:
    """Views from all sides."""
    raise _missing("Multiview over HTTP")


@router.get("/api/multiview/check-credits")
@needs(OWN, legacy=True)
def check_credits() -> None:
    """What views from all sides would cost."""
    raise _missing("Asking what a multiview costs")


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
