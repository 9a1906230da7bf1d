import copy
import json

import pytest
from deploy import ROOT
from deploy.manifests import Manifest
from deploy.monitoring import (
    DASHBOARD,
    alert_problems,
    alerts,
    dashboard_expressions,
    dashboard_problems,
    declared,
    problems,
)


def test_the_dashboard_asks_for_metrics_and_labels_that_exist() -> None:
    assert list(dashboard_problems()) == []


def test_the_alerts_ask_for_metrics_and_labels_that_exist_and_send_to_pages_that_do(
    alert_rule: Manifest,
) -> None:
    assert list(alert_problems(alert_rule, ROOT)) == []


def test_every_metric_is_seen_on_the_dashboard_or_by_an_alert(alert_rule: Manifest) -> None:
    expressions = [*dashboard_expressions(json.loads(DASHBOARD.read_text()))]
    seen = " ".join([*expressions, *(alert["expr"] for alert in alerts(alert_rule))])
    families = {
        name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count") for name in declared()
    }
    assert sorted(family for family in families if family not in seen) == []


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("sum(rate(quel_image_total[5m]))", "no metric quel_image_total"),
        ('quel_images_total{state="failed"}', "no label state"),
        ("sum by (model) (quel_images_total)", "a label model"),
        ("sum by (path (quel_images_total)", "sum by (path (quel_images_total)"),
        ("quel_job_duration_seconds > 1", "no metric quel_job_duration_seconds"),
    ],
)
def test_an_expression_that_asks_for_nothing_is_told(expression: str, told: str) -> None:
    assert any(told in problem for problem in problems(expression))


@pytest.mark.parametrize(
    "expression",
    [
        "histogram_quantile(0.95, sum by (le) (rate(quel_job_duration_seconds_bucket[$__rate_interval])))",
        'sum by (path, pod) (quel_images_total{outcome="failed", namespace="quel"})',
    ],
)
def test_an_expression_that_asks_for_what_there_is_passes(expression: str) -> None:
    assert problems(expression) == []


def test_an_alert_that_sends_to_no_page_is_told(alert_rule: Manifest) -> None:
    rule = copy.deepcopy(alert_rule)
    next(alerts(rule))["annotations"]["runbook"] = "docs/operate/panic.md"
    assert any("panic.md" in problem for problem in alert_problems(rule, ROOT))
