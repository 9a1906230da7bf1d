"""`dramatiq quel.actors` runs the pipeline, `periodiq quel.actors` its clock; importing sets the broker."""

import atexit

import dramatiq

from quel.actors.malloc import bound_malloc
from quel.actors.refusal import refuse_to_start
from quel.core.errors import SettingsError
from quel.environment import settings
from quel.observe.logs import configure_logs
from quel.observe.multiprocess import count_in_files

bound_malloc()
try:
    _settings = settings()
    # First of all: prometheus_client decides how it counts when it is first imported.
    _files = count_in_files() if _settings.http_port is not None else None
except SettingsError as error:
    refuse_to_start(error)
if _files is not None:
    atexit.register(_files.leave)  # the scheduler's way out; workers have their middleware

from quel.actors.broker import make_broker  # noqa: E402 - it must find the above done

configure_logs(_settings.log_level, _settings.log_format)
try:
    broker = make_broker(_settings, _files)
except SettingsError as error:
    refuse_to_start(error)
dramatiq.set_broker(broker)

from quel.actors import pipeline  # noqa: E402 - actors are declared on the broker set above

__all__ = ["broker", "pipeline"]
