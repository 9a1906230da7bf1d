import copy
from collections.abc import Callable
from typing import Any

import pytest
from deploy import ROOT
from deploy.check import MINORS, compose_problems, overlay_problems, schema_problems
from deploy.dockerfile import problems as dockerfile_problems
from deploy.manifests import OVERLAYS, Manifest, render
from deploy.policies import breaches

DOCKERFILE = (ROOT / "Dockerfile").read_text()


@pytest.fixture
def production(rendered: dict[str, list[Manifest]]) -> list[Manifest]:
    return copy.deepcopy(rendered["production"])


def find(objects: list[Manifest], kind: str, name: str) -> Manifest:
    return next(
        each for each in objects if each["kind"] == kind and each["metadata"]["name"].startswith(name)
    )


def pod(objects: list[Manifest], name: str = "quel-generate") -> dict[str, Any]:
    spec: dict[str, Any] = find(objects, "Deployment", name)["spec"]["template"]["spec"]
    return spec


def container(objects: list[Manifest], name: str = "quel-generate") -> dict[str, Any]:
    [only] = pod(objects, name)["containers"]
    return dict_of(only)


def dict_of(value: Any) -> dict[str, Any]:
    assert isinstance(value, dict)
    return value


@pytest.mark.parametrize("name", [overlay.name for overlay in OVERLAYS])
def test_an_overlay_is_sound(rendered: dict[str, list[Manifest]], name: str) -> None:
    assert list(overlay_problems(rendered[name])) == []


def test_the_overlays_are_these() -> None:
    assert {overlay.name for overlay in OVERLAYS} == {"local", "staging", "production"}


def test_the_dockerfile_is_sound() -> None:
    assert list(dockerfile_problems(DOCKERFILE)) == []


def test_compose_runs_what_the_manifests_run() -> None:
    assert list(compose_problems(render(ROOT / "deploy/base"))) == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("USER 10001:10001", "USER quel", "a user with a number"),
        ('CMD ["dramatiq", "quel.actors"]', "CMD dramatiq quel.actors", "exec form"),
        ('--require-hashes --no-deps -r "${LOCK}"', '--no-deps -r "${LOCK}"', "by hash"),
        ('--require-hashes --no-deps -r "${LOCK}"', "pip-tools", "what requirements.lock names"),
        ('--no-deps -r "${LOCK}"', '-r "${LOCK}"', "--no-deps is missing"),
        ("ARG LOCK=requirements.lock", "ARG LOCK=requirements-traces.lock", "what requirements.lock names"),
        ("requirements.lock requirements-traces.lock", "requirements.lock", "what traces need"),
        ("COPY src ./src", "COPY tests ./src", ".dockerignore keeps tests out"),
        ("--no-deps -r requirements-build.lock", "-r requirements-build.lock", "--no-deps is missing"),
        ("--no-deps dist", "dist", "--no-deps is missing"),
        ("    && /opt/quel/bin/pip check \\\n", "", "must check that everything fits"),
        ("    && /opt/wheel/bin/pip check\n", "    && true\n", "must check that everything fits"),
        ("COPY alembic ", "COPY src ", "the migrations"),
        ("FROM python:${PYTHON_VERSION}-slim\n", "FROM python\n", "DL3006"),
        ("dist/*.whl", "dist/*.whl[sandbox]", "the sandbox"),
    ],
)
def test_a_dockerfile_that_breaks_a_rule_is_told(old: str, new: str, told: str) -> None:
    assert old in DOCKERFILE
    assert any(told in problem for problem in dockerfile_problems(DOCKERFILE.replace(old, new)))


Breach = Callable[[list[Manifest]], object]

