"""`quel webhooks …`: what receivers were told of jobs that ended and what they answered; sent again."""

from datetime import timedelta
from typing import Annotated

import typer

from quel.cli.connections import open_services
from quel.cli.console import remark, say
from quel.cli.durations import read_duration
from quel.cli.tables import show_json, show_table
from quel.core.operations.webhooks import SentWebhook, WebhookFilter, WebhookState
from quel.operations.job_list import job_ids_named
from quel.operations.services import OperatorServices
from quel.operations.webhooks import send_again, webhook_ids_named, webhooks

webhooks_group = typer.Typer(
    no_args_is_help=True, help="Look at webhooks with their receivers' last answers; send them again."
)

Job = Annotated[str | None, typer.Option(help="Only those of this job: its id, or how it begins.")]
Since = Annotated[
    timedelta | None,
    typer.Option(parser=read_duration, metavar="DURATION", help="Only those written within it: 2h, 7d."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@webhooks_group.command("list")
def list_webhooks(
    job: Job = None,
    state: Annotated[WebhookState | None, typer.Option(help="Only those that stand there.")] = None,
    since: Since = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, the latest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List webhooks: of which job, to whom, how often tried, the last answer, and when the next try is."""
    with open_services() as services:
        found = webhooks(services, _meant(services, (), job, state, since), most=limit)
    if as_json:
        show_json(found)
    elif not found:
        say(
            "There is none. QUEL_WEBHOOK_URL, or QUEL_WEBHOOK_HOSTS and a job's callback_url, have them sent."
        )
    else:
        show_table(
            ("written", "id", "job", "type", "to", "state", "#tries", "last answer", "next try"),
            (_row(each) for each in found),
        )


@webhooks_group.command("send-again")
def send_again_command(
    ids: Annotated[
        list[str] | None, typer.Argument(help="Their ids, or how they begin.", metavar="ID...")
    ] = None,
    job: Job = None,
    state: Annotated[
        WebhookState | None, typer.Option(help="All that stand there, for instance given_up.")
    ] = None,
    since: Since = None,
    as_json: AsJson = False,
) -> None:
    """Send webhooks again, now, under the ids they had; a receiver that had one knows it by that."""
    with open_services() as services:
        done = send_again(services, _meant(services, ids or (), job, state, since))
    if as_json:
        show_json(done)
        return
    remark(done.unsent)
    say(f"{done.webhooks} {'webhook is' if done.webhooks == 1 else 'webhooks are'} sent again.")


def _meant(
    services: OperatorServices,
    ids: list[str] | tuple[str, ...],
    job: str | None,
    state: WebhookState | None,
    since: timedelta | None,
) -> WebhookFilter:
    job_id = job_ids_named(services, [job])[0] if job else None
    whole_ids = webhook_ids_named(services, ids)
    return WebhookFilter(whole_ids, job_id, state, None if since is None else since.total_seconds())


def _row(each: SentWebhook) -> tuple[object, ...]:
    written = f"{each.created_at:%Y-%m-%d %H:%M:%S}"
    next_try = f"{each.next_at:%Y-%m-%d %H:%M:%S}" if each.next_at else None
    to = each.host or "QUEL_WEBHOOK_URL"
    return (
        *(written, each.id[:12], each.job_id, each.type, to),
        *(each.state, each.tries, each.last_answer, next_try),
    )
