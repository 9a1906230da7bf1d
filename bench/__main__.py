"""`python -m bench [--quick] [NAME…]`: runs the measurements, prints them, writes results.json and a plot.

Exit code 0 when everything could be measured, reached or not; 1 when something could not; 2 for wrong usage.
"""

import argparse
import json
import signal
import sys
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import machine, plot
from bench.figures import Figure, Measured, Options
from bench.measurements import (
    backlog,
    comfyui,
    decoding,
    eight_images,
    fairness,
    group_memory,
    idle,
    latency,
    memory,
    quota,
    round_trips,
    sweep,
    throughput,
)

_MEASUREMENTS: dict[str, Any] = {
    "throughput": throughput,
    "latency": latency,
    "eight_images": eight_images,
    "quota": quota,
    "fairness": fairness,
    "round_trips": round_trips,
    "backlog": backlog,
    "comfyui": comfyui,
    "sweep": sweep,
    "memory": memory,
    "group_memory": group_memory,
    "decoding": decoding,
    "idle": idle,
}
_HERE = Path(__file__).parent


def main() -> int:
    """The exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # or the workers would outlive an interrupted run
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measures what quel promises.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(_MEASUREMENTS))
    parser.add_argument("--quick", action="store_true", help="smaller, for development")
    parser.add_argument("--output", type=Path, default=_HERE, help="where results.json and plot.svg go")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in _MEASUREMENTS]
    if unknown:
        parser.error(f"there is no measurement {unknown[0]}; there are {', '.join(_MEASUREMENTS)}")
    described = machine.describe()
    line = f"{described['processor']}, {described['cores']} cores, load {described['load_before']}"
    print(f"{line}, commit {described['commit']}")
    results, failures = _run(arguments.names or list(_MEASUREMENTS), Options(quick=arguments.quick))
    _write(arguments.output, described | {"quick": arguments.quick}, line, results, failures)
    return 1 if failures else 0


def _run(names: list[str], options: Options) -> tuple[dict[str, Measured], dict[str, str]]:
    results: dict[str, Measured] = {}
    failures: dict[str, str] = {}
    for name in names:
        module = _MEASUREMENTS[name]
        began = time.monotonic()
        try:
            results[name] = module.measure(options)
        except Exception as error:  # noqa: BLE001 - one that fails must not hide the others
            traceback.print_exc()
            failures[name] = f"{type(error).__name__}: {error}"
        print(f"\n{module.TITLE}  ({time.monotonic() - began:.0f} s)")
        if name in failures:
            print(f"  could not be measured: {failures[name]}")
        for figure in results[name].figures if name in results else ():
            print(f"  {_row(figure)}", flush=True)
    return results, failures


def _row(figure: Figure) -> str:
    verdict = {None: "", True: "reached", False: "NOT reached"}[figure.reached]
    aim = f"aim {figure.aim}" if figure.aim else ""
    return f"{figure.name:<58} {figure.value:>10.4g} {figure.unit:<9} {aim:<12} {verdict}".rstrip()


def _write(
    directory: Path,
    described: dict[str, Any],
    line: str,
    results: dict[str, Measured],
    failures: dict[str, str],
) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    content = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": described,
        "measurements": {name: measured.as_json() for name, measured in results.items()},
        "could_not_be_measured": failures,
    }
    (directory / "results.json").write_text(
        json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    figures = [figure for measured in results.values() for figure in measured.figures]
    (directory / "plot.svg").write_text(plot.draw(figures, line), encoding="utf-8")
    print(f"\nWritten: {directory / 'results.json'}, {directory / 'plot.svg'}")


if __name__ == "__main__":
    sys.exit(main())