BREACHES: dict[str, Breach] = {
    "not root": lambda objects: pod(objects)["securityContext"].update(runAsNonRoot=False),
    "seccomp": lambda objects: pod(objects)["securityContext"].pop("seccompProfile"),
    "escalate": lambda objects: container(objects)["securityContext"].update(allowPrivilegeEscalation=True),
    "write to its image": lambda objects: container(objects)["securityContext"].pop("readOnlyRootFilesystem"),
    "all capabilities": lambda objects: container(objects)["securityContext"]["capabilities"].update(drop=[]),
    "no token": lambda objects: pod(objects).pop("automountServiceAccountToken"),
    "a /tmp": lambda objects: container(objects).update(volumeMounts=[]),
    "no memory limits": lambda objects: container(objects)["resources"]["limits"].pop("memory"),
    "no cpu requests": lambda objects: container(objects)["resources"]["requests"].pop("cpu"),
    "anything tomorrow": lambda objects: container(objects).update(image="quel:latest"),
    "livenessProbe": lambda objects: container(objects)["livenessProbe"]["httpGet"].update(path="/readyz"),
    "startupProbe": lambda objects: container(objects).pop("startupProbe"),
    "killed after 300 s": lambda objects: pod(objects).update(terminationGracePeriodSeconds=300),
    "before a provider call can end": lambda objects: container(objects)["args"].__setitem__(5, "60000"),
    "fetch_job is served by 0": lambda objects: objects.remove(find(objects, "Deployment", "quel-intake")),
    "generate_images is served by 1": lambda objects: container(objects)["args"].append("generate_images"),
    "0 schedulers": lambda objects: objects.remove(find(objects, "Deployment", "quel-scheduler")),
    "be gone before": lambda objects: find(objects, "Deployment", "quel-scheduler")["spec"].update(
        replicas=2
    ),
    "needs one PodDisruptionBudget": lambda objects: objects.remove(
        find(objects, "PodDisruptionBudget", "quel-persist")
    ),
    "on one node alone": lambda objects: pod(objects).pop("topologySpreadConstraints"),
    "one hand sets": lambda objects: find(objects, "Deployment", "quel-persist")["spec"].update(replicas=2),
    "Nobody sets": lambda objects: find(objects, "Deployment", "quel-intake")["spec"].pop("replicas"),
    "which does not exist": lambda objects: find(objects, "ScaledObject", "quel-persist")["spec"][
        "scaleTargetRef"
    ].update(name="quel-persisting"),
    "no NetworkPolicy": lambda objects: objects.remove(find(objects, "NetworkPolicy", "quel")),
    "does not know": lambda objects: find(objects, "ConfigMap", "quel-settings")["data"].update(QUEL_RPM="1"),
    "QUEL_GEMINI_RPM is wrong": lambda objects: find(objects, "ConfigMap", "quel-settings")["data"].update(
        QUEL_GEMINI_RPM="many"
    ),
    "belongs into the Secret": lambda objects: find(objects, "ConfigMap", "quel-settings")["data"].update(
        GEMINI_API_KEY="AIza"
    ),
    "stands in the repository": lambda objects: objects.append(
        {"kind": "Secret", "metadata": {"name": "quel-secrets"}}
    ),
    "by hand": lambda objects: container(objects)["env"].append({"name": "IMAGE_PER_PRICE", "value": "1"}),
    "does not get GEMINI_API_KEY": lambda objects: container(objects)["env"].pop(0),
    "gets GEMINI_API_KEY, which it does not use": lambda objects: container(objects, "quel-persist")[
        "env"
    ].append({"name": "GEMINI_API_KEY", "valueFrom": {"secretKeyRef": {"key": "GEMINI_API_KEY"}}}),
    "every key of a Secret": lambda objects: container(objects)["envFrom"].append(
        {"secretRef": {"name": "quel-secrets"}}
    ),
}


@pytest.mark.parametrize("told", BREACHES)
def test_a_manifest_that_breaks_a_rule_is_told(production: list[Manifest], told: str) -> None:
    BREACHES[told](production)
    assert any(told in sentence for sentence in breaches(production)), breaches(production)


@pytest.mark.parametrize("minor", MINORS)
def test_a_field_that_kubernetes_does_not_know_is_told(production: list[Manifest], minor: str) -> None:
    deployment = find(production, "Deployment", "quel-persist")
    deployment["spec"]["replica"] = 3
    assert any("replica" in problem for problem in schema_problems(deployment, minor))


def test_a_field_that_keda_does_not_know_is_told(production: list[Manifest]) -> None:
    scaled = find(production, "ScaledObject", "quel-persist")
    scaled["spec"]["minReplicas"] = 1
    assert any("minReplicas" in problem for problem in schema_problems(scaled, MINORS[0]))
