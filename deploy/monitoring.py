"""Holds alerts and dashboard against the metrics the code declares: every name, every label."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
from prometheus_client.metrics import Histogram, MetricWrapperBase

from quel.observe import metrics
from quel.observe.backlog_collector import STATE_GAUGES

HERE = Path(__file__).parent
DASHBOARD = HERE / "components/grafana/quel.json"

_ADDED = {
    "namespace",
    "pod",
    "container",
    "instance",
    "job",
    "pid",
}  # by Prometheus, or for several processes


def declared() -> dict[str, set[str]]:
    """The labels of each sample that quel tells, by the sample's name."""
    known = {gauge.name: {*gauge.labels} for gauge in STATE_GAUGES}
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase):
            [family] = metric.describe()
            labels = {*metric._labelnames}  # prometheus_client tells them nowhere else
            if isinstance(metric, Histogram):
                known |= {f"{family.name}_bucket": labels | {"le"}}
                known |= {f"{family.name}_{part}": labels for part in ("sum", "count")}
            else:
                known[family.name + ("_total" if family.type == "counter" else "")] = labels
    return known


def problems(expression: str) -> list[str]:
    """What is wrong with a PromQL expression: unreadable, an unknown metric, or an unknown label."""
    try:
        asked_for = selectors(expression)
    except ValueError as error:
        return [f"{expression}: {error}"]
    found: list[str] = []
    known = declared()
    used: set[str] = set()
    for selector in asked_for:
        labels = known.get(selector.name or "")
        if labels is None:
            found.append(f"{expression}: quel has no metric {selector.name}")
        else:
            used.update(labels)
            asked = {matcher.name for matcher in selector.matchers.matchers}
            found.extend(
                f"{expression}: {selector.name} has no label {label}" for label in asked - labels - _ADDED
            )
    for group in re.findall(r"\b(?:by|on|ignoring|without)\s*\(([^)]*)\)", expression):
        named = {label.strip() for label in group.split(",") if label.strip()}
        found += [
            f"{expression}: nothing here has a label {label}" for label in sorted(named - used - _ADDED)
        ]
    return found


def selectors(expression: str) -> list[promql_parser.VectorSelector]:
    """The metrics with labels that a PromQL expression asks for. Raises ValueError where it is unreadable."""
    found: list[promql_parser.VectorSelector] = []

    def visit(node: Any) -> bool:
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)
        return True

    promql_parser.walk(promql_parser.parse(expression.replace("$__rate_interval", "5m")), visit)
    return found


def alerts(rule: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The alerts of a PrometheusRule."""
    for group in rule["spec"]["groups"]:
        yield from group["rules"]


def alert_problems(rule: dict[str, Any], root: Path) -> Iterator[str]:
    """What is wrong with alerts: expressions, labels in sentences, pages that are not there."""
    for alert in alerts(rule):
        for problem in problems(alert["expr"]):
            yield f"{alert['alert']}: {problem}"
        if not (root / alert["annotations"]["runbook"]).is_file():
            yield f"{alert['alert']} sends to {alert['annotations']['runbook']}, which does not exist."


def dashboard_expressions(dashboard: dict[str, Any]) -> Iterator[str]:
    """Every PromQL expression of a Grafana dashboard."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield target["expr"]


def dashboard_problems() -> Iterator[str]:
    """What is wrong with the dashboard."""
    for expression in dashboard_expressions(json.loads(DASHBOARD.read_text())):
        yield from problems(expression)
