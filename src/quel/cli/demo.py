"""`quel demo`: everything at work on this machine, and the proof that it is right."""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer
from rich.table import Table

from quel.cli.console import err, out

if TYPE_CHECKING:
    from quel.sandbox.demo.orders import Order
    from quel.sandbox.studio import Studio
    from quel.sandbox.world import World

_OUTPUT = Path("demo-output")
_CREDITS = 1_000
_PRICE = 5
_WORKER_PROCESSES = 2
_PROVIDER = ("GEMINI_API_KEY", "GEMINI_MODEL", "GEMINI_BASE_URL", "GEMINI_API_VERSION")


def demo(
    live: Annotated[bool, typer.Option("--live", help="Use the real provider; costs money.")] = False,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Never use the real provider.")] = False,
) -> None:
    """Run jobs of every path and type in a world of their own, and check the result to the credit."""
    if live and sandbox:
        err.print("Choose one of --live and --sandbox.")
        raise typer.Exit(2)
    provider = _provider(live, sandbox)
    try:
        from quel.sandbox import World

        world = World()
    except ImportError:
        err.print("The demo needs the extra `sandbox`: pip install -e '.[sandbox]'.")
        raise typer.Exit(2) from None
    began = time.monotonic()
    with ExitStack() as stack:
        logs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="quel-demo-")))
        stack.enter_context(world)
        is_true = _run(world, provider, logs, stack)
    out.print(f"Took {time.monotonic() - began:.0f} s.")
    if not is_true:
        raise typer.Exit(1)


def _provider(live: bool, sandbox: bool) -> dict[str, str]:
    """The real provider's settings where they are to be used, and nothing of the caller's beside them."""
    from quel.settings import VARIABLES

    mine = {name: os.environ[name] for name in _PROVIDER if os.environ.get(name)}
    for name in (*VARIABLES, "QUEL_CONFIG"):  # the caller's database is never touched
        os.environ.pop(name, None)
    if "GEMINI_API_KEY" not in mine:
        if live:
            err.print("--live needs GEMINI_API_KEY in the environment.")
            raise typer.Exit(2)
        return {}
    if not live and not sandbox and sys.stdin.isatty():
        live = typer.confirm("GEMINI_API_KEY is set. Use the real provider, at its price?", default=False)
    if not live:
        out.print("The sandbox's Gemini draws the pictures (--live uses the real provider).")
        return {}
    return mine


def _run(world: "World", provider: Mapping[str, str], logs: Path, stack: ExitStack) -> bool:
    from quel.sandbox.demo.orders import orders
    from quel.sandbox.demo.proof import disagreements, save_results
    from quel.sandbox.processes import migrate, scheduler, workers
    from quel.sandbox.studio import Studio

    environment = world.environment() | {"IMAGE_PER_PRICE": str(_PRICE)}
    if provider:
        environment.pop("GEMINI_BASE_URL")
    environment |= provider
    migrate(environment)
    out.print("PostgreSQL, Redis, Storage and Gemini are up, the schema is made.")
    stack.enter_context(workers(environment, logs / "workers.log", processes=_WORKER_PROCESSES))
    stack.enter_context(scheduler(environment, logs / "scheduler.log"))
    studio = Studio(world.database_url, world.redis_url, world.storage)
    member = studio.member(0)
    org = studio.organization(member, _CREDITS)
    jobs = {
        studio.job(
            order.job_type,
            order.input_data,
            total_images=order.images,
            member=member,
            org=org,
            path=order.path,
        ): order
        for order in orders(studio.photograph, member)
    }
    studio.push(*jobs)
    out.print(f"{len(jobs)} jobs are pushed; `dramatiq quel.actors` and `periodiq quel.actors` are at work.")
    _follow(world, list(jobs))
    shutil.rmtree(_OUTPUT, ignore_errors=True)
    _OUTPUT.mkdir()
    saved = save_results(studio, world.storage, jobs, _OUTPUT)
    _draw_sheet(jobs, saved)
    _show(studio, jobs, org)
    found = disagreements(studio, jobs, saved, price=_PRICE, start_balance=_CREDITS, org=org)
    for sentence in found:
        err.print(f"[red]{sentence}[/]")
    if found:
        kept = Path(tempfile.mkdtemp(prefix="quel-demo-logs-"))
        shutil.copytree(logs, kept, dirs_exist_ok=True)
        err.print(f"The processes' logs are in {kept}.")
    return not found


def _follow(world: "World", jobs: list[UUID]) -> None:
    from quel.adapters.postgres.browsing_rows import BrowsingRows
    from quel.adapters.postgres.database import Database
    from quel.cli.watch import follow

    rows = BrowsingRows(Database(world.database_url, pool_size=1), "fashion")
    follow(lambda: rows.jobs_by_id(jobs))


def _draw_sheet(jobs: Mapping[UUID, "Order"], saved: Mapping[UUID, list[Path]]) -> None:
    from quel.sandbox.demo.contact_sheet import draw_contact_sheet

    groups = [(f"{o.path}: {o.title}", o.job_type, saved[job_id]) for job_id, o in jobs.items()]
    draw_contact_sheet(groups, _OUTPUT / "contact-sheet.png")


def _show(studio: "Studio", jobs: Mapping[UUID, "Order"], org: UUID) -> None:
    table = Table(title="What was made")
    for column in ("job", "path", "type", "what", "images", "seconds", "credits"):
        table.add_column(column, justify="right" if column in {"images", "seconds", "credits"} else "left")
    for job_id, order in jobs.items():
        row: dict[str, Any] = studio.job_row(job_id)
        seconds = (row["completed_at"] - row["started_at"]).total_seconds()
        table.add_row(
            str(job_id)[:8], order.path, order.job_type, order.title, str(row["completed_images"]),
            f"{seconds:.1f}", str(row["completed_images"] * _PRICE),
        )  # fmt: skip
    out.print(table)
    ledger = studio.rows(
        "SELECT count(*) AS n, sum(amount) AS credits FROM quel_credits WHERE org_id = %s", org
    )[0]
    balance = studio.rows("SELECT org_credit FROM quel_organization WHERE org_id = %s", org)[0]["org_credit"]
    out.print(
        f"Balance {_CREDITS} → {balance}; the ledger's {ledger['n']} lines add up to {ledger['credits']}."
    )
    out.print(f"Pictures are in {_OUTPUT}/, all of them on one sheet in {_OUTPUT / 'contact-sheet.png'}.")
