"""The broker: Dramatiq on a Redis database of its own, every middleware named once, in order, with why."""

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import CurrentMessage, TimeLimit
from periodiq import PeriodiqMiddleware

from quel.actors.generation_bell import GenerationBell
from quel.actors.ingest_bridge import IngestBridge
from quel.actors.retries import RetriesThatAreNeverLost
from quel.actors.worker_process import WorkerProcess
from quel.adapters.redis.client import connect
from quel.settings import Settings

_ALWAYS = 1_000_000
"""Maintenance with every command: a killed worker's messages are back after its heartbeat timeout, 60 s."""


def make_broker(settings: Settings) -> dramatiq.Broker:
    """The broker of one process. Nothing is sent until it is used."""
    middleware: list[dramatiq.Middleware] = [
        WorkerProcess(settings),  # first: checks the settings and builds the neighbours the others use
        TimeLimit(),  # a generous backstop; calls carry deadlines of their own
        CurrentMessage(),  # tells an actor whether this is its last try
        RetriesThatAreNeverLost(max_retries=5, min_backoff=500, max_backoff=30_000),
        PeriodiqMiddleware(skip_delay=30),  # a tick that is late by more is dropped: the next is near
        IngestBridge(settings),  # raw lists → fetch_job, in the processes that serve it
        GenerationBell(settings),  # leases and waiting images, in the processes that generate
    ]
    client = connect(settings.broker_redis)
    return RedisBroker(client=client, middleware=middleware, maintenance_chance=_ALWAYS)  # type: ignore[no-untyped-call]  # Dramatiq leaves it without types
