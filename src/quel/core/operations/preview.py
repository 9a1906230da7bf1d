"""What a job would make, told before anything is fetched or spent: images, pictures, prompts and price.

It follows the same decisions as the stages. What only a look elsewhere tells it leaves open: whether a
reference can be fetched, and whether the payer can pay.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from quel.core.engines import GEMINI, Capability
from quel.core.errors import InvalidInput
from quel.core.fetch_job import IntakePolicy, JobFacts, PathChoice, as_uuid, choose_path, given_path
from quel.core.job import ImagePlan, JobPlan, JobRequest, JobType, Problem, StageRequest
from quel.core.kind import MADE_HERE, Kind, kind_of, not_made_here
from quel.core.models import Model
from quel.core.operations.submit_job import picture_files, with_attachments
from quel.core.paths import PATHS
from quel.core.plan import make_plan
from quel.core.prepare_inputs import series_unkept, smaller_than_asked
from quel.core.prompting.labels import write_labels
from quel.core.prompting.picture import PictureSpec, SortedReferences
from quel.core.prompting.prompt import write_prompt
from quel.core.prompting.references import arrange, sort_references
from quel.core.request import parse_request, read_once_more
from quel.core.series import Told, beside_the_lead

_NO_ID = UUID(int=0)
_FIRST_PLACEHOLDER = 10**15
"""Far beyond what quel_attach has come to: no id of an attachment that is there."""


@dataclass(frozen=True)
class Subject:
    """The columns of a job's row that a plan is made from; `paths` are the job's and the production's."""

    job_id: UUID
    job_type: object
    total_images: int
    input_data: object
    paths: tuple[str | None, ...]

    @property
    def kind(self) -> Kind:
        """What the row is."""
        keys = self.input_data if isinstance(self.input_data, dict) else None
        return kind_of(str(self.job_type), given_path(self.paths), keys)


def subject_of_row(row: Mapping[str, Any]) -> Subject:
    """The subject of a job's row as JSON. Raises InvalidInput where a column could not hold what it says."""
    total_images = row.get("total_images", 0)
    if not isinstance(total_images, int) or isinstance(total_images, bool):
        raise InvalidInput("total_images must be a whole number, as the column is.")
    path = row.get("quel_production_path")
    return Subject(
        job_id=as_uuid(str(row.get("job_id"))) or _NO_ID,
        job_type=row.get("job_type"),
        total_images=total_images,
        input_data=read_once_more(row.get("job_input_data")),
        paths=(path if isinstance(path, str) else None,),
    )


def with_placeholders(row: Mapping[str, Any]) -> tuple[Mapping[str, Any], dict[int, str]]:
    """The row with an id for each picture file that a reference names, as if all were uploaded; the names."""
    data = row.get("job_input_data")
    ids = {name: _FIRST_PLACEHOLDER + n for n, name in enumerate(picture_files(data))}
    named = {**row, "job_input_data": with_attachments(data, ids.__getitem__)}
    return named, {attach_id: name for name, attach_id in ids.items()}


def subject_of_job(facts: JobFacts) -> Subject:
    """The subject of a job that has a row."""
    return Subject(
        job_id=facts.job_id,
        job_type=facts.job_type,
        total_images=facts.total_images,
        input_data=facts.input_data,
        paths=(facts.job_path, facts.production_path),
    )


@dataclass(frozen=True)
class PreviewImage:
    """One image. `image` and `stage` count from 1, as messages to customers do.

    `pictures` are in sending order. `prompt` is all that is said: the label of each picture, one a line, then
    the brief. `problem` says why it would fail; then there is no prompt.
    """

    image: int
    stage: int
    angle: str
    shot: str
    fx: str | None
    take: int
    takes: int
    pictures: tuple[PictureSpec, ...]
    aspect_ratio: str
    seed: int
    prompt: str
    problem: str | None


@dataclass(frozen=True)
class Preview:
    """A job's plan. `problems` are why it cannot be run, `warnings` what it would go on without.

    `picture_files` names the files that are not uploaded yet, by the ids that stand for them here.
    `credits` is what the customer pays when every image succeeds, `cost_usd` what the provider asks for them
    (without the seconds of a GPU of your own), `model` the engine's model or workflow.
    """

    path: str | None
    job_type: str
    stages: int
    ordered: int
    images: tuple[PreviewImage, ...]
    credits: int
    model: str
    cost_usd: float
    warnings: tuple[str, ...]
    problems: tuple[str, ...]
    engine: str = GEMINI
    picture_files: Mapping[int, str] = field(default_factory=dict)


def preview(subject: Subject, policy: IntakePolicy, model: Model, *, fail_on_missing: bool) -> Preview:
    """The plan of a job as fetch_job and prepare_inputs would make it. `fail_on_missing` as the setting."""
    if subject.kind not in MADE_HERE and subject.job_type in list(JobType):
        foreign = Problem("job_input_data", not_made_here(subject.kind))
        return _impossible(subject, model, given_path(subject.paths), [foreign])
    choice = choose_path(subject.paths, policy)
    if isinstance(choice, Problem):
        return _impossible(subject, model, None, [choice])
    request = parse_request(subject.job_type, subject.input_data, total_images=subject.total_images)
    if not isinstance(request, JobRequest):
        return _impossible(subject, model, choice.path, request)
    plan = make_plan(
        request, total_images=subject.total_images, job_id=subject.job_id, max_images=policy.max_images
    )
    if not isinstance(plan, JobPlan):
        return _impossible(subject, model, choice.path, plan)
    return _possible(plan, choice, policy, model, fail_on_missing)


