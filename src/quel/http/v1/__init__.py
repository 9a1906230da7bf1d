"""The routes of /api/v1, a file a resource."""

from fastapi import APIRouter

from quel.http.description import PROBLEM
from quel.http.v1 import audits, bulk, events, figures, jobs, operators, orders, standing, webhooks

router = APIRouter(responses={"default": {"description": "It was not done.", "content": PROBLEM}})
for each in (orders, jobs, events, bulk, audits, figures, standing, operators, webhooks):
    router.include_router(each.router)
