"""One thread a process that looks at all of its queues at once, and wakes the consumers that have messages.

What other processes send is found within a twentieth of a second at the price of one Redis command, however
many queues there are. It also notices when a Redis that was away at the start has come up without the
broker's database, which ends the process.
"""

import threading

import dramatiq
import redis

from quel.actors.redis_broker import PollingRedisBroker
from quel.actors.refusal import refuse_to_go_on
from quel.adapters.redis.client import connect, redis_errors
from quel.adapters.redis.databases import check_databases
from quel.core.errors import QuelError, SettingsError
from quel.settings import Settings

_EVERY_S = 0.05
_AFTER_TROUBLE_S = 1.0  # the consumers meet the same trouble, and log it
_SOCKET_TIMEOUT_S = 2.0

_WHICH_HAVE_MESSAGES = """
local found = {}
for i, key in ipairs(KEYS) do
    if redis.call("EXISTS", key) == 1 then
        found[#found + 1] = i
    end
end
return found
"""


class QueuePoller(dramatiq.Middleware):
    """Looks from worker boot to worker shutdown."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def after_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """Starts to look at the queues this worker consumes."""
        if isinstance(broker, PollingRedisBroker):
            client = connect(self._settings.broker_redis, socket_timeout_s=_SOCKET_TIMEOUT_S, patient=False)
            arguments = (broker, client, sorted(worker.consumers))
            self._thread = threading.Thread(
                target=self._run, args=arguments, name="queue-poller", daemon=True
            )
            self._thread.start()

    def before_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """Stops: what comes now is for other processes."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=2 * _SOCKET_TIMEOUT_S)

    def _run(self, broker: PollingRedisBroker, client: redis.Redis, queues: list[str]) -> None:
        look = client.register_script(_WHICH_HAVE_MESSAGES)
        keys = [f"{broker.namespace}:{queue}" for queue in queues]
        while not self._stop.wait(_EVERY_S):
            try:
                with redis_errors():
                    found = look(keys=keys)
            except QuelError:
                self._check_databases()
                self._stop.wait(_AFTER_TROUBLE_S)
                continue
            for number in found:
                broker.wake(queues[number - 1])
        client.close()

    def _check_databases(self) -> None:
        try:
            check_databases(self._settings.redis_urls)
        except SettingsError as error:
            refuse_to_go_on(error)
