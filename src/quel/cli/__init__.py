"""`quel …`: one file a verb. Exit codes: 0 well; 1 what was asked about is not; 2 wrong usage or setting."""

import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated

import typer

from quel.cli.actions import actions
from quel.cli.audit import audit_command
from quel.cli.backfill_paths import backfill_paths
from quel.cli.bulk import bulk
from quel.cli.cancel import cancel
from quel.cli.console import remark
from quel.cli.dead import dead
from quel.cli.demo import demo
from quel.cli.doctor import doctor
from quel.cli.jobs import jobs
from quel.cli.look import look
from quel.cli.pause import pause, resume
from quel.cli.plan import plan
from quel.cli.retry import retry
from quel.cli.serve import serve, token
from quel.cli.show import show
from quel.cli.stats import stats, usage
from quel.cli.submit import submit
from quel.cli.watch import watch
from quel.cli.webhooks import webhooks_group
from quel.cli.world import sandbox
from quel.core.errors import Conflict, Declined, QuelError, SettingsError

app = typer.Typer(
    name="quel",
    help="Turns Quel Canvas job rows into finished, stored, paid-for images.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a traceback could show settings
)


def _show_version(asked: bool) -> None:
    if asked:
        print(f"quel {version('quel')}")
        raise typer.Exit


@app.callback()
def about(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Print the version, and do nothing else."
        ),
    ] = False,
) -> None:
    """Turns Quel Canvas job rows into finished, stored, paid-for images."""


VERBS: tuple[Callable[..., None], ...] = (
    *(demo, serve, submit, watch, doctor),
    *(plan, look, jobs, show, stats, usage, retry, cancel, pause, resume, actions, backfill_paths),
)
for verb in VERBS:
    app.command()(verb)
app.command("audit")(audit_command)
app.add_typer(bulk, name="bulk")
app.add_typer(dead, name="dead")
app.add_typer(webhooks_group, name="webhooks")
app.add_typer(token, name="token")
app.add_typer(sandbox, name="sandbox")


def main() -> None:
    """Runs a verb; what goes wrong on purpose is told as a sentence, never as a traceback."""
    try:
        app()
    except Declined as error:
        remark(str(error))
        sys.exit(1 if isinstance(error, Conflict) else 2)
    except SettingsError as error:
        print(f"quel: {error}", file=sys.stderr)
        sys.exit(2)
    except QuelError as error:
        print(f"quel: {error}", file=sys.stderr)
        sys.exit(1)