def _impossible(subject: Subject, model: Model, path: str | None, problems: Collection[Problem]) -> Preview:
    sentences = tuple(problem.message for problem in problems)
    return Preview(
        path, str(subject.job_type), 0, max(subject.total_images, 0), (), 0, model.id, 0.0, (), sentences
    )


def _possible(
    plan: JobPlan, choice: PathChoice, policy: IntakePolicy, model: Model, fail_on_missing: bool
) -> Preview:
    path = PATHS[choice.path]
    maker = policy.routing.route(choice.path).maker
    capability = policy.routing.capability(maker) or Capability(
        model.id, model.max_pictures, sizes=model.sizes
    )
    sorted_ = [sort_references(path, stage.references) for stage in plan.request.stages]
    stage_problems = [
        _stage_problem(stage, references, fail_on_missing)
        for stage, references in zip(plan.request.stages, sorted_, strict=True)
    ]
    if fail_on_missing and any(stage_problems):
        stage_problems = [next(filter(None, stage_problems))] * len(stage_problems)
    takes = Counter((image.stage, image.item) for image in plan.images)
    images = tuple(
        _image(
            plan, image, sorted_[image.stage], choice, capability, takes[image.stage, image.item],
            stage_problems[image.stage],
        )
        for image in plan.images
    )  # fmt: skip
    possible = [image for image in images if image.problem is None]
    size = policy.size_of(plan.request.image_size, capability)
    return Preview(
        path=choice.path,
        job_type=plan.request.job_type,
        stages=len(plan.request.stages),
        ordered=plan.ordered,
        images=images,
        credits=len(possible) * policy.price_of(plan.request.image_size, capability),
        model=str(maker) if maker.workflow else capability.model,
        cost_usd=round(len(possible) * policy.usd_of(plan.request.image_size, capability), 5),
        engine=maker.engine,
        warnings=(
            *_warnings(plan.request, choice, policy, sorted_, images),
            *smaller_than_asked(plan.request.image_size, size.name, capability.model),
            *_series_unkept(plan, images, capability),
        ),
        problems=() if possible else tuple(dict.fromkeys(i.problem for i in images if i.problem)),
    )


def _series_unkept(plan: JobPlan, images: Sequence[PreviewImage], capability: Capability) -> tuple[str, ...]:
    full = any(
        planned.series is not None
        and image.problem is None
        and len(image.pictures) > capability.beside_another
        for planned, image in zip(plan.images, images, strict=True)
    )
    return (series_unkept(capability.model),) if full else ()


def _stage_problem(stage: StageRequest, references: SortedReferences, fail_on_missing: bool) -> str | None:
    unreadable = any(ask.attach_id is None for ask in stage.references)
    if fail_on_missing and unreadable:
        return " ".join(references.left_out)
    if stage.references and not references.kept:
        return "None of the given references can be used. " + " ".join(references.left_out)
    return None


def _image(
    plan: JobPlan,
    image: ImagePlan,
    references: SortedReferences,
    choice: PathChoice,
    capability: Capability,
    takes: int,
    stage_problem: str | None,
) -> PreviewImage:
    path, stage = PATHS[choice.path], plan.request.stages[image.stage]
    item = stage.items[image.item]
    in_series = image.series is not None
    most = capability.pictures_for(in_series=in_series)
    arrangement = arrange(path, references.kept, item.shot, max_pictures=most)
    problem = stage_problem or arrangement.problem
    prompt = ""
    if problem is None:
        negative = "" if capability.takes_negative else stage.negative_prompt
        asked = replace(stage, negative_prompt=negative, series=image.series)
        told = Told(
            write_prompt(path, arrangement.pictures, asked, item, number=image.number, of=takes),
            write_labels(path, arrangement.pictures),
        )
        if image.follows and len(arrangement.pictures) <= capability.beside_another:
            told = beside_the_lead(told.prompt, told.labels, shown=len(arrangement.pictures))
        labels = "\n".join(told.labels)
        prompt = f"{labels}\n\n{told.prompt}".strip()
    return PreviewImage(
        image=image.image_no + 1,
        stage=image.stage + 1,
        angle=item.angle,
        shot=item.shot,
        fx=item.fx,
        take=image.number + 1,
        takes=takes,
        pictures=arrangement.pictures if problem is None else (),
        aspect_ratio=str(stage.aspect_ratio),
        seed=image.seed,
        prompt=prompt,
        problem=problem,
    )


def _warnings(
    request: JobRequest,
    choice: PathChoice,
    policy: IntakePolicy,
    sorted_: Sequence[SortedReferences],
    images: Sequence[PreviewImage],
) -> tuple[str, ...]:
    sentences = []
    if choice.fell_back_from is not None:
        sentences.append(f'The path "{choice.fell_back_from}" is not known: {choice.path} is used.')
    if choice.path in policy.disabled_paths:
        sentences.append(f"The path {choice.path} is switched off: its jobs wait until it is on again.")
    sentences += [replaced.message for replaced in request.replaced]
    sentences += [reason for references in sorted_ for reason in references.left_out]
    sentences += [f"Image {image.image} would fail: {image.problem}" for image in images if image.problem]
    return tuple(dict.fromkeys(sentences))
