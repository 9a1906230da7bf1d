"""A maker of the world in memory: an engine, its quota and its admission."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from quel.core.engines import Maker
from quel.core.ports import outside, shared
from quel.sandbox.memory.admission import AdmissionController


@dataclass
class MemoryLane:
    """As quel.services has it; a process in memory has threads enough for every lane."""

    maker: Maker
    engine: outside.Engine
    quota: shared.Quota
    admission: AdmissionController

    @contextmanager
    def thread(self) -> Iterator[bool]:
        """Whether one more of the process's threads may wait for it."""
        yield True
