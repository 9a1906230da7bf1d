"""`quel sandbox …`: a world on this machine that stays up, to play with; nothing of it outlives `down`."""

import shlex
import signal
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quel.cli.console import say, stop
from quel.cli.tables import show_json

if TYPE_CHECKING:
    from quel.sandbox.standing import Standing

sandbox = typer.Typer(no_args_is_help=True, help="A world on this machine that stays up, to play with.")

_START_DEADLINE_S = 180.0
_NAMES = ("quota", "500", "blocked", "none")

AsJson = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]


@sandbox.command()
def up(
    latency: Annotated[float, typer.Option(min=0, help="Seconds a provider call takes.")] = 2.0,
    rpm: Annotated[int | None, typer.Option(min=1, help="Calls a minute the provider allows.")] = None,
    jobs: Annotated[int, typer.Option(min=0, max=1_000, help="Jobs to push at once.")] = 9,
    detach: Annotated[bool, typer.Option("--detach", help="Come back when it is up.")] = False,
    as_json: AsJson = False,
) -> None:
    """Start PostgreSQL, Redis, Storage, Gemini, workers and scheduler, and stay until Ctrl-C or `down`."""
    check_sandbox("quel sandbox")
    from quel.sandbox.demo.caller import end_tidily, forget_caller
    from quel.sandbox.standing import find_standing, world_that_stays

    if find_standing() is not None:
        stop("A sandbox is up already: `quel sandbox down` ends it.")
    if detach:
        _tell(_start_detached(latency, rpm, jobs), as_json=as_json)
        return
    forget_caller()
    end_tidily()
    with (
        tempfile.TemporaryDirectory(prefix="quel-sandbox-logs-") as logs,
        world_that_stays(latency_s=latency, rpm=rpm, jobs=jobs, logs=Path(logs)) as standing,
    ):
        _tell(standing, as_json=as_json)
        wait_for_the_end()


@sandbox.command()
def env(as_json: AsJson = False) -> None:
    """Print the settings that point at the sandbox: `eval "$(quel sandbox env)"`."""
    standing = _standing()
    if as_json:
        show_json(standing.environment)
        return
    for name, value in standing.environment.items():
        print(f"export {name}={shlex.quote(value)}")


@sandbox.command()
def fault(
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(_NAMES)}.", metavar="NAME")],
    as_json: AsJson = False,
) -> None:
    """Make every call to the provider go wrong in one way, until another is named or none."""
    standing = _standing()
    from quel.sandbox.standing import FAULTS, set_fault

    if name not in FAULTS:
        stop(f'There is no fault "{name}": give one of {", ".join(FAULTS)}.')
    set_fault(standing, name)
    if as_json:
        show_json({"ok": True, "fault": name})
    else:
        say("Every call is answered well." if name == "none" else f"Every call is answered with {name}.")


@sandbox.command()
def down(as_json: AsJson = False) -> None:
    """End the sandbox and everything in it; exits 1 where none is up."""
    check_sandbox("quel sandbox")
    from quel.sandbox.standing import find_standing, stop_standing

    standing = find_standing()
    if standing is not None:
        stop_standing(standing)
    if as_json:
        show_json({"ok": standing is not None})
    else:
        say("The sandbox is gone." if standing else "No sandbox is up.")
    if standing is None:
        raise typer.Exit(1)


def check_sandbox(verb: str) -> None:
    """Ends the verb where quel was installed from its wheel, which carries only what production runs."""
    if find_spec("quel.sandbox") is None:
        stop(
            f"{verb} needs quel's sandbox, and the sandbox is not part of this installation:"
            " run it in a clone of the repository."
        )


def wait_for_the_end() -> None:
    """Until Ctrl-C or SIGTERM."""
    from quel.sandbox.demo.caller import end_if_asked

    try:
        while True:
            end_if_asked()
            signal.pause()
    except KeyboardInterrupt:
        say("")


def _standing() -> "Standing":
    check_sandbox("quel sandbox")
    from quel.sandbox.standing import find_standing

    standing = find_standing()
    if standing is None:
        stop("No sandbox is up: `quel sandbox up` starts one.")
    return standing


def _start_detached(latency: float, rpm: int | None, jobs: int) -> "Standing":
    from quel.sandbox.standing import find_standing

    command = [str(Path(sys.argv[0])), "sandbox", "up", "--latency", str(latency), "--jobs", str(jobs)]
    command += ["--rpm", str(rpm)] if rpm else []
    with tempfile.NamedTemporaryFile(prefix="quel-sandbox-", suffix=".log", delete=False) as log:
        child = subprocess.Popen(  # noqa: S603 - our own command
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    until = time.monotonic() + _START_DEADLINE_S
    while (standing := find_standing()) is None:
        if time.monotonic() > until or child.poll() is not None:
            stop(f"The sandbox did not come up; what it said is in {log.name}.")
        time.sleep(0.2)
    return standing


def _tell(standing: "Standing", *, as_json: bool) -> None:
    if as_json:
        show_json({"ok": True, **vars(standing)})
        return
    say(f"The sandbox is up with {len(standing.jobs)} jobs. In another terminal:")
    say('  eval "$(quel sandbox env)"; quel jobs --status all; quel sandbox fault quota; quel sandbox down')
    say(f"Who has credits: member {standing.member}, organization {standing.organization}.")
