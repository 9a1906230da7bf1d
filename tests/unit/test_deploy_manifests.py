"""Manifests are rendered by kubectl itself: which one, what it makes, what is said where it cannot."""

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from deploy import ROOT, check
from deploy.check import MINORS, schema_problems
from deploy.manifests import Manifest, NotRendered, find_kubectl, render


@pytest.fixture
def python_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of a Python that has no kubectl beside it, and none on the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    return folder


def program(folder: Path) -> str:
    folder.mkdir(exist_ok=True)
    file = folder / "kubectl"
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)
    return str(file)


def test_the_kubectl_that_the_lock_names_goes_before_any_other(
    python_alone: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    other = program(tmp_path / "path")
    assert find_kubectl() == other
    locked = program(python_alone)
    assert find_kubectl() == locked


def test_the_tests_render_with_the_kubectl_that_the_lock_names() -> None:
    assert Path(find_kubectl()) == Path(sys.executable).with_name("kubectl")


def test_where_there_is_no_kubectl_the_check_ends_with_a_sentence(
    python_alone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check.main() == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "There is no kubectl here" in said.err
    assert "requirements-dev.lock" in said.err


def test_what_kubectl_will_not_render_is_told_in_its_own_words(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: [web.yaml]\n")
    with pytest.raises(NotRendered, match=r"web\.yaml"):
        render(tmp_path)


def test_settings_that_change_restart_what_reads_them(rendered: dict[str, list[Manifest]]) -> None:
    for objects in rendered.values():
        [settings] = [
            each["metadata"]["name"]
            for each in objects
            if each["kind"] == "ConfigMap" and each["metadata"]["name"].startswith("quel-settings-")
        ]
        for deployment in (each for each in objects if each["kind"] == "Deployment"):
            [container] = deployment["spec"]["template"]["spec"]["containers"]
            assert {"configMapRef": {"name": settings}} in container["envFrom"]


def test_the_component_for_traces_names_the_collector_and_lets_out_to_it(tmp_path: Path) -> None:
    deploy = Path(os.path.relpath(ROOT.resolve() / "deploy", tmp_path.resolve()))
    (tmp_path / "kustomization.yaml").write_text(
        f"resources: [{deploy}/base]\ncomponents: [{deploy}/components/traces]\n"
    )
    objects = render(tmp_path)
    assert [problem for each in objects for problem in schema_problems(each, MINORS[-1])] == []
    [settings] = [each for each in objects if each["metadata"]["name"].startswith("quel-settings")]
    address = urlsplit(settings["data"]["OTEL_EXPORTER_OTLP_ENDPOINT"])
    [policy] = [each for each in objects if each["metadata"]["name"] == "quel-traces"]
    [egress] = policy["spec"]["egress"]
    assert [port["port"] for port in egress["ports"]] == [address.port]
    assert "QUEL_HTTP_PORT" in settings["data"]
