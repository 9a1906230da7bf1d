"""What to do with a job id that arrived: decided from the row alone, before anything is spent."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from quel.core.credits import NoPayer, Organization, Payer, cannot_afford, choose_payer
from quel.core.engines import ONE_SIZE, Capability, Routing
from quel.core.job import JobPlan, JobStatus, Problem, Replaced
from quel.core.kind import MADE_HERE, Kind, kind_of
from quel.core.kinds import BY_PATH, KINDS, read_input
from quel.core.model_choice import NoEngine, choose_maker
from quel.core.models import SIZES, SizeClass, size_for
from quel.core.object_path import result_owner
from quel.core.plan import make_plan


@dataclass(frozen=True)
class JobFacts:
    """A job's row and what hangs on it, read at one moment.

    `stored_attach_ids` are the distinct ids of generated_attach_ids: images another server already made.
    `input_data` is job_input_data as `read_once_more` gives it.
    `members` holds the credits of each member with a row among quel_member_id, userId and the owner.
    """

    job_id: UUID
    status: JobStatus
    job_type: str
    total_images: int
    input_data: object
    production_id: UUID | None
    member_id: UUID | None
    job_path: str | None
    production_path: str | None
    organization: Organization | None
    members: Mapping[UUID, int]
    stored_attach_ids: tuple[int, ...]

    @property
    def kind(self) -> Kind:
        """What the row is."""
        keys = self.input_data if isinstance(self.input_data, dict) else None
        return kind_of(self.job_type, given_path((self.job_path, self.production_path)), keys)


@dataclass(frozen=True)
class IntakePolicy:
    """The settings that decide about a job. `price` is what an image costs at `image_size`, in credits."""

    known_paths: Collection[str]
    disabled_paths: Collection[str]
    default_path: str
    reject_unknown_paths: bool
    price: int
    max_images: int
    routing: Routing = field(default_factory=Routing)
    image_size: str = SIZES[0]

    def size_of(self, asked: str | None, capability: Capability | None) -> SizeClass:
        """The size at which images of a job come that asks for `asked`; None leaves it to the settings."""
        return size_for(capability.sizes if capability else ONE_SIZE, asked or self.image_size)

    def price_of(self, asked: str | None, capability: Capability | None) -> int:
        """Credits an image of that job costs: `price` at the size of the settings, by weight at others."""
        weight = (
            self.size_of(asked, capability).credits_weight / self.size_of(None, capability).credits_weight
        )
        return math.ceil(round(self.price * weight, 6))

    def usd_of(self, asked: str | None, capability: Capability | None) -> float:
        """What the maker asks for an image of that job, beside the seconds of a GPU."""
        return (capability.usd_per_image if capability else 0.0) or self.size_of(asked, capability).price_usd


@dataclass(frozen=True)
class PathChoice:
    """The path a job runs on; `fell_back_from` is the unknown name it carried, if it did."""

    path: str
    fell_back_from: str | None = None


@dataclass(frozen=True)
class Start:
    """Claim the job and make this plan."""

    path: PathChoice
    plan: JobPlan
    payer: Payer
    stored_attach_ids: tuple[int, ...]

    @property
    def charged_images(self) -> int:
        """How many images of the plan are still to be paid for."""
        return charged_images(self.plan, len(self.stored_attach_ids))


@dataclass(frozen=True)
class Refuse:
    """Close the job with what it has, as failed where that is nothing, and with these sentences."""

    code: str
    reason: str


@dataclass(frozen=True)
class Claimed:
    """The job is this message's: its plan is written."""


@dataclass(frozen=True)
class ClaimedMeanwhile:
    """Another message was faster; nothing was written."""


ClaimEnd = Claimed | ClaimedMeanwhile | Refuse


@dataclass(frozen=True)
class Defer:
    """Leave the job pending: its path is switched off."""

    path: str


@dataclass(frozen=True)
class Foreign:
    """Pass the job on to whoever makes its kind, or refuse it: it is none of quel's.

    `why` is a sentence, where it is not the kind but the model that quel does not make images with.
    """

    kind: Kind
    why: str = ""


@dataclass(frozen=True)
class AlreadyClaimed:
    """The job was claimed before: only see what its rows call for."""


@dataclass(frozen=True)
class Cancelled:
    """Close the job as cancelled."""


@dataclass(frozen=True)
class Skip:
    """The job has ended, or belongs to another program: a message changes nothing."""

    status: JobStatus


Decision = Start | Refuse | Defer | Foreign | AlreadyClaimed | Cancelled | Skip


