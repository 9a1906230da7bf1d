"""The shape of the YAML settings file (SPEC 1.6). An unknown key is an error that names it."""

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def _duration_s(value: Any) -> Any:
    """Seconds of `30s`, `500ms`, `1m`, `1m30s` or a plain number."""
    if not isinstance(value, str):
        return value
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h)", value.strip())
    if parts and "".join(number + unit for number, unit in parts) == value.strip():
        return sum(float(number) * _UNITS_S[unit] for number, unit in parts)
    return value


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class PathLimits(_Shape):
    """Whether a path runs, and how many of its images may be generated at once over all processes."""

    enabled: bool = True
    max_workers: Annotated[int, Field(ge=1)] | None = None


class RedisSection(_Shape):
    """The raw list that is watched beside the defaults, and the longest wait of one blocking read.

    Redis counts a wait in whole milliseconds, and one of none as for ever: hence the least.
    """

    queue_name: str | None = None
    timeout: Annotated[float, Field(ge=0.01, allow_inf_nan=False), BeforeValidator(_duration_s)] = 30.0


class FallbackSection(_Shape):
    """What becomes of jobs without a path that is known."""

    default_path: str | None = None
    unknown_path_behavior: Literal["use_default", "reject"] | None = None


class WorkerSection(_Shape):
    """Everything an operator sets in the file."""

    redis: RedisSection = RedisSection()
    modules: dict[str, PathLimits] = Field(default_factory=dict)
    fallback: FallbackSection = FallbackSection()


class ServerSection(_Shape):
    """One ComfyUI server, which is one GPU. `secret` names the environment variable with its credential.

    `auth` is none, bearer, basic (the variable holds `user:password`) or `header:<its name>`.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    url: str
    auth: Annotated[str, Field(pattern=r"^(none|bearer|basic|header:[A-Za-z0-9-]+)$")] = "none"
    secret: str = ""


class ComfySection(_Shape):
    """The ComfyUI servers, and how often a running prompt is asked for."""

    servers: tuple[ServerSection, ...] = ()
    poll_s: Annotated[float, Field(gt=0, le=10), BeforeValidator(_duration_s)] = 0.5
    lost_after_s: Annotated[float, Field(ge=0, allow_inf_nan=False), BeforeValidator(_duration_s)] = 60.0


class EnginesSection(_Shape):
    """The engines that are set in the file; Gemini is set by variables alone."""

    comfyui: ComfySection = ComfySection()


class WorkflowSection(_Shape):
    """One workflow. Files are relative to the settings file; without `servers` all of them run it."""

    file: str = ""
    variants: tuple[str, ...] = ()
    servers: tuple[str, ...] | None = None
    timeout_s: Annotated[float | None, Field(gt=0, allow_inf_nan=False), BeforeValidator(_duration_s)] = None
    wait_s: Annotated[float, Field(gt=0, allow_inf_nan=False), BeforeValidator(_duration_s)] = 120.0
    usd_per_hour: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    usd_per_image: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    megapixels: Annotated[float, Field(gt=0, le=64)] = 1.0
    size_step: Annotated[int, Field(ge=1, le=256)] = 16
    escape_weights: bool | None = None
    slots: dict[str, Annotated[str, Field(pattern=r"^[^.]+\.[^.]+$")]] = Field(default_factory=dict)
    refusals: tuple[str, ...] = ()


class RouteSection(_Shape):
    """What makes a path's images, and what does when that is out."""

    engine: Literal["gemini", "comfyui"] = "gemini"
    workflow: str = ""
    fallback: Literal["gemini", "comfyui"] | None = None
    fallback_workflow: str = ""
    fallback_after_s: Annotated[float, Field(ge=0, allow_inf_nan=False), BeforeValidator(_duration_s)] = 300.0


class LandingSection(_Shape):
    """What makes the images of landing jobs that name a model, by its id."""

    models: dict[str, RouteSection] = Field(default_factory=dict)


class SettingsFile(_Shape):
    """The whole file."""

    worker: WorkerSection = WorkerSection()
    engines: EnginesSection = EnginesSection()
    workflows: dict[str, WorkflowSection] = Field(default_factory=dict)
    routes: dict[str, RouteSection] = Field(default_factory=dict)
    landing: LandingSection = LandingSection()
