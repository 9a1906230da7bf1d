import copy
import json
import re
from typing import Any

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


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return found


def test_the_first_row_says_in_six_tiles_whether_it_is_well() -> None:
    panels = dashboard()["panels"]
    assert [panel["type"] for panel in panels[:8]] == ["row", *["stat"] * 6, "row"]
    assert len({panel["gridPos"]["y"] for panel in panels[1:7]}) == 1
    assert sum(panel["gridPos"]["w"] for panel in panels[1:7]) == 24


def test_no_panel_lies_over_another() -> None:
    cells: set[tuple[int, int]] = set()
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        place = panel["gridPos"]
        taken = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        cells |= taken


def test_links_lead_to_lists_of_jobs_by_filters_and_labels_that_exist() -> None:
    links = [
        (panel, link)
        for panel in dashboard()["panels"]
        for link in panel.get("fieldConfig", {}).get("defaults", {}).get("links", [])
    ]
    assert len(links) > 6
    filters = {"path", "status", "type", "org", "member", "reason", "since"}
    for panel, link in links:
        where, query = link["url"].split("?")
        assert where == "${console}/console/jobs"
        assert {pair.split("=")[0] for pair in query.split("&")} <= filters
        told = {name for target in panel["targets"] for name in re.findall(r"\((.*?)\)", target["expr"])}
        for label in re.findall(r"\$\{__field\.labels\.(\w+)\}", query):
            assert any(label in names.replace(" ", "").split(",") for names in told), panel["title"]
