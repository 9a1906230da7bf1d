"""Which engine makes which path's images, from the settings; what is wrong there ends the start.

Files are read here and no server is asked: what a server has, `quel doctor` says.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from quel.core.comfy.graph import Graph, read_graph
from quel.core.comfy.workflow import Workflow
from quel.core.engines import COMFYUI, GEMINI, Capability, Maker, Route, Routing, named_makers
from quel.core.errors import SettingsError
from quel.core.models import model_for
from quel.core.paths import PATHS
from quel.settings import Settings
from quel.settings_file import RouteSection, ServerSection, WorkflowSection

_DEFAULT = "default"
_TOKEN = "QUEL_COMFY_TOKEN"  # noqa: S105 - a variable's name
_ROLES = frozenset(category.name for path in PATHS.values() for category in path.categories)


@dataclass(frozen=True)
class EngineSettings:
    """The routes with everything they name. `makers` are those that a worker makes images with."""

    routing: Routing
    workflows: Mapping[str, Workflow]
    servers: Mapping[str, ServerSection]
    makers: tuple[Maker, ...]


def names_gemini(settings: Settings) -> bool:
    """Whether a path's route or its fallback names Gemini; no file is read for it."""
    default = settings.routes.get(_DEFAULT, RouteSection())
    routes = [settings.routes.get(path, default) for path in PATHS]
    return any(GEMINI in (route.engine, route.fallback) for route in routes)


def read_engine_settings(settings: Settings) -> EngineSettings:
    """Raises SettingsError with a sentence that names the key, and for a workflow its file and node."""
    servers = _servers(settings)
    workflows = {
        name: _workflow(name, section, settings, servers) for name, section in settings.workflows.items()
    }
    model = model_for(settings.gemini_model)
    capabilities = {Maker(GEMINI): Capability(model.id, model.max_pictures, sizes=model.sizes)} | {
        Maker(COMFYUI, name): Capability(
            name,
            one.max_pictures,
            one.takes_negative,
            one.usd_per_image,
            one.digest,
            megapixels=one.megapixels,
            open_places=one.open_places,
        )
        for name, one in workflows.items()
    }
    routes = {
        path: _route(path, section, capabilities) for path, section in _sections(settings.routes).items()
    }
    routing = Routing(routes.pop(_DEFAULT, Route()), routes, capabilities)
    named = named_makers(routing, PATHS)
    makers = named | {maker for maker in capabilities if maker.workflow}  # a plan may name what no route does
    return EngineSettings(routing, workflows, servers, tuple(sorted(makers)))


def _sections(routes: Mapping[str, RouteSection]) -> Mapping[str, RouteSection]:
    for path in routes:
        if path != _DEFAULT and path not in PATHS:
            known = ", ".join(sorted(PATHS))
            raise SettingsError(f'routes names the path "{path}", which is none of {known}, or {_DEFAULT}.')
    return routes


def _route(path: str, section: RouteSection, capabilities: Mapping[Maker, Capability]) -> Route:
    maker = _maker(f"routes.{path}", section.engine, section.workflow, capabilities)
    fallback = None
    if section.fallback is not None:
        fallback = _maker(
            f"routes.{path}.fallback", section.fallback, section.fallback_workflow, capabilities
        )
        if fallback == maker:
            raise SettingsError(f"routes.{path}.fallback names what makes the images anyway.")
    return Route(maker, fallback, section.fallback_after_s, capabilities[maker].digest)


def _maker(key: str, engine: str, workflow: str, capabilities: Mapping[Maker, Capability]) -> Maker:
    maker = Maker(engine, workflow)
    if engine == COMFYUI and not workflow:
        raise SettingsError(f"{key} names comfyui without a workflow.")
    if maker not in capabilities:
        what = f'the workflow "{workflow}", which "workflows" does not describe' if engine == COMFYUI else ""
        raise SettingsError(f"{key} names {what or 'a workflow, which only comfyui has'}.")
    return maker


def _servers(settings: Settings) -> dict[str, ServerSection]:
    auth, secret = ("bearer", _TOKEN) if settings.comfy_token else ("none", "")
    short = tuple(
        ServerSection(name=f"server-{number}", url=url, auth=auth, secret=secret)
        for number, url in enumerate(settings.comfy_servers, start=1)
    )
    servers: dict[str, ServerSection] = {}
    for server in short or settings.comfy.servers:
        if server.name in servers:
            raise SettingsError(f'engines.comfyui.servers names "{server.name}" twice.')
        if not re.match(r"https?://[^/]", server.url):
            raise SettingsError(
                f'engines.comfyui.servers: the url of "{server.name}" must begin with http:// or https://.'
            )
        if server.auth != "none" and not server.secret:
            raise SettingsError(
                f'engines.comfyui.servers: "{server.name}" has auth {server.auth} and no secret; name the'
                " environment variable that holds it."
            )
        servers[server.name] = server
    return servers


def _workflow(
    name: str, section: WorkflowSection, settings: Settings, servers: Mapping[str, ServerSection]
) -> Workflow:
    key = f"workflows.{name}"
    runs_on = tuple(servers) if section.servers is None else section.servers
    for server in runs_on:
        if server not in servers:
            raise SettingsError(f'{key}.servers names "{server}", which engines.comfyui.servers does not.')
    if not runs_on:
        raise SettingsError(f"{key} has no server to run on: engines.comfyui.servers names none.")
    return Workflow(
        name=name,
        variants=tuple(_graphs(key, section, Path(settings.config_folder))),
        servers=runs_on,
        timeout_s=section.timeout_s or settings.comfy_timeout_s,
        wait_s=section.wait_s,
        usd_per_hour=section.usd_per_hour,
        usd_per_image=section.usd_per_image,
        megapixels=section.megapixels,
        size_step=section.size_step,
        escape_weights=section.escape_weights,
        refusals=tuple(_patterns(key, section.refusals)),
    )


def _graphs(key: str, section: WorkflowSection, folder: Path) -> Iterator[Graph]:
    files = section.variants or ((section.file,) if section.file else ())
    if not files or (section.variants and section.file):
        raise SettingsError(f"{key} must name a file, or variants: one of the two.")
    for file in files:
        try:
            content = (folder / file).read_bytes()
        except OSError as error:
            raise SettingsError(f"{key} names {file}, which cannot be read ({error.strerror}).") from None
        yield read_graph(file, content, roles=_ROLES, slots=section.slots)


def _patterns(key: str, refusals: tuple[str, ...]) -> Iterator[re.Pattern[str]]:
    for refusal in refusals:
        try:
            yield re.compile(refusal)
        except re.error:
            raise SettingsError(f'{key}.refusals: "{refusal}" is no regular expression.') from None


def secret_of(server: ServerSection, settings: Settings) -> str:
    """The server's credential; empty where it asks for none. Raises SettingsError naming the variable."""
    if server.auth == "none":
        return ""
    secret = (
        settings.comfy_token if server.secret == _TOKEN else settings.comfy_secrets.get(server.secret, "")
    )
    secret = secret or settings.comfy_secrets.get(server.secret, "")
    if not secret:
        raise SettingsError(
            f'{server.secret} must be set in the environment: the ComfyUI server "{server.name}" asks for it.'
        )
    return secret
