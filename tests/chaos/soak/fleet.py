"""The processes of a soak: bare workers, workers of single groups, schedulers; killed, replaced, counted."""

import itertools
import os
import random
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from quel.sandbox.processes import QuelProcess, scheduler, workers

THREADS = 4
GROUPS: tuple[tuple[str, ...], ...] = (
    (),
    (),
    ("fetch_job", "prepare_inputs", "finalize_job", "sweep_stuck_jobs"),
    ("generate_image",),
    ("persist_output",),
)


class Fleet:
    """Five workers and one or two schedulers; what dies is replaced at once, as a supervisor would."""

    def __init__(self, environment: Mapping[str, str], directory: Path) -> None:
        self._environment, self._directory = environment, directory
        self._numbers = itertools.count()
        self._posts: list[Sequence[str] | None] = [*GROUPS, None]
        self._processes = [self._start(post) for post in self._posts]
        self.kills = self.deploys = self.freezes = 0
        self._frozen: QuelProcess | None = None
        self.bad_exits: list[str] = []

    def logs(self) -> list[Path]:
        return sorted(self._directory.glob("*.log"))

    def second_scheduler(self) -> None:
        """From now on two tick."""
        self._posts.append(None)
        self._processes.append(self._start(None))

    def kill_one(self, dice: random.Random) -> bool:
        """SIGKILL to a whole process group; whether it may have been calling the provider."""
        number = dice.randrange(len(self._posts))
        self._processes[number].kill()
        self.kills += 1
        self._processes[number] = self._start(self._posts[number])
        return self._generates(number)

    def deploy_one(self, dice: random.Random) -> None:
        """SIGTERM to a worker that is ready, whose successor starts while it finishes."""
        number = dice.choice([n for n in range(len(GROUPS)) if self._processes[n] is not self._frozen])
        old, self._processes[number] = self._processes[number], self._start(self._posts[number])
        old.await_ready()
        code = old.terminate(timeout_s=90)
        self.deploys += 1
        if code != 0:
            self.bad_exits.append(f"A worker of {self._posts[number] or 'all groups'} ended with {code}.")

    def freeze_one(self, dice: random.Random) -> bool:
        """SIGSTOP to a worker, until `thaw`; whether it may be calling the provider."""
        number = dice.randrange(len(GROUPS))
        self._frozen = self._processes[number]
        self._signal_frozen(signal.SIGSTOP)
        self.freezes += 1
        return self._generates(number)

    def thaw(self) -> None:
        """It goes on where it stood, unless it has been killed."""
        self._signal_frozen(signal.SIGCONT)
        self._frozen = None

    def replace_dead(self) -> None:
        """What ended by itself (the scheduler does when Redis is away) comes back."""
        for number, process in enumerate(self._processes):
            if process.exit_code is not None:
                self._processes[number] = self._start(self._posts[number])

    def kill_all(self) -> int:
        """SIGKILL to everything at once; how many worker groups may have been calling the provider."""
        for process in self._processes:
            process.kill()
            self.kills += 1
        self._processes = [self._start(post) for post in self._posts]
        return sum(1 for number in range(len(GROUPS)) if self._generates(number))

    def stop(self) -> None:
        for process in self._processes:
            process.kill()

    def _signal_frozen(self, number: int) -> None:
        if self._frozen is not None and self._frozen.exit_code is None:
            os.killpg(self._frozen.pid, number)

    def _generates(self, number: int) -> bool:
        post = self._posts[number]
        return post is not None and (not post or "generate_image" in post)

    def _start(self, post: Sequence[str] | None) -> QuelProcess:
        log = self._directory / f"{next(self._numbers):04d}.log"
        if post is None:
            return scheduler(self._environment, log).start()
        return workers(self._environment, log, queues=post, threads=THREADS).start()
