"""The broker: Dramatiq on a Redis database of its own, every middleware named once, in order, with why."""

import dramatiq
from dramatiq.middleware import CurrentMessage, TimeLimit
from periodiq import PeriodiqMiddleware

from quel.actors.generation_bell import GenerationBell
from quel.actors.health_port import HealthPort
from quel.actors.ingest_bridge import IngestBridge
from quel.actors.lookout import Lookout
from quel.actors.prompt_broker import PromptBroker
from quel.actors.pulse import Pulse
from quel.actors.retries import RetriesThatAreNeverLost
from quel.actors.scheduler_port import SchedulerPort
from quel.actors.stage_runs import StageRuns
from quel.actors.sweep_heartbeat import NoteSweeps
from quel.actors.worker_process import WorkerProcess
from quel.adapters.redis.client import connect
from quel.observe.metric_files import MetricFiles
from quel.settings import Settings

_ALWAYS = 1_000_000
"""Maintenance with every command: a killed worker's messages are back after its heartbeat timeout, 60 s."""


def make_broker(settings: Settings, files: MetricFiles | None = None) -> dramatiq.Broker:
    """The broker of one process, which counts in `files`. Nothing is sent until it is used."""
    pulse = Pulse()
    middleware: list[dramatiq.Middleware] = [
        WorkerProcess(settings),  # first: checks the settings and builds the neighbours the others use
        TimeLimit(),  # a generous backstop; calls carry deadlines of their own
        CurrentMessage(),  # tells an actor whether this is its last try
        RetriesThatAreNeverLost(max_retries=5, min_backoff=500, max_backoff=30_000),
        Lookout(settings),  # wakes consumers for what other processes send
        PeriodiqMiddleware(skip_delay=30),  # a tick that is late by more is dropped: the next is near
        IngestBridge(settings),  # raw lists → fetch_job, in the processes that serve it
        GenerationBell(settings),  # leases and waiting images, in the processes that generate
        NoteSweeps(),  # the sweep's heartbeat
        SchedulerPort(settings),  # health of the scheduler, which is no worker
        HealthPort(settings, pulse, files),  # after the threads it tells of: they start and end within it
        *_traces(settings),  # only where a collector is configured
        StageRuns(),  # innermost: measures the actor alone
    ]
    client = connect(settings.broker_redis)
    return PromptBroker(pulse=pulse, client=client, middleware=middleware, maintenance_chance=_ALWAYS)


def _traces(settings: Settings) -> list[dramatiq.Middleware]:
    if not settings.traces_wanted:
        return []
    from quel.actors.traces import Traces

    return [Traces()]
