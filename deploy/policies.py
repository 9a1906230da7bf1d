"""What must hold for every rendered overlay, as rules: one function a rule, a sentence for each breach."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import yaml

from deploy.manifests import Manifest
from quel.core.errors import SettingsError
from quel.core.pipeline import Step
from quel.environment import read_settings
from quel.settings import VARIABLES, Settings
from quel.settings_file import SettingsFile

SECRETS = (
    *("DATABASE_URL", "REDIS_URL", "SUPABASE_URL", "SUPABASE_SERVICE_KEY", "GEMINI_API_KEY"),
    "QUEL_WEBHOOK_SECRET",
)
"""What the Secret carries; none of it may stand in a manifest."""

_SECRET_NAMES = re.compile(r"KEY|PASSWORD|TOKEN|SECRET|DATABASE_URL|REDIS_URL")
_SERVE = ["quel", "serve"]
_SERVE_ENDS_WITHIN_S = 10
_REDIS_SECRETS = ("REDIS_URL", "REDIS_USERNAME", "REDIS_PASSWORD", "QUEL_BROKER_REDIS_URL")


def breaches(objects: list[Manifest]) -> list[str]:
    """Every breach of every rule."""
    return [sentence for rule in _RULES for sentence in rule(objects)]


def workloads(objects: list[Manifest]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Name, pod and container of everything that runs."""
    for each in objects:
        if each["kind"] in ("Deployment", "Job"):
            pod = each["spec"]["template"]["spec"]
            for container in pod["containers"]:
                yield f"{each['kind']} {each['metadata']['name']}", pod, container


def _of_kind(objects: list[Manifest], *kinds: str) -> dict[str, Manifest]:
    return {each["metadata"]["name"]: each for each in objects if each["kind"] in kinds}


def option(container: dict[str, Any], name: str) -> str | None:
    """The value that follows `--name` in a container's arguments."""
    arguments = [*container.get("command", []), *container.get("args", [])]
    return arguments[arguments.index(name) + 1] if name in arguments else None


def queues(container: dict[str, Any]) -> list[str]:
    """The actor groups a container serves."""
    arguments = [*container.get("command", []), *container.get("args", [])]
    return arguments[arguments.index("--queues") + 1 :] if "--queues" in arguments else []


def _pods_are_restricted(objects: list[Manifest]) -> Iterator[str]:
    """The Pod Security Standard "restricted", and nothing writable but /tmp."""
    for name, pod, container in workloads(objects):
        of_pod, of_container = pod.get("securityContext", {}), container.get("securityContext", {})
        wanted = {
            "run as a user that is not root": of_pod.get("runAsNonRoot") is True and of_pod.get("runAsUser"),
            "use the runtime's seccomp profile": of_pod.get("seccompProfile") == {"type": "RuntimeDefault"},
            "not escalate privileges": of_container.get("allowPrivilegeEscalation") is False,
            "not write to its image": of_container.get("readOnlyRootFilesystem") is True,
            "drop all capabilities": of_container.get("capabilities", {}).get("drop") == ["ALL"],
            "carry no token of the cluster": pod.get("automountServiceAccountToken") is False,
            "have a /tmp to write to": any(
                mount["mountPath"] == "/tmp"  # noqa: S108 - the container's own, an emptyDir
                for mount in container.get("volumeMounts", [])
            ),
        }
        yield from (f"{name} must {what}." for what, holds in wanted.items() if not holds)


def _resources_are_bounded(objects: list[Manifest]) -> Iterator[str]:
    for name, _, container in workloads(objects):
        resources = container.get("resources", {})
        for kind in ("requests", "limits"):
            for resource in ("cpu", "memory"):
                if not resources.get(kind, {}).get(resource):
                    yield f"{name} has no {resource} {kind}."


