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


class SettingsFile(_Shape):
    """The whole file."""

    worker: WorkerSection = WorkerSection()
