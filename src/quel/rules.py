"""The steps' rules (`quel.core.rules`), as the settings make them."""

from quel.core.errors import SettingsError
from quel.core.fetch_job import IntakePolicy
from quel.core.kinds import ALL_PATHS
from quel.core.open_paths import EveryPath, OnlyPaths, PathLimit
from quel.core.paths import PATHS
from quel.core.retry import RetryPolicy
from quel.core.rules import Rules
from quel.core.takes import Check, TakeRules
from quel.routing import EngineSettings, read_engine_settings
from quel.settings import MissingReference, Settings


def make_rules(settings: Settings, engines: EngineSettings | None = None) -> Rules:
    """The steps' rules. Raises SettingsError where a setting names a path that does not exist."""
    engines = engines or read_engine_settings(settings)
    known = frozenset(ALL_PATHS)
    for name, paths, may_be in (
        ("QUEL_DEFAULT_PATH", {settings.default_path}, frozenset(PATHS)),
        ("worker.modules", set(settings.path_limits), known),
    ):
        for path in sorted(paths - may_be):
            raise SettingsError(
                f'{name} names the path "{path}", which is none of {", ".join(sorted(may_be))}.'
            )
    disabled = frozenset(path for path in known if not settings.limits(path).enabled)
    limited = disabled or any(settings.limits(path).max_workers for path in known)
    limits = (PathLimit(path, settings.limits(path).max_workers) for path in sorted(known - disabled))
    return Rules(
        intake=IntakePolicy(
            known_paths=known,
            disabled_paths=disabled,
            default_path=settings.default_path,
            reject_unknown_paths=settings.unknown_path == "reject",
            price=settings.image_per_price,
            max_images=settings.max_images_per_job,
            routing=engines.routing,
            image_size=settings.image_size,
        ),
        takes=_take_rules(settings),
        retry=RetryPolicy(max_attempts=settings.gemini_max_attempts),
        model=settings.gemini_model,
        max_references=settings.max_references,
        max_reference_bytes=settings.max_reference_bytes,
        stuck_after_s=settings.stuck_after_s,
        max_recoveries=settings.max_recoveries,
        adopt_within_s=settings.adopt_within_s,
        keep_prompts_d=settings.keep_prompts_d,
        webhooks=settings.webhooks,
        fail_on_missing_reference=settings.missing_reference is MissingReference.FAIL,
        open_paths=OnlyPaths(tuple(limits)) if limited else EveryPath(),
    )


def _take_rules(settings: Settings) -> TakeRules:
    """Unset, the check re-rolls what is worthless and warns of the rest."""
    return TakeRules(
        certain=settings.take_check or Check.REROLL,
        probable=settings.take_check or Check.WARN,
        rerolls=settings.take_rerolls,
        budget=settings.take_budget,
        keep_exhausted=settings.take_exhausted == "keep",
    )
