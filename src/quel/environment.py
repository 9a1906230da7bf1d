"""The only reader of the environment: settings, or a clear error where one is wrong.

A variable that is set wins over the YAML file named by QUEL_CONFIG; an empty variable counts as unset.
"""

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from quel.core.errors import SettingsError
from quel.core.redis_url import check_options, check_parts
from quel.core.settings_checks import check_lists, check_urls, check_webhooks, has_readable_address
from quel.settings import DEFAULT_INGEST_QUEUES, VARIABLES, Settings
from quel.settings_file import ComfySection, SettingsFile


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings of an environment and the file its QUEL_CONFIG names.

    Raises SettingsError with a sentence that names the variable or key.
    """
    values = _file_values(environment.get("QUEL_CONFIG", ""))
    values["comfy_secrets"] = {
        server.secret: environment.get(server.secret, "").strip()
        for server in values.get("comfy", ComfySection()).servers
        if server.secret
    }
    values |= {name: environment[name].strip() for name in VARIABLES if environment.get(name, "").strip()}
    for name in VARIABLES:
        if any("\ud800" <= sign <= "\udfff" for sign in environment.get(name, "")):
            raise SettingsError(f"{name} holds bytes that are no UTF-8.")
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError(_sentence(error)) from None
    if not settings.redis_url:
        check_parts(settings.redis_host, tls=settings.redis_use_tls)
        if not has_readable_address(settings.redis):
            raise SettingsError("REDIS_HOST holds no name or address that can be read.")
    check_urls(
        {
            "DATABASE_URL": settings.database_url,
            "REDIS_URL": settings.redis_url,
            "QUEL_BROKER_REDIS_URL": settings.broker_redis_url,
            "SUPABASE_URL": settings.supabase_url,
            "SUPABASE_STORAGE_BASE_URL": settings.supabase_storage_base_url,
            "GEMINI_BASE_URL": settings.gemini_base_url,
        }
    )
    check_options("REDIS_URL", settings.redis_url)
    check_options("QUEL_BROKER_REDIS_URL", settings.broker_redis_url)
    others = {"QUEL_FOREIGN_LISTS": settings.foreign_lists, "QUEL_FORWARD_QUEUE": (settings.forward_queue,)}
    check_lists(settings.ingest_queues, others)
    check_webhooks(settings.webhook_networks, settings.webhook_hosts, settings.webhook_secret)
    problem = settings.webhook_url and settings.webhooks.url_problem(settings.webhook_url)
    if problem:
        raise SettingsError(f"QUEL_WEBHOOK_URL {problem}.")
    return settings


def _file_values(path: str) -> dict[str, Any]:
    if not path.strip():
        return {}
    try:
        content = yaml.safe_load(Path(path.strip()).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"QUEL_CONFIG names {path}, which cannot be read ({error}).") from None
    except yaml.YAMLError as error:
        raise SettingsError(f"QUEL_CONFIG names {path}, which is no YAML: {error}") from None
    try:
        file = SettingsFile.model_validate({} if content is None else content)
    except ValidationError as error:
        raise SettingsError(f"The settings file {path}: {_sentence(error)}") from None
    return _as_settings(file, Path(path.strip()).parent)


def _as_settings(file: SettingsFile, folder: Path) -> dict[str, Any]:
    worker = file.worker
    values: dict[str, Any] = {
        "path_limits": worker.modules,
        "ingest_block_s": worker.redis.timeout,
        "comfy": file.engines.comfyui,
        "workflows": file.workflows,
        "routes": file.routes,
        "landing": file.landing,
        "config_folder": str(folder),
    }
    if worker.redis.queue_name:
        values["QUEL_INGEST_QUEUES"] = tuple(dict.fromkeys((*DEFAULT_INGEST_QUEUES, worker.redis.queue_name)))
    if worker.fallback.default_path:
        values["QUEL_DEFAULT_PATH"] = worker.fallback.default_path
    if worker.fallback.unknown_path_behavior:
        values["QUEL_UNKNOWN_PATH"] = worker.fallback.unknown_path_behavior
    return values


def _sentence(error: ValidationError) -> str:
    problems = []
    for detail in error.errors(include_url=False, include_input=False):
        key = ".".join(str(part) for part in detail["loc"])
        if detail["type"] == "extra_forbidden":
            problems.append(f"{key} is not a key it knows.")
        else:
            problems.append(f"{key} is wrong: {detail['msg']}.")
    return " ".join(problems)


@cache
def settings() -> Settings:
    """The settings of this process, read once. Raises SettingsError."""
    return read_settings(os.environ)
