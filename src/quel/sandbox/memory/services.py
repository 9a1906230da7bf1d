"""A whole world in memory, as a stage is given it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from quel.adapters.held_jobs import HeldJobs
from quel.core.engines import Maker
from quel.core.rules import Rules
from quel.environment import read_settings
from quel.rules import make_rules
from quel.sandbox.memory.admission import AdmissionController, LeaseRenewal
from quel.sandbox.memory.blobs import Blobs
from quel.sandbox.memory.broker import Broker
from quel.sandbox.memory.budgets import MemoryBudget, PictureFile
from quel.sandbox.memory.clock import Clock
from quel.sandbox.memory.deliver_webhook import DeliverWebhookRows, WebhookSender
from quel.sandbox.memory.fetch_job import FetchJobRows
from quel.sandbox.memory.finalize_job import FinalizeJobRows
from quel.sandbox.memory.generate_image import GenerateImageRows
from quel.sandbox.memory.lane import MemoryLane
from quel.sandbox.memory.lists import Cancellations, ForwardList, Pause, RejectedEntries
from quel.sandbox.memory.persist_output import PersistOutputRows
from quel.sandbox.memory.pictures import Engine, Imaging, TakeChecker
from quel.sandbox.memory.prepare_inputs import PrepareInputsRows
from quel.sandbox.memory.quota import Quota
from quel.sandbox.memory.storage import ObjectStorage
from quel.sandbox.memory.sweep_stuck_jobs import SweepStuckJobsRows
from quel.sandbox.memory.tables import Tables
from quel.sandbox.memory.tally import Tally


def default_rules() -> Rules:
    """The rules of a process whose environment sets nothing."""
    return make_rules(read_settings({}))


@dataclass
class MemoryServices:
    """`quel.core.services.Services`, with the clock, the tables and the broker that its neighbours share."""

    rules: Rules = field(default_factory=default_rules)
    forward_list: ForwardList | None = None

    def __post_init__(self) -> None:
        self.clock = Clock()
        self.tables = Tables(self.clock)
        self.fetch_job = FetchJobRows(self.tables)
        self.prepare_inputs = PrepareInputsRows(self.tables)
        self.generate_image = GenerateImageRows(self.tables)
        self.persist_output = PersistOutputRows(self.tables)
        self.finalize_job = FinalizeJobRows(self.tables, self.rules.webhooks)
        self.deliver_webhook = DeliverWebhookRows(self.tables)
        self.webhook_sender = WebhookSender()
        self.sweep_stuck_jobs = SweepStuckJobsRows(self.tables)
        self.tally = Tally()
        self.cancellations = Cancellations(self.tables)
        self.blobs = Blobs()
        self.quota = Quota(self.clock, self.blobs)
        self.admission = AdmissionController(self.clock)
        self.lease_renewal = LeaseRenewal()
        self.preparing = HeldJobs()
        self.pause = Pause(self.tables)
        self.rejected = RejectedEntries()
        self.queues = Broker(self.clock)
        self.storage = ObjectStorage()
        self.engine = Engine()
        self.imaging = Imaging()
        self.take_checker = TakeChecker()
        self.download_budget = MemoryBudget()
        self.call_budget = MemoryBudget()
        self.more_lanes: list[MemoryLane] = []

    @property
    def lanes(self) -> list[MemoryLane]:
        """Gemini's, of the parts that this object has by name, and those that were added."""
        return [MemoryLane(Maker(), self.engine, self.quota, self.admission), *self.more_lanes]

    def add_lane(self, maker: Maker) -> MemoryLane:
        """Another maker, whose engine and quota are its own."""
        lane = MemoryLane(maker, Engine(), Quota(self.clock, self.blobs), AdmissionController(self.clock))
        self.more_lanes.append(lane)
        return lane

    @contextmanager
    def picture_file(self) -> Iterator[PictureFile]:
        """An empty file of pictures."""
        yield PictureFile()
