"""`dramatiq quel.actors` runs the pipeline, `periodiq quel.actors` its clock; importing sets the broker."""

import sys

import dramatiq

from quel.actors.broker import make_broker
from quel.core.errors import SettingsError
from quel.observe.logs import configure_logs
from quel.settings import settings

try:
    _settings = settings()
except SettingsError as error:
    print(f"quel cannot start: {error}", file=sys.stderr, flush=True)
    sys.exit(2)

configure_logs(_settings.log_level, _settings.log_format)
broker = make_broker(_settings)
dramatiq.set_broker(broker)

from quel.actors import pipeline  # noqa: E402 - actors are declared on the broker set above

__all__ = ["broker", "pipeline"]