def _images_are_pinned(objects: list[Manifest]) -> Iterator[str]:
    for name, _, container in workloads(objects):
        _, _, tag = container["image"].rpartition(":")
        if tag in ("", "latest", container["image"]):
            yield f"{name} runs {container['image']}, which may be anything tomorrow."


def _probes_ask_the_right_question(objects: list[Manifest]) -> Iterator[str]:
    wanted = {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"}
    for name, _, container in workloads(objects):
        if not name.startswith("Deployment"):
            continue
        ports = {port["name"]: port["containerPort"] for port in container.get("ports", [])}
        for probe, path in wanted.items():
            asked = container.get(probe, {}).get("httpGet", {})
            if asked.get("path") != path or asked.get("port") not in ports:
                yield f"The {probe} of {name} must ask {path} at a port of the container."


def _shutdown_fits_the_grace_period(objects: list[Manifest]) -> Iterator[str]:
    """Dramatiq may take twice its shutdown timeout; the kill must come later."""
    for name, pod, container in workloads(objects):
        if container["command"] == _SERVE:
            before_s = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
            if pod.get("terminationGracePeriodSeconds", 30) <= before_s + _SERVE_ENDS_WITHIN_S:
                yield f"{name} may need {before_s + _SERVE_ENDS_WITHIN_S} s to end, and is killed before."
        if container["command"][0] == "dramatiq":
            shutdown_s = int(option(container, "--worker-shutdown-timeout") or 600_000) / 1000
            grace_s = pod.get("terminationGracePeriodSeconds", 30)
            if grace_s <= 2 * shutdown_s:
                yield f"{name} may need {2 * shutdown_s:.0f} s to end and is killed after {grace_s} s."
            if Step.GENERATE_IMAGE in queues(container) and shutdown_s <= Settings().gemini_timeout_s:
                yield f"{name} is shut down before a provider call can end, which is paid for."


def _every_group_is_served_once(objects: list[Manifest]) -> Iterator[str]:
    served = [queue for _, _, container in workloads(objects) for queue in queues(container)]
    for queue in sorted({*served, *Step}):
        if served.count(queue) != 1 or queue not in set(Step):
            yield f"The actor group {queue} is served by {served.count(queue)} Deployments."
    schedulers = [
        each
        for each in _of_kind(objects, "Deployment").values()
        if each["spec"]["template"]["spec"]["containers"][0]["command"] == ["periodiq", "quel.actors"]
    ]
    if len(schedulers) != 1:
        yield f"There are {len(schedulers)} schedulers instead of one."
    for scheduler in schedulers:
        if scheduler["spec"]["replicas"] != 1 or scheduler["spec"]["strategy"]["type"] != "Recreate":
            yield "The scheduler must be one pod, and be gone before the next one starts."


def _disruption_is_bounded(objects: list[Manifest]) -> Iterator[str]:
    guarded = [
        each["spec"]["selector"]["matchLabels"] for each in _of_kind(objects, "PodDisruptionBudget").values()
    ]
    for name, each in _of_kind(objects, "Deployment").items():
        is_one_of_many = each["spec"]["template"]["spec"]["containers"][0]["command"][0] != "periodiq"
        if is_one_of_many and guarded.count(each["spec"]["selector"]["matchLabels"]) != 1:
            yield f"Deployment {name} needs one PodDisruptionBudget."
        if not each["spec"]["template"]["spec"].get("topologySpreadConstraints"):
            yield f"Deployment {name} may stand on one node alone."


def _one_hand_sets_the_replicas(objects: list[Manifest]) -> Iterator[str]:
    deployments = _of_kind(objects, "Deployment")
    scalers = [each for each in objects if each["kind"] in ("ScaledObject", "HorizontalPodAutoscaler")]
    scaled = [each["spec"]["scaleTargetRef"]["name"] for each in scalers]
    for name in sorted({*scaled}):
        if name not in deployments:
            yield f"Something scales {name}, which does not exist."
        elif scaled.count(name) > 1 or "replicas" in deployments[name]["spec"]:
            yield f"More than one hand sets the replicas of {name}."
    for name, each in deployments.items():
        if name not in scaled and "replicas" not in each["spec"]:
            yield f"Nobody sets the replicas of {name}."


def _traffic_is_restricted(objects: list[Manifest]) -> Iterator[str]:
    policies = _of_kind(objects, "NetworkPolicy").values()
    if not any(set(policy["spec"]["policyTypes"]) == {"Ingress", "Egress"} for policy in policies):
        yield "There is no NetworkPolicy for both directions."


def _settings_are_readable(objects: list[Manifest]) -> Iterator[str]:
    for name, each in _of_kind(objects, "ConfigMap").items():
        if name.startswith(("quel-settings", "quel-api")):
            unknown = set(each["data"]) - {*VARIABLES, "QUEL_CONFIG"}
            yield from (f"{name} sets {variable}, which quel does not know." for variable in sorted(unknown))
            try:
                read_settings({key: value for key, value in each["data"].items() if key != "QUEL_CONFIG"})
            except SettingsError as error:
                yield f"{name}: {error}"
        elif name.startswith("quel-config"):
            SettingsFile.model_validate(yaml.safe_load(each["data"]["quel.yaml"]))


def _secrets_stay_outside(objects: list[Manifest]) -> Iterator[str]:
    for each in objects:
        if each["kind"] == "Secret":
            yield f"Secret {each['metadata']['name']} stands in the repository."
        elif each["kind"] == "ConfigMap":
            for key in each["data"]:
                if _SECRET_NAMES.search(key) and not key.endswith("_FILE"):
                    yield f"{each['metadata']['name']} carries {key}, which belongs into the Secret."
    for name, _, container in workloads(objects):
        given = {
            entry["name"]: entry.get("valueFrom", {}).get("secretKeyRef")
            for entry in container.get("env", [])
        }
        yield from (f"{name} sets {key} by hand." for key, secret in given.items() if secret is None)


def _each_pod_gets_the_secrets_it_uses(objects: list[Manifest]) -> Iterator[str]:
    for name, _, container in workloads(objects):
        given = {entry["name"] for entry in container.get("env", [])}
        used = _secrets_of(container)
        yield from (f"{name} does not get {key}, which it uses." for key in sorted(used - given))
        yield from (f"{name} gets {key}, which it does not use." for key in sorted(given - used))
        if any("secretRef" in source for source in container.get("envFrom", [])):
            yield f"{name} gets every key of a Secret."


def _secrets_of(container: dict[str, Any]) -> set[str]:
    served = queues(container)
    used = set() if container["command"][0] == "alembic" else {*_REDIS_SECRETS}
    if container["command"][0] != "periodiq":
        used.add("DATABASE_URL")
    stores = {Step.PREPARE_INPUTS, Step.GENERATE_IMAGE, Step.PERSIST_OUTPUT, Step.RUN_AUDIT} & {*served}
    if stores or container["command"] == _SERVE:  # which uploads the pictures of an order
        used |= {"SUPABASE_URL", "SUPABASE_SERVICE_KEY"}
    used |= {"GEMINI_API_KEY"} if Step.GENERATE_IMAGE in served else set()
    return used | ({"QUEL_WEBHOOK_SECRET"} if Step.DELIVER_WEBHOOK in served else set())


_RULES: tuple[Callable[[list[Manifest]], Iterator[str]], ...] = (
    _pods_are_restricted,
    _resources_are_bounded,
    _images_are_pinned,
    _probes_ask_the_right_question,
    _shutdown_fits_the_grace_period,
    _every_group_is_served_once,
    _disruption_is_bounded,
    _one_hand_sets_the_replicas,
    _traffic_is_restricted,
    _settings_are_readable,
    _secrets_stay_outside,
    _each_pod_gets_the_secrets_it_uses,
)
