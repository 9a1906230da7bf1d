"""`python -m deploy.check`: is everything that brings quel onto machines sound? Needs no cluster, no network.

Has kubectl render every overlay, validates it against the schemas of two Kubernetes minors, holds it against
the rules of deploy/policies.py, lints the Dockerfile, builds the wheel and opens it, compares compose.yaml
with the manifests, and holds alerts and dashboard against the metrics.
"""

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml

from deploy import ROOT, dockerfile, monitoring, policies, wheel
from deploy.manifests import OVERLAYS, Manifest, NotRendered, render

MINORS = ("1.34", "1.36")
"""The oldest and the newest minor that quel is deployed to."""


def schema_problems(each: Manifest, minor: str) -> Iterator[str]:
    """What a schema says against one object: Kubernetes' own, or ours for what extends Kubernetes."""
    name = f"{each['kind']} {each['metadata']['name']}"
    own = ROOT / "deploy/schemas" / f"{each['kind']}.json"
    try:
        if own.exists():
            jsonschema.validate(each, json.loads(own.read_text()))
        else:
            kubernetes_validate.validate(each, minor, strict=True)
    except (jsonschema.ValidationError, kubernetes_validate.ValidationError) as error:
        yield f"{name} on {minor}: {error.message}"


def overlay_problems(objects: list[Manifest]) -> Iterator[str]:
    """Everything wrong with a rendered overlay."""
    for each in objects:
        for minor in MINORS:
            yield from schema_problems(each, minor)
        if each["kind"] == "PrometheusRule":
            yield from monitoring.alert_problems(each, ROOT)
    yield from policies.breaches(objects)


def wheel_problems() -> Iterator[str]:
    """What is wrong with the wheel that the image installs."""
    with tempfile.TemporaryDirectory() as folder:
        built = wheel.build(Path(folder))
        unpacked = wheel.unpack(built, Path(folder) / "installed")
        yield from wheel.file_problems(unpacked)
        yield from wheel.import_problems(unpacked)


def compose_problems(base: list[Manifest]) -> Iterator[str]:
    """Where compose.yaml runs something else than the manifests, or ends it too soon."""
    services: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    for name, _, container in policies.workloads(base):
        role = name.rpartition("quel-")[2]
        command = [*container["command"], *container.get("args", [])]
        if role not in services:
            yield f"compose.yaml has no {role}."
        elif services[role]["command"] != command:
            yield f"compose.yaml runs {role} with other arguments than the manifests."
        elif command[0] == "dramatiq":
            shutdown_s = int(policies.option(container, "--worker-shutdown-timeout") or 600_000) / 1000
            grace_s = int(services[role]["stop_grace_period"].removesuffix("s"))
            if grace_s <= 2 * shutdown_s:
                yield f"compose.yaml kills {role} after {grace_s} s; it may need {2 * shutdown_s:.0f} s."


def problems() -> Iterator[tuple[str, list[str]]]:
    """Every check with what it found. Raises NotRendered where the manifests cannot be rendered."""
    for overlay in OVERLAYS:
        yield f"overlay {overlay.name}", list(overlay_problems(render(overlay)))
    yield "Dockerfile", list(dockerfile.problems((ROOT / "Dockerfile").read_text()))
    yield "wheel", list(wheel_problems())
    yield "compose.yaml", list(compose_problems(render(ROOT / "deploy/base")))
    yield "dashboard", list(monitoring.dashboard_problems())


def main() -> int:
    """Prints a line a check; 1 when one of them found something."""
    failed = False
    try:
        for name, found in problems():
            failed = failed or bool(found)
            print(f"{'trouble' if found else 'ok':8} {name}")
            for problem in found:
                print(f"         {problem}")
    except NotRendered as error:
        print(error, file=sys.stderr)
        return 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
