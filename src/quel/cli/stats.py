"""`quel stats`: jobs and images by outcome, credits, provider cost and time, of the last hours or days."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

import typer

from quel.cli.connections import open_services
from quel.cli.durations import read_duration, spoken
from quel.cli.tables import show_json, show_table
from quel.core.operations.statistics import Grouping, GroupStats, ReasonStats
from quel.operations.statistics import count_groups, count_reasons


def stats(
    by: Annotated[Grouping, typer.Option(help="Split by this.")] = Grouping.PATH,
    since: Annotated[
        timedelta,
        typer.Option(parser=read_duration, metavar="DURATION", help="Jobs created within it: 30m, 24h, 7d."),
    ] = "24h",  # type: ignore[assignment]  # typer hands the text to the parser
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Count jobs and images by outcome, credits taken, provider cost and median seconds."""
    title = f"Jobs of the last {spoken(since.total_seconds())} by {by}"
    with open_services() as services:
        if by is Grouping.REASON:
            reasons = count_reasons(services, since)
            show_json(reasons) if as_json else _show_reasons(reasons, title)
        else:
            groups = count_groups(services, by, since)
            show_json(groups) if as_json else _show_groups(groups, by, title)


def _show_reasons(found: Sequence[ReasonStats], title: str) -> None:
    show_table(
        ("reason", "#failed images", "#jobs"), ((r.reason, r.images, r.jobs) for r in found), title=title
    )


def _show_groups(found: Sequence[GroupStats], by: Grouping, title: str) -> None:
    show_table(
        (
            by.value,
            *("#jobs", "#pending", "#processing", "#completed", "#failed", "#cancelled"),
            *("#images stored", "#failed", "#cancelled", "#under way"),
            *("#credits", "#cost US$", "#median s"),
        ),
        (
            (
                group.key,
                *(group.jobs, group.pending, group.processing, group.completed, group.failed),
                *(group.cancelled, group.images_stored, group.images_failed, group.images_cancelled),
                *(group.images_under_way, group.credits, f"{group.cost_usd:.4f}"),
                "" if group.median_seconds is None else f"{group.median_seconds:.1f}",
            )
            for group in found
        ),
        title=title,
    )
