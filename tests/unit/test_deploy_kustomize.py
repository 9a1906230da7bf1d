import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from deploy.check import MINORS, OVERLAYS, ROOT, renderer_problems, schema_problems
from deploy.kustomize import UnknownFeature, render

POD = """
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  template:
    spec:
      containers:
        - name: app
          image: quel
          args: [--one]
          envFrom: [{configMapRef: {name: settings}}]
"""


def write(folder: Path, kustomization: str, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kustomization.yaml").write_text(kustomization)
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda overlay: overlay.name)
def test_it_renders_what_kubectl_renders(overlay: Path) -> None:
    assert list(renderer_problems(overlay)) == []


def test_a_config_map_carries_the_hash_of_its_data_and_references_follow(tmp_path: Path) -> None:
    (tmp_path / "settings.env").write_text(
        "QUEL_CONFIG=/etc/quel/quel.yaml\nQUEL_HTTP_PORT=8080\nQUEL_LOG_FORMAT=json\n"
    )
    folder = write(
        tmp_path,
        "resources: [web.yaml]\nconfigMapGenerator: [{name: settings, envs: [settings.env]}]\n",
        web=POD,
    )
    web, settings = render(folder)
    assert settings["metadata"]["name"] == "settings-5228b2c47g"  # kustomize's own result for this data
    [container] = web["spec"]["template"]["spec"]["containers"]
    assert container["envFrom"] == [{"configMapRef": {"name": "settings-5228b2c47g"}}]


def test_an_overlay_sets_namespace_image_and_labels(tmp_path: Path) -> None:
    write(tmp_path / "base", "resources: [web.yaml]\n", web=POD)
    overlay = write(
        tmp_path / "overlay",
        "namespace: here\nresources: [../base]\nlabels: [{pairs: {team: canvas}}]\n"
        'images: [{name: quel, newName: example.com/quel, newTag: "1"}]\n',
    )
    [web] = render(overlay)
    assert web["metadata"] == {"name": "web", "namespace": "here", "labels": {"team": "canvas"}}
    assert web["spec"]["template"]["spec"]["containers"][0]["image"] == "example.com/quel:1"


def test_a_merge_patch_meets_the_container_of_its_name_and_keeps_the_rest(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        "resources: [web.yaml]\npatches: [{path: more.yaml, target: {kind: (Deployment|Job)}}]\n",
        web=POD,
        more="kind: Deployment\nmetadata: {name: any}\nspec: {template: {spec: {containers:"
        " [{name: app, tty: true}, {name: beside}]}}}\n",
    )
    [web] = render(folder)
    assert web["metadata"]["name"] == "web"
    first, second = web["spec"]["template"]["spec"]["containers"]
    assert (first["args"], first["tty"], second) == (["--one"], True, {"name": "beside"})


def test_a_json_patch_of_a_component_removes_and_replaces(tmp_path: Path) -> None:
    write(
        tmp_path / "scaled",
        "kind: Component\npatches:\n- target: {kind: Deployment, name: w.b}\n  patch: |-\n"
        "    - {op: remove, path: /spec/replicas}\n"
        "    - {op: replace, path: /spec/template/spec, value: {}}\n",
    )
    folder = write(tmp_path / "overlay", "resources: [web.yaml]\ncomponents: [../scaled]\n", web=POD)
    [web] = render(folder)
    assert web["spec"] == {"template": {"spec": {}}}


@pytest.mark.parametrize(
    ("kustomization", "named"),
    [
        ("helmCharts: []\n", "helmCharts"),
        ("resources: [web.yaml]\npatches: [{target: {kind: Job}, patch: '[]'}]\n", "without a target"),
        (
            "resources: [web.yaml]\n"
            "patches: [{target: {kind: Deployment}, patch: '[{op: move, path: /a}]'}]\n",
            "move",
        ),
    ],
)
def test_what_it_does_not_know_is_refused_by_name(tmp_path: Path, kustomization: str, named: str) -> None:
    with pytest.raises(UnknownFeature, match=named):
        render(write(tmp_path, kustomization, web=POD))


def test_the_component_for_traces_names_the_collector_and_lets_out_to_it(tmp_path: Path) -> None:
    deploy = Path(os.path.relpath(ROOT / "deploy", tmp_path / "traced"))
    overlay = write(
        tmp_path / "traced",
        f"resources: [{deploy}/base]\ncomponents: [{deploy}/components/traces]\n",
    )
    objects = render(overlay)
    assert [problem for each in objects for problem in schema_problems(each, MINORS[-1])] == []
    [settings] = [each for each in objects if each["metadata"]["name"].startswith("quel-settings")]
    address = urlsplit(settings["data"]["OTEL_EXPORTER_OTLP_ENDPOINT"])
    [policy] = [each for each in objects if each["metadata"]["name"] == "quel-traces"]
    [egress] = policy["spec"]["egress"]
    assert [port["port"] for port in egress["ports"]] == [address.port]
    assert "QUEL_HTTP_PORT" in settings["data"]
