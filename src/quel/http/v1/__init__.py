"""The routes of /api/v1, a file a resource."""

from fastapi import APIRouter

from quel.http.description import PROBLEM
from quel.http.v1 import bulk, figures, jobs, operators, orders, standing

router = APIRouter(responses={"default": {"description": "It was not done.", "content": PROBLEM}})
for each in (orders, jobs, bulk, figures, standing, operators):
    router.include_router(each.router)
