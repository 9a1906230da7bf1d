"""`World`: everything quel talks to, started in about a second and gone when this process is.

with World() as world:
    environment = os.environ | world.environment()
    subprocess.run(["alembic", "upgrade", "head"], env=environment, check=True)
    world.gemini.fail_next(gemini_faults.quota_minute("2s"))
    world.servers.restart_redis(keep_data=False)
"""

from contextlib import ExitStack
from typing import Self

from quel.sandbox.gemini.client import Gemini
from quel.sandbox.servers.client import Servers
from quel.sandbox.startable import Startable
from quel.sandbox.storage.client import Storage


class World(Startable):
    """PostgreSQL, Redis, Storage and Gemini on loopback.

    `in_process` runs the two simulators as threads here, else each is a process of its own. The other
    options are those of Servers, Gemini and Storage.
    """

    def __init__(
        self,
        *,
        in_process: bool = False,
        appendonly: bool = False,
        rpm: int | None = None,
        latency_s: float = 0.0,
        ready_made: bool = False,
        keep_pictures: bool = False,
    ) -> None:
        self.servers = Servers(appendonly=appendonly)
        self.storage = Storage(in_process=in_process)
        self.gemini = Gemini(
            in_process=in_process,
            rpm=rpm,
            latency_s=latency_s,
            ready_made=ready_made,
            keep_pictures=keep_pictures,
        )
        self.database_url = ""
        self._stack = ExitStack()

    def start(self) -> Self:
        """Starts all of it at once. Raises SandboxError when a part does not start; then nothing is left."""
        parts = (self.servers, self.storage, self.gemini)
        with ExitStack() as stack:
            for part in parts:
                stack.callback(part.stop)
                part.launch()
            for part in parts:
                part.await_ready()
            self.database_url = self.servers.fresh_database()
            self._stack = stack.pop_all()
        return self

    def stop(self) -> None:
        """Ends all of it; harmless twice."""
        self._stack.close()

    @property
    def redis_url(self) -> str:
        """The Redis database of the raw lists; quel puts its broker into the next one."""
        return self.servers.redis_url

    def environment(self) -> dict[str, str]:
        """The settings that point quel at this world; everything else keeps its default."""
        return {
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "SUPABASE_URL": self.storage.url,
            "SUPABASE_SERVICE_KEY": self.storage.service_key,
            "GEMINI_API_KEY": self.gemini.api_key,
            "GEMINI_BASE_URL": self.gemini.url,
        }
