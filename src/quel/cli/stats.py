"""`quel stats` and `quel usage`: jobs, images, credits and provider cost of the last hours or days."""

from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

import typer

from quel.cli.connections import open_services
from quel.cli.console import say, sparingly
from quel.cli.durations import read_duration, spoken
from quel.cli.tables import show_json, show_table
from quel.cli.words import one_of
from quel.core.operations.statistics import Grouping, GroupStats, PayerStats, ReasonStats
from quel.operations.statistics import count_groups, count_payers, count_reasons

Since = Annotated[
    timedelta,
    typer.Option(parser=read_duration, metavar="DURATION", help="Jobs created within it: 30m, 24h, 7d, 4w."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")]


class PayerKinds(StrEnum):
    """Whose use is asked for."""

    ALL = "all"
    ORG = "org"
    MEMBER = "member"


def stats(
    by: Annotated[
        Grouping, typer.Option(parser=one_of(Grouping), metavar="path|type|reason", help="Split by this.")
    ] = Grouping.PATH,
    since: Since = "24h",  # type: ignore[assignment]  # typer hands the text to the parser
    as_json: AsJson = False,
) -> None:
    """Count jobs and images by outcome, credits taken, provider cost and median seconds.

    Sums are exact; the seconds are the median of the newest 1,000 completed jobs.
    """
    span = f"the last {spoken(since.total_seconds())}"
    with open_services() as services:
        if by is Grouping.REASON:
            reasons = count_reasons(services, since, sparingly(_counted))
            show_json(reasons) if as_json else _show_reasons(reasons, span)
        else:
            groups = count_groups(services, by, since, sparingly(_counted))
            show_json(groups) if as_json else _show_groups(groups, by, span)


def usage(
    by: Annotated[
        PayerKinds,
        typer.Option(parser=one_of(PayerKinds), metavar="all|org|member", help="Whose use is asked for."),
    ] = PayerKinds.ALL,
    since: Since = "30d",  # type: ignore[assignment]  # typer hands the text to the parser
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many, the largest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show who paid: jobs, images, credits and provider cost by organization and member."""
    organizations = None if by is PayerKinds.ALL else by is PayerKinds.ORG
    with open_services() as services:
        tell = sparingly(_counted)
        found = count_payers(services, since, organizations=organizations, most=limit, tell=tell)
    show_json(found) if as_json else _show_payers(found, f"the last {spoken(since.total_seconds())}")


def _counted(hours: int) -> str:
    return f"{hours:,} hours that nobody had counted yet are counted now, once for all."


def _show_reasons(found: Sequence[ReasonStats], span: str) -> None:
    if not found:
        say(f"No image failed in {span}.")
        return
    show_table(
        ("reason", "#failed images", "#jobs"),
        ((r.reason, r.images, r.jobs) for r in found),
        title=f"Jobs of {span} by reason",
    )


def _show_groups(found: Sequence[GroupStats], by: Grouping, span: str) -> None:
    if not found:
        say(f"No job was created in {span}.")
        return
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
        title=f"Jobs of {span} by {by}",
    )


def _show_payers(found: Sequence[PayerStats], span: str) -> None:
    if not found:
        say(f"Nobody ordered anything in {span}.")
        return
    show_table(
        ("who", "id", "#jobs", "#failed", "#images stored", "#images failed", "#credits", "#cost US$"),
        (
            (
                "organization" if payer.is_organization else "member",
                *(payer.payer_id, payer.jobs, payer.failed_jobs, payer.images_stored, payer.images_failed),
                *(payer.credits, f"{payer.cost_usd:.4f}"),
            )
            for payer in found
        ),
        title=f"Who pays for the jobs of {span}",
    )
