"""What the dashboard and the alerts ask for is what quel tells when it works, fails and waits.

That Prometheus itself runs the queries is rehearsed in tests/rehearsal/monitoring.py.
"""

import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import httpx
import pytest
from deploy.manifests import Manifest
from deploy.monitoring import DASHBOARD, alerts, dashboard_expressions, selectors
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from promql_parser import Matcher, MatchOp, VectorSelector

from quel.sandbox.processes import QuelProcess
from quel.sandbox.servers.ports import free_port
from tests.integration import plain_http
from tests.integration.harness import Pipeline, until
from tests.rehearsal.life import NOT_PROVOKED, OF_COMFYUI, SETTINGS, live

PATIENCE_S = 40.0  # of a scrape, and of the look at what waits every ten seconds


def expressions(rule: Manifest) -> list[str]:
    asked = dashboard_expressions(json.loads(DASHBOARD.read_text()))
    return [text.replace("$path", ".*") for text in (*asked, *(alert["expr"] for alert in alerts(rule)))]


def scrape(*ports: int) -> list[Sample]:
    texts = [plain_http.get(f"http://127.0.0.1:{port}/metrics").text for port in ports]
    families = (family for text in texts for family in text_string_to_metric_families(text))
    return [sample for family in families for sample in family.samples]


def finds(selector: VectorSelector, told: Iterable[Sample]) -> bool:
    asked = selector.matchers.matchers
    return any(
        sample.name == selector.name and all(fits(one, sample.labels.get(one.name, "")) for one in asked)
        for sample in told
    )


def fits(matcher: Matcher, told: str) -> bool:
    if matcher.op == MatchOp.Re:
        return re.fullmatch(matcher.value, told) is not None
    assert matcher.op in (MatchOp.Equal, MatchOp.NotEqual)
    return bool((told == matcher.value) == (matcher.op == MatchOp.Equal))


def unanswered(wanted: Mapping[str, VectorSelector], told: Sequence[Sample]) -> list[str]:
    return [text for text, selector in wanted.items() if not finds(selector, told)]


@pytest.mark.slow
@pytest.mark.usefixtures("whole_pictures")
def test_every_query_asks_for_something_that_is_told(
    pipeline: Pipeline, alert_rule: Manifest, tmp_path: Path
) -> None:
    working, ticking, asked, serving = (free_port() for _ in range(4))
    pipeline.workers(QUEL_HTTP_PORT=working, QUEL_TAKE_CHECK="", **SETTINGS)
    pipeline.scheduler(QUEL_HTTP_PORT=ticking)
    environment = pipeline.environment(QUEL_HTTP_PORT=serving, QUEL_API_PORT=asked)
    with QuelProcess(["quel", "serve"], environment, tmp_path / "serve.log"):
        live(pipeline.studio, pipeline.world.gemini)
        for address in (f"{asked}/health", *(f"{port}/metrics" for port in (working, ticking, serving))):
            until(partial(is_served, address), f"port and path {address} are served")
        assert_all_told(alert_rule, working, ticking, serving)


def is_served(address: str) -> bool:
    try:
        return plain_http.get(f"http://127.0.0.1:{address}").is_success
    except httpx.TransportError:
        return False


def assert_all_told(alert_rule: Manifest, *ports: int) -> None:
    wanted = {
        str(selector): selector
        for expression in expressions(alert_rule)
        for selector in selectors(expression)
        if selector.name not in NOT_PROVOKED and OF_COMFYUI not in str(selector)
    }
    assert len(wanted) > 30

    deadline = time.monotonic() + PATIENCE_S
    while left := unanswered(wanted, scrape(*ports)):
        assert time.monotonic() < deadline, left
        time.sleep(0.5)