def decide(facts: JobFacts, policy: IntakePolicy) -> Decision:
    """What a message for this job should lead to. Only a pending job is ever started."""
    match facts.status:
        case JobStatus.PROCESSING:
            return AlreadyClaimed()
        case JobStatus.CANCELLED | JobStatus.USER_CANCELLED:
            return Cancelled() if facts.kind in MADE_HERE else Skip(facts.status)
        case JobStatus.COMPLETED | JobStatus.FAILED:
            return Skip(facts.status)
    if facts.kind not in MADE_HERE:
        return Foreign(facts.kind)
    choice = choose_path((facts.job_path, facts.production_path), policy, facts.kind)
    if isinstance(choice, Problem):
        return Refuse("unknown_path", choice.message)
    if choice.path in policy.disabled_paths:
        return Defer(choice.path)
    plan = _plan(facts, policy)
    if not isinstance(plan, JobPlan):
        return Refuse("bad_input", " ".join(problem.message for problem in plan[:_MOST_PROBLEMS]))
    routed = with_maker(plan, choice.path, policy.routing)
    if isinstance(routed, NoEngine):
        return Foreign(facts.kind, routed.reason)
    return _with_payer(facts, policy, choice, routed)


_MOST_PROBLEMS = 5  # enough to mend an input by; a hostile one could name thousands


def choose_path(
    names: Collection[str | None], policy: IntakePolicy, kind: Kind = Kind.IMAGES
) -> PathChoice | Problem:
    """The first name that is not blank, if it is known; else the default, or a problem (SPEC 7).

    A kind of its own runs on its own path, whatever the row says.
    """
    if kind in KINDS:
        return PathChoice(KINDS[kind].path.name)
    named = given_path(names)
    if named is None:
        return PathChoice(policy.default_path)
    if named.lower() in policy.known_paths and named.lower() not in list(KINDS):
        return PathChoice(named.lower())
    if policy.reject_unknown_paths:
        known = ", ".join(sorted(policy.known_paths))
        return Problem("quel_production_path", f'quel_production_path "{named}" is none of {known}.')
    return PathChoice(policy.default_path, fell_back_from=named)


def given_path(names: Collection[str | None]) -> str | None:
    """The first name that is not blank: the job's own path, else its production's."""
    return next((name.strip() for name in names if name and name.strip()), None)


def _plan(facts: JobFacts, policy: IntakePolicy) -> JobPlan | tuple[Problem, ...]:
    request = read_input(facts.kind, facts.job_type, facts.input_data, total_images=facts.total_images)
    if isinstance(request, tuple):
        return request
    return make_plan(
        request, total_images=facts.total_images, job_id=facts.job_id, max_images=policy.max_images
    )


def with_maker(plan: JobPlan, path: str, routing: Routing) -> JobPlan | NoEngine:
    """The plan with what makes its images, by the path and the model that the job names."""
    chosen = choose_maker(plan.request.wish, path, routing)
    if isinstance(chosen, NoEngine):
        return chosen
    request = plan.request
    if chosen.warning:
        request = replace(request, replaced=(*request.replaced, Replaced("modelId", chosen.warning)))
    return replace(plan, request=request, route=chosen.route, model=chosen.model)


def _with_payer(facts: JobFacts, policy: IntakePolicy, path: PathChoice, plan: JobPlan) -> Decision:
    stored = facts.stored_attach_ids[: len(plan.images)]
    user_id = as_uuid(plan.request.user_id)
    payer = choose_payer(facts.organization, facts.member_id, user_id, facts.members)
    if isinstance(payer, NoPayer):
        return Refuse("no_payer", payer.reason)
    if _needs_user(path.path) and not result_owner(plan.request.user_id, facts.member_id):
        return Refuse("bad_input", "userId must name whose pictures these are, and the job has no member.")
    capability = policy.routing.capability(plan.route.maker, plan.model)
    price = policy.price_of(plan.request.image_size, capability)
    refusal = cannot_afford(payer, charged_images(plan, len(stored)), price)
    if refusal:
        return Refuse("no_credit", refusal)
    return Start(path, plan, payer, stored)


def _needs_user(path: str) -> bool:
    return path in BY_PATH and BY_PATH[path].needs_user


def charged_images(plan: JobPlan, stored: int) -> int:
    """How many images are still to be paid for, where the first `stored` are there already."""
    return sum(not image.is_free for image in plan.images[stored:])


def as_uuid(value: str | None) -> UUID | None:
    """`value` as a UUID, or None where it is none."""
    try:
        return UUID(value) if value else None
    except ValueError:
        return None
