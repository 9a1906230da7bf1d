"""Renders an overlay the way `kubectl kustomize` does, on machines that have no kubectl.

It knows the part of kustomize that the manifests here use, and refuses the rest by name rather than leaving
it out. Where kubectl is installed, a test holds the two against each other, object by object.
"""

import copy
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]

_KEYS = {
    "apiVersion", "kind", "namespace", "labels", "resources", "components", "images", "configMapGenerator",
    "patches",
}  # fmt: skip
_MERGE_KEYS = {
    "containers": "name",
    "volumes": "name",
    "ports": "containerPort",
    "volumeMounts": "mountPath",
    "topologySpreadConstraints": "topologyKey",
}
_CLUSTER_WIDE = {"Namespace", "ClusterRole", "ClusterRoleBinding", "PriorityClass"}


class UnknownFeature(Exception):
    """A kustomization uses something this renderer does not know."""


def render(overlay: Path) -> list[Manifest]:
    """The objects of an overlay, hashed ConfigMap names and all. Raises UnknownFeature."""
    objects = _accumulate([], overlay)
    names = {}
    for each in objects:
        if each.pop("_generated", False):
            name = each["metadata"]["name"]
            names[name] = f"{name}-{_hash(each)}"
            each["metadata"]["name"] = names[name]
    for each in objects:
        _rename_references(each, names)
    return objects


def _accumulate(objects: list[Manifest], folder: Path) -> list[Manifest]:
    """What a kustomization makes of `objects`, which a component changes and everything else begins with."""
    rules = yaml.safe_load((folder / "kustomization.yaml").read_text())
    unknown = set(rules) - _KEYS
    if unknown:
        raise UnknownFeature(f"{folder}: {', '.join(sorted(unknown))}")
    for resource in rules.get("resources", []):
        objects = objects + _load(folder / resource)
    for generator in rules.get("configMapGenerator", []):
        _generate(objects, generator, folder)
    for component in rules.get("components", []):
        objects = _accumulate(objects, folder / component)
    for patch in rules.get("patches", []):
        _patch(objects, patch, folder)
    for each in objects:
        _stamp(each, rules)
    return objects


def _load(resource: Path) -> list[Manifest]:
    if resource.is_dir():
        return _accumulate([], resource)
    return [each for each in yaml.safe_load_all(resource.read_text()) if each]


def _stamp(each: Manifest, rules: dict[str, Any]) -> None:
    """What a kustomization puts on every object: labels, namespace, images."""
    for label in rules.get("labels", []):
        each["metadata"].setdefault("labels", {}).update(label["pairs"])
    if "namespace" in rules and each["kind"] not in _CLUSTER_WIDE:
        each["metadata"]["namespace"] = rules["namespace"]
    for image in rules.get("images", []):
        _set_image(each, image)


def _generate(objects: list[Manifest], generator: dict[str, Any], folder: Path) -> None:
    data: dict[str, str] = {}
    for env in generator.get("envs", []):
        lines = (folder / env).read_text().splitlines()
        data |= dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    for file in generator.get("files", []):
        data[Path(file).name] = (folder / file).read_text()
    if generator.get("behavior") == "merge":
        merged = next(each for each in objects if _is(each, "ConfigMap", generator["name"]))
        merged["data"] |= data
        return
    labels = generator.get("options", {}).get("labels")
    metadata = {"name": generator["name"]} | ({"labels": dict(labels)} if labels else {})
    objects.append(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data, "_generated": True}
    )


def _hash(config_map: Manifest) -> str:
    """kustomize's hash of a ConfigMap: of its data, with a name that is always empty, in few letters."""
    content = {"data": dict(sorted(config_map["data"].items())), "kind": "ConfigMap", "name": ""}
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    for plain, escaped in (("&", "\\u0026"), ("<", "\\u003c"), (">", "\\u003e")):  # as Go writes JSON
        text = text.replace(plain, escaped)
    digest = hashlib.sha256(text.encode()).hexdigest()[:10]
    return digest.translate(str.maketrans("013ae", "ghkmt"))


def _rename_references(node: Any, names: dict[str, str]) -> None:
    for child in _mappings(node):
        for key in ("configMapRef", "configMapKeyRef", "configMap"):
            reference = child.get(key)
            if isinstance(reference, dict) and reference.get("name") in names:
                reference["name"] = names[reference["name"]]


def _set_image(node: Any, image: dict[str, str]) -> None:
    for child in _mappings(node):
        if child.get("image") == image["name"]:
            child["image"] = f"{image.get('newName', image['name'])}:{image['newTag']}"


def _patch(objects: list[Manifest], patch: dict[str, Any], folder: Path) -> None:
    text = patch["patch"] if "patch" in patch else (folder / patch["path"]).read_text()
    content = yaml.safe_load(text)
    targets = [each for each in objects if _is(each, patch["target"]["kind"], patch["target"].get("name"))]
    if not targets:
        raise UnknownFeature(f"{folder}: a patch without a target ({patch['target']})")
    for target in targets:
        if isinstance(content, list):
            for operation in content:
                _operate(target, operation)
        else:
            content.pop("metadata", None)
            _merge(
                target, {key: value for key, value in content.items() if key not in ("apiVersion", "kind")}
            )


def _is(each: Manifest, kind: str, name: str | None) -> bool:
    return bool(re.fullmatch(kind, each["kind"])) and (
        name is None or bool(re.fullmatch(name, each["metadata"]["name"]))
    )


def _operate(target: Manifest, operation: dict[str, Any]) -> None:
    """One JSON patch operation on a path of mappings."""
    *parents, last = operation["path"].strip("/").split("/")
    node: Any = target
    for parent in parents:
        node = node[parent]
    match operation["op"]:
        case "remove":
            del node[last]
        case "replace" | "add":
            node[last] = copy.deepcopy(operation["value"])
        case other:
            raise UnknownFeature(f"the patch operation {other}")


def _merge(target: dict[str, Any], patch: dict[str, Any]) -> None:
    """A strategic merge: mappings into each other, lists of named things by name, other lists replaced."""
    for key, value in patch.items():
        if isinstance(value, dict) and isinstance(target.get(key), dict):
            _merge(target[key], value)
        elif key in _MERGE_KEYS and isinstance(target.get(key), list):
            _merge_named(target[key], value, _MERGE_KEYS[key])
        else:
            target[key] = copy.deepcopy(value)


def _merge_named(target: list[Any], patch: list[Any], name: str) -> None:
    for entry in patch:
        same = next((each for each in target if each[name] == entry[name]), None)
        if same is None:
            target.append(copy.deepcopy(entry))
        else:
            _merge(same, entry)


def _mappings(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    children: Any = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        yield from _mappings(child)
