"""The broker: Dramatiq on a Redis database of its own, every middleware named once, in order, with why."""

import dramatiq
from dramatiq.middleware import CurrentMessage, TimeLimit
from periodiq import PeriodiqMiddleware

from quel.actors.admission.middleware import AdmissionMiddleware
from quel.actors.admission.preparation import PreparationMiddleware
from quel.actors.consumer_heartbeat import ConsumerHeartbeat
from quel.actors.middleware.health import HealthMiddleware
from quel.actors.middleware.ingest import IngestMiddleware
from quel.actors.middleware.metrics import MetricsMiddleware
from quel.actors.middleware.queue_poller import QueuePoller
from quel.actors.middleware.retries import DurableRetries
from quel.actors.middleware.scheduler_health import SchedulerHealthMiddleware
from quel.actors.middleware.sweep_heartbeat import SweepHeartbeatMiddleware
from quel.actors.middleware.worker_setup import WorkerSetup
from quel.actors.redis_broker import PollingRedisBroker
from quel.adapters.redis.client import connect
from quel.core.errors import SettingsError
from quel.observe.multiprocess import MetricFiles
from quel.settings import Settings

_ALWAYS = 1_000_000
"""Maintenance with every command: a killed worker's messages are back after its heartbeat timeout, 60 s."""


def make_broker(settings: Settings, files: MetricFiles | None = None) -> dramatiq.Broker:
    """The broker of one process, which counts in `files`. Nothing is sent until it is used.

    Raises SettingsError where traces are asked for and cannot be written.
    """
    beats = ConsumerHeartbeat()
    middleware: list[dramatiq.Middleware] = [
        WorkerSetup(settings),  # first: checks the settings and builds the neighbours the others use
        TimeLimit(),  # a generous backstop; calls carry deadlines of their own
        CurrentMessage(),  # tells an actor whether this is its last try
        DurableRetries(max_retries=5, min_backoff=500, max_backoff=30_000),
        QueuePoller(settings),  # wakes consumers for what other processes send
        PeriodiqMiddleware(skip_delay=30),  # a tick that is late by more is dropped: the next is near
        IngestMiddleware(settings),  # raw lists → fetch_job, in the processes that serve it
        AdmissionMiddleware(settings),  # leases and waiting images, in the processes that generate
        PreparationMiddleware(),  # jobs that wait to be prepared, in the processes that prepare
        SweepHeartbeatMiddleware(),  # the sweep's heartbeat
        SchedulerHealthMiddleware(settings),  # health of the scheduler, which is no worker
        HealthMiddleware(
            settings, beats, files
        ),  # after the threads it tells of: they start and end within it
        *_traces(settings),  # only where a collector is configured
        MetricsMiddleware(),  # innermost: measures the actor alone
    ]
    client = connect(settings.broker_redis)
    return PollingRedisBroker(
        heartbeat=beats, client=client, middleware=middleware, maintenance_chance=_ALWAYS
    )


def _traces(settings: Settings) -> list[dramatiq.Middleware]:
    if settings.traces_wanted_by is None:
        return []
    try:
        from quel.actors.middleware.tracing import Traces
    except ImportError as error:
        raise SettingsError(
            f"{settings.traces_wanted_by} asks for traces, but what writes them is not installed ({error})."
            " Install what requirements-traces.lock names (the extra `traces`; for the image,"
            " --build-arg LOCK=requirements-traces.lock), or set OTEL_SDK_DISABLED=true."
        ) from None
    return [Traces()]
