"""prepare_inputs: references fetched once a job, pictures drawn once a stage, one message an image."""

from dataclasses import dataclass, field
from uuid import UUID

from quel.core.errors import NoRoom, ServiceUnavailable
from quel.core.job import ImagePlan, JobStatus, StageRequest
from quel.core.near_copy import may_stay_near
from quel.core.paths import PATHS
from quel.core.pipeline import MOST_STARTS, Step, StepMessage, next_steps
from quel.core.prepare_inputs import MOST_TRIES, PAUSE_S, FailedImage, Preparation, ReadyImage
from quel.core.prompting.picture import Arrangement, PictureSpec
from quel.core.prompting.prompt import write_prompt
from quel.core.prompting.references import arrange
from quel.core.services import Services
from quel.observe.events import Event, emit
from quel.observe.logs import log_context
from quel.stages.fetch_references import FetchedReferences, StageReferences, fetch_references
from quel.stages.input_pictures import InputPictures

_FULL_CACHE_DELAY_S = 5.0
_ENDED_THE_PROCESS = (
    f"Preparing its pictures ended the process that worked on it {MOST_STARTS} times,"
    " so it was not tried again."
)


def prepare_inputs(services: Services, job_id: UUID, *, tries: int = 0) -> tuple[StepMessage, ...]:
    """Prepares the planned images of a job. Raises ServiceUnavailable when it must be tried again.

    `tries` counts how often the message ended in order with an error. When they are used up, a reference
    that Storage still cannot hand out is left out like a missing one, as long as Storage hands out others;
    where it hands out none, or refuses quel itself, the job waits for as long as that lasts.
    """
    preparation = services.prepare_inputs.load(job_id)
    if preparation is None:
        return ()
    if preparation.status is JobStatus.PENDING:  # set back by hand: fetch_job claims it first
        return ()
    if preparation.status is not JobStatus.PROCESSING or services.cancellations.is_cancelled(job_id):
        return (StepMessage(Step.FINALIZE_JOB, job_id),)
    if not preparation.planned:
        return next_steps(job_id, preparation.states)
    if services.blobs.inputs_full():
        return (StepMessage(Step.PREPARE_INPUTS, job_id, delay_s=_FULL_CACHE_DELAY_S),)
    with log_context(path=preparation.path):
        if services.prepare_inputs.begin(job_id) > tries + MOST_STARTS:
            return _give_up(services, preparation)
        try:
            return _prepare(services, preparation, last_try=tries >= MOST_TRIES)
        except ServiceUnavailable as error:
            services.prepare_inputs.postpone(job_id)
            if tries < MOST_TRIES:
                raise
            emit(Event.INPUTS_POSTPONED, code=error.code, reason=str(error), pause_s=PAUSE_S)
            return (StepMessage(Step.PREPARE_INPUTS, job_id, delay_s=PAUSE_S),)


def _give_up(services: Services, preparation: Preparation) -> tuple[StepMessage, ...]:
    failed = [FailedImage(no, "ends_the_process", _ENDED_THE_PROCESS) for no in sorted(preparation.planned)]
    services.prepare_inputs.finish(preparation.job_id, ready=(), failed=failed, warnings=(), input_images=0)
    emit(Event.IMAGE_FAILED, code="ends_the_process", reason=_ENDED_THE_PROCESS, images=len(failed))
    return (StepMessage(Step.FINALIZE_JOB, preparation.job_id),)


def _prepare(services: Services, preparation: Preparation, *, last_try: bool) -> tuple[StepMessage, ...]:
    gathered = fetch_references(services, preparation, last_try=last_try)
    work = _Work(services, preparation, gathered)
    try:
        for image in preparation.plan.images:
            if image.image_no in preparation.planned:
                work.add(image)
    except NoRoom as error:  # others go first: half a job's pictures in everybody's way help nobody
        emit(Event.INPUTS_WAIT, code=error.code, reason=str(error))
        services.blobs.drop_job(preparation.job_id, work.picture_keys, images=0)
        services.prepare_inputs.postpone(preparation.job_id)
        return (StepMessage(Step.PREPARE_INPUTS, preparation.job_id, delay_s=_FULL_CACHE_DELAY_S),)
    ready = services.prepare_inputs.finish(
        preparation.job_id,
        ready=work.ready,
        failed=work.failed,
        warnings=gathered.warnings,
        input_images=len(gathered.pictures),
    )
    emit(Event.INPUTS_PREPARED, ready=len(ready), failed=len(work.failed), references=len(gathered.pictures))
    for failed in work.failed:
        emit(Event.IMAGE_FAILED, image=failed.image_no, code=failed.code, reason=failed.reason)
    if not ready:
        _drop_if_ended(services, preparation.job_id, work)
        return (StepMessage(Step.FINALIZE_JOB, preparation.job_id),)
    return tuple(StepMessage(Step.GENERATE_IMAGE, preparation.job_id, image_no) for image_no in ready)


def _drop_if_ended(services: Services, job_id: UUID, work: "_Work") -> None:
    """A job that was closed meanwhile has no row that names these pictures."""
    if services.finalize_job.leftovers(job_id) is not None:
        keys = {key for image in work.ready for key in image.picture_keys}
        services.blobs.drop_job(job_id, sorted(keys), images=0)


@dataclass
class _Work:
    """Collects what becomes of each image; pictures are drawn once for all images that share them."""

    services: Services
    preparation: Preparation
    gathered: FetchedReferences
    ready: list[ReadyImage] = field(default_factory=list)
    failed: list[FailedImage] = field(default_factory=list)
    _arranged: dict[tuple[int, int], tuple[Arrangement, tuple[str, ...]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._path = PATHS[self.preparation.path]
        self._store = InputPictures(self.services, self.preparation.job_id, self.gathered.pictures)

    @property
    def picture_keys(self) -> tuple[str, ...]:
        """What was put into the cache so far."""
        return self._store.kept

    def add(self, image: ImagePlan) -> None:
        stage = self.preparation.plan.request.stages[image.stage]
        references = self.gathered.stages[image.stage]
        if references.problem is not None:
            self.failed.append(FailedImage(image.image_no, "no_references", references.problem))
            return
        arrangement, keys = self._arrange(image, stage, references)
        if arrangement.problem is not None:
            self.failed.append(FailedImage(image.image_no, "no_references_left", arrangement.problem))
            return
        prompt = self._prompt(image, stage, arrangement.pictures)
        is_near = may_stay_near(self._path, arrangement.pictures, stage)
        self.ready.append(ReadyImage(image.image_no, prompt, keys, stage.aspect_ratio, image.seed, is_near))

    def _arrange(
        self, image: ImagePlan, stage: StageRequest, references: StageReferences
    ) -> tuple[Arrangement, tuple[str, ...]]:
        item = (image.stage, image.item)
        if item not in self._arranged:
            shot = stage.items[image.item].shot
            arrangement = arrange(
                self._path, references.usable, shot, max_pictures=self.services.rules.max_pictures
            )
            keys = tuple(self._store.key(picture, stage.aspect_ratio) for picture in arrangement.pictures)
            self._arranged[item] = arrangement, keys
        return self._arranged[item]

    def _prompt(self, image: ImagePlan, stage: StageRequest, pictures: tuple[PictureSpec, ...]) -> str:
        of = sum(
            1
            for other in self.preparation.plan.images
            if (other.stage, other.item) == (image.stage, image.item)
        )
        return write_prompt(self._path, pictures, stage, stage.items[image.item], number=image.number, of=of)
