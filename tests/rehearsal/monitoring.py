"""`python -m tests.rehearsal.monitoring`: a real Prometheus scrapes real processes and runs every query.

The dashboard's queries and the alerts' run against what quel tells while it works, fails, waits and loses
PostgreSQL. Exit code 1 when Prometheus refuses a query, a query finds nothing though it should, or an alert
stays silent; 2 where there is no Prometheus. It is not among the project's packages: install your system's.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml
from deploy import ROOT
from deploy.manifests import render
from deploy.monitoring import DASHBOARD, alerts, dashboard_expressions

import quel.sandbox
from quel.sandbox.processes import QuelProcess, migrate, scheduler, workers
from quel.sandbox.servers.ports import free_port
from quel.sandbox.studio import Studio
from tests.rehearsal.life import NOT_PROVOKED, SETTINGS, live

PROVOKED = {"QuelEntriesSetAside", "QuelProviderAccount"}
AT_THE_OUTAGE = {"QuelNeighbourDown"}


class Prometheus:
    """A server that scrapes every second and evaluates quel's rules."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=10)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series a query answers with. Raises ValueError with Prometheus's own words."""
        answer = self._client.get("/api/v1/query", params={"query": expression}).json()
        if answer["status"] != "success":
            raise ValueError(answer["error"])
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    def alerts(self) -> set[str]:
        """The alerts that are pending or firing."""
        found = self._client.get("/api/v1/alerts").json()["data"]["alerts"]
        return {alert["labels"]["alertname"] for alert in found}

    def ready(self) -> bool:
        try:
            return self._client.get("/-/ready").is_success
        except httpx.TransportError:
            return False


def main() -> int:
    """Rehearses once."""
    parser = argparse.ArgumentParser(prog="python -m tests.rehearsal.monitoring")
    parser.add_argument("--prometheus", default="prometheus", help="the program, where it is not on the PATH")
    program = shutil.which(parser.parse_args().prometheus)
    if program is None:
        print("There is no prometheus here: install your system's package, or name it with --prometheus.")
        return 2
    [rule] = [one for one in render(ROOT / "deploy/overlays/production") if one["kind"] == "PrometheusRule"]
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rehearsal-")))
        world = stack.enter_context(quel.sandbox.World(ready_made=True))
        ports = [stack.enter_context(_process(world, directory, kind)) for kind in ("workers", "scheduler")]
        port, api = stack.enter_context(_server(world, directory))
        prometheus = stack.enter_context(_prometheus(program, directory, [*ports, port], rule["spec"]))
        live(Studio(world.database_url, world.redis_url, world.storage), world.gemini)
        until(lambda: prometheus.query("quel_jobs_total"), "the jobs are scraped")
        for _ in range(24):  # a look at what waits, and a few scrapes for rates
            httpx.get(f"{api}/api/v1/jobs")
            time.sleep(0.5)
        broken = [*_ask(prometheus, rule), *_await_alerts(prometheus, PROVOKED)]
        world.servers.stop_postgres()
        broken += _await_alerts(prometheus, AT_THE_OUTAGE)
    for sentence in broken:
        print(f"BROKEN  {sentence}")
    print("every query was answered" if not broken else f"{len(broken)} queries or alerts are wrong")
    return 1 if broken else 0


@contextmanager
def _process(world: quel.sandbox.World, directory: Path, kind: str) -> Iterator[int]:
    """Workers or a scheduler that tell metrics; their port."""
    port = free_port()
    settings = {name: str(value) for name, value in SETTINGS.items()}
    environment = world.environment() | settings | {"QUEL_HTTP_PORT": str(port)}
    if kind == "workers":
        migrate(environment)
    start = workers if kind == "workers" else scheduler
    with start(environment, directory / f"{kind}.log"):
        yield port


@contextmanager
def _server(world: quel.sandbox.World, directory: Path) -> Iterator[tuple[int, str]]:
    """`quel serve`, which needs no token here: the port of its metrics, and its address."""
    port, api_port = free_port(), free_port()
    places = {"QUEL_HTTP_PORT": str(port), "QUEL_API_PORT": str(api_port)}
    with QuelProcess(["quel", "serve"], world.environment() | places, directory / "serve.log"):
        address = f"http://127.0.0.1:{api_port}"
        until(lambda: _answers(address), "quel serve answers")
        yield port, address


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/health").is_success
    except httpx.TransportError:
        return False


@contextmanager
def _prometheus(
    program: str, directory: Path, ports: list[int], rules: dict[str, Any]
) -> Iterator[Prometheus]:
    port = free_port()
    (directory / "rules.yaml").write_text(yaml.safe_dump(rules))
    targets = [f"127.0.0.1:{each}" for each in ports]
    settings = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yaml"],
        "scrape_configs": [{"job_name": "quel", "static_configs": [{"targets": targets}]}],
    }
    (directory / "prometheus.yaml").write_text(yaml.safe_dump(settings))
    command = [
        program,
        f"--config.file={directory / 'prometheus.yaml'}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (directory / "prometheus.log").open("w") as log, subprocess.Popen(command, stderr=log) as server:
        try:
            prometheus = Prometheus(f"http://127.0.0.1:{port}")
            until(prometheus.ready, "Prometheus is ready")
            yield prometheus
        finally:
            server.terminate()


def _ask(prometheus: Prometheus, rule: dict[str, Any]) -> Iterator[str]:
    """Runs every query; what is wrong with the answers."""
    seen = [*dashboard_expressions(json.loads(DASHBOARD.read_text()))]
    told = 0
    for expression in seen:
        readable = expression.replace("$__rate_interval", "1m").replace("$path", ".*")
        readable = readable.removesuffix(" > 0")  # nothing waits on the queues by now: zeros are an answer
        try:
            found = prometheus.query(readable)
        except ValueError as error:
            yield f"{expression}: {error}"
            continue
        told += bool(found)
        if not found and not any(name in expression for name in NOT_PROVOKED):
            yield f"{expression}: finds nothing"
    rules = [*alerts(rule)]
    for alert in rules:
        try:
            prometheus.query(alert["expr"])
        except ValueError as error:
            yield f"{alert['alert']}: {error}"
    print(f"{len(seen)} queries of the dashboard, {told} with something to show; {len(rules)} alerts")


def _await_alerts(prometheus: Prometheus, expected: set[str]) -> Iterator[str]:
    """Waits for alerts; those that stay silent."""
    try:
        until(lambda: expected <= prometheus.alerts(), "the alerts")
    except TimeoutError:
        yield f"Alerts that stay silent: {', '.join(sorted(expected - prometheus.alerts()))}."
    print(f"pending or firing: {', '.join(sorted(prometheus.alerts()))}")


def until(condition: Callable[[], Any], what: str, *, timeout_s: float = 60.0) -> None:
    """Polls until `condition` says something true. Raises TimeoutError naming `what`."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Not within {timeout_s:.0f} s: {what}")
        time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main())
