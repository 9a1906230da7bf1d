"""`python -m deploy.check`: is everything that brings quel onto machines sound? Needs no cluster, no network.

Renders every overlay (with kubectl where it is installed, else with deploy/kustomize.py), validates it
against the schemas of two Kubernetes minors, holds it against the rules of deploy/policies.py, lints the
Dockerfile, builds the wheel and opens it, compares compose.yaml with the manifests, and holds alerts and
dashboard against the metrics.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml

from deploy import dockerfile, kustomize, monitoring, policies, wheel
from deploy.kustomize import Manifest

ROOT = Path(__file__).parents[1]
OVERLAYS = tuple(sorted(path.parent for path in (ROOT / "deploy/overlays").glob("*/kustomization.yaml")))
MINORS = ("1.34", "1.36")
"""The oldest and the newest minor that quel is deployed to."""


def render(overlay: Path) -> list[Manifest]:
    """The objects of an overlay. Raises CalledProcessError with kubectl's own words."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        return kustomize.render(overlay)
    rendered = subprocess.run(
        [kubectl, "kustomize", str(overlay)], capture_output=True, text=True, check=True
    ).stdout
    return [each for each in yaml.safe_load_all(rendered) if each]


def renderer_problems(overlay: Path) -> Iterator[str]:
    """Where deploy/kustomize.py renders something else than kubectl, on machines that have kubectl."""
    own, theirs = _by_name(kustomize.render(overlay)), _by_name(render(overlay))
    for name in sorted(own.keys() | theirs.keys()):
        if own.get(name) != theirs.get(name):
            yield f"deploy/kustomize.py and kubectl render {name} differently."


def _by_name(objects: list[Manifest]) -> dict[str, Manifest]:
    return {f"{each['kind']} {each['metadata']['name']}": each for each in objects}


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


def compose_problems() -> Iterator[str]:
    """Where compose.yaml runs something else than the manifests, or ends it too soon."""
    services: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    base = kustomize.render(ROOT / "deploy/base")
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


def wheel_problems() -> Iterator[str]:
    """What is wrong with the wheel that the image installs."""
    with tempfile.TemporaryDirectory() as folder:
        built = wheel.build(Path(folder))
        unpacked = wheel.unpack(built, Path(folder) / "installed")
        yield from wheel.file_problems(unpacked)
        yield from wheel.import_problems(unpacked)


def main() -> int:
    """Prints a line a check; 1 when one of them found something."""
    print(f"rendering with {'kubectl' if shutil.which('kubectl') else 'deploy/kustomize.py'}")
    checks = {f"overlay {overlay.name}": overlay_problems(render(overlay)) for overlay in OVERLAYS}
    checks |= {f"renderer {overlay.name}": renderer_problems(overlay) for overlay in OVERLAYS}
    checks |= {
        "Dockerfile": dockerfile.problems((ROOT / "Dockerfile").read_text()),
        "wheel": wheel_problems(),
        "compose.yaml": compose_problems(),
        "dashboard": monitoring.dashboard_problems(),
    }
    failed = False
    for name, problems in checks.items():
        found = list(problems)
        failed = failed or bool(found)
        print(f"{'trouble' if found else 'ok':8} {name}")
        for problem in found:
            print(f"         {problem}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
