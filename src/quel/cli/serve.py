"""`quel serve` and `quel token new`: the HTTP API as a process, and the tokens that let callers in."""

from typing import Annotated
from uuid import UUID

import typer

from quel.cli.console import remark
from quel.cli.tables import show_json
from quel.core.operations.api_tokens import Role
from quel.operations.api_tokens import make_token

token = typer.Typer(help="Tokens of the HTTP API.", no_args_is_help=True)


def serve() -> None:
    """Answer the HTTP API at QUEL_API_HOST and QUEL_API_PORT until SIGTERM; see docs/api.md."""
    from quel.environment import settings
    from quel.http.serving import serve as answer  # no other verb waits for a web server's libraries

    answer(settings())


@token.callback()
def _tokens() -> None:
    """Tokens of the HTTP API."""


@token.command()
def new(
    name: Annotated[str, typer.Argument(help="Whose it is, as it stands in the operator log.")],
    role: Annotated[Role, typer.Option(help="What it lets its holder do.")],
    org: Annotated[UUID | None, typer.Option(help="The organization a client is held to.")] = None,
    member: Annotated[UUID | None, typer.Option(help="The member a client orders in-paintings for.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print token and line as JSON.")] = False,
) -> None:
    """Make a token: printed once, with the line that belongs into the file QUEL_API_TOKENS_FILE names."""
    made = make_token(name, role, org, member)
    if as_json:
        show_json({"ok": True, "token": made.token, "line": made.line})
        return
    remark("The token, which nobody can read anywhere later:")
    print(made.token)
    remark("Its line for the file that QUEL_API_TOKENS_FILE names:")
    print(made.line)
