"""Routes of the settings file: which engine makes which path, and what is wrong is named."""

import re
import shutil
from pathlib import Path

import pytest

from quel.core.engines import Maker, Route
from quel.core.errors import SettingsError
from quel.core.paths import PATHS
from quel.environment import read_settings
from quel.routing import names_gemini, read_engine_settings, secret_of

SHIPPED = Path(__file__).parents[2] / "workflows"

WHOLE = """
engines:
  comfyui:
    servers:
      - {name: gpu-a, url: "http://10.0.0.5:8188"}
      - {name: gpu-b, url: "https://gpu.example/comfy", auth: bearer, secret: MY_TOKEN}
workflows:
  edit: {file: edit_pictures.json, timeout_s: 90, usd_per_hour: 1.1}
  text: {variants: [text_to_image.json], servers: [gpu-a]}
routes:
  beauty: {engine: comfyui, workflow: edit, fallback: gemini, fallback_after_s: 5m}
"""


@pytest.fixture
def engines(tmp_path):
    for file in SHIPPED.iterdir():
        shutil.copy(file, tmp_path)

    def read(text, **environment):
        (tmp_path / "quel.yaml").write_text(text)
        return read_engine_settings(
            read_settings({"QUEL_CONFIG": str(tmp_path / "quel.yaml"), **environment})
        )

    return read


def test_without_a_file_gemini_makes_everything():
    engines = read_engine_settings(read_settings({}))
    assert engines.makers == (Maker("gemini"),)
    assert {engines.routing.route(path) for path in PATHS} == {Route()}


def test_a_route_names_engine_workflow_and_fallback(engines):
    found = engines(WHOLE)
    beauty = found.routing.route("beauty")
    edit = Maker("comfyui", "edit")
    assert (beauty.maker, beauty.fallback, beauty.fallback_after_s) == (edit, Maker("gemini"), 300.0)
    assert beauty.digest == found.workflows["edit"].digest
    assert found.routing.route("fashion") == Route()
    assert found.workflows["edit"].servers == ("gpu-a", "gpu-b")
    assert found.workflows["edit"].timeout_s == 90
    assert found.workflows["text"].timeout_s == 300
    capability = found.routing.capability(edit)
    assert capability is not None
    assert (capability.max_pictures, capability.takes_negative) == (3, True)


def test_gemini_is_needed_only_where_a_route_names_it(engines, tmp_path):
    alone = WHOLE.split("routes:")[0] + "routes: {default: {engine: comfyui, workflow: text}}"
    assert engines(alone).makers == (Maker("comfyui", "edit"), Maker("comfyui", "text"))
    environment = {"QUEL_CONFIG": str(tmp_path / "quel.yaml")}
    assert not names_gemini(read_settings(environment))
    assert engines(WHOLE).makers == (Maker("comfyui", "edit"), Maker("comfyui", "text"), Maker("gemini"))
    assert names_gemini(read_settings(environment))
    assert names_gemini(read_settings({}))


@pytest.mark.parametrize("route", ["{engine: gemini}", "{engine: comfyui, workflow: edit, fallback: gemini}"])
def test_what_a_model_of_its_own_is_routed_to_counts_like_a_path(engines, tmp_path, route):
    alone = WHOLE.split("routes:")[0] + "routes: {default: {engine: comfyui, workflow: text}}\n"
    found = engines(f"{alone}landing: {{models: {{nano: {route}}}}}\n")
    assert Maker("gemini") in found.makers
    assert names_gemini(read_settings({"QUEL_CONFIG": str(tmp_path / "quel.yaml")}))
    named = found.routing.models["nano"]
    assert found.routing.has_fallback(named.maker) == (named.fallback is not None)


def test_a_secret_is_read_from_the_variable_that_is_named(engines, tmp_path):
    server = engines(WHOLE).servers["gpu-b"]
    environment = {"QUEL_CONFIG": str(tmp_path / "quel.yaml")}
    with pytest.raises(SettingsError, match="MY_TOKEN must be set"):
        secret_of(server, read_settings(environment))
    settings = read_settings({**environment, "MY_TOKEN": "hush"})
    assert secret_of(server, settings) == "hush"
    assert "hush" not in repr(settings)


def test_servers_of_the_environment_replace_those_of_the_file(engines):
    text = WHOLE.replace(", servers: [gpu-a]", "")
    found = engines(text, QUEL_COMFY_SERVERS="http://a:1, http://b:2", QUEL_COMFY_TOKEN="t")
    assert [(server.name, server.auth) for server in found.servers.values()] == [
        ("server-1", "bearer"),
        ("server-2", "bearer"),
    ]
    assert found.workflows["text"].servers == ("server-1", "server-2")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("beauty:", "boats:", 'routes names the path "boats"'),
        ("workflow: edit", "workflow: nothing", 'routes.beauty names the workflow "nothing"'),
        (", workflow: edit", "", "routes.beauty names comfyui without a workflow"),
        ("fallback: gemini", "fallback: comfyui, fallback_workflow: edit", "routes.beauty.fallback"),
        ("engine: comfyui", "engine: dream", "routes.beauty.engine"),
        ("servers: [gpu-a]", "servers: [gpu-z]", 'workflows.text.servers names "gpu-z"'),
        ("file: edit_pictures.json", "file: none.json", "workflows.edit names none.json"),
        ("file: edit_pictures.json", "variants: []", "workflows.edit must name a file"),
        ("timeout_s: 90", "timeout_s: 90, gpu: 1", "workflows.edit.gpu is not a key"),
        ("name: gpu-b", "name: gpu-a", '"gpu-a" twice'),
        ("http://10.0.0.5:8188", "10.0.0.5:8188", 'url of "gpu-a"'),
        (", secret: MY_TOKEN", "", '"gpu-b" has auth bearer and no secret'),
    ],
)
def test_what_is_wrong_is_named(engines, old, new, words):
    assert old in WHOLE
    with pytest.raises(SettingsError, match=re.escape(words)):
        engines(WHOLE.replace(old, new))
