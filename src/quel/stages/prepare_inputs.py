"""prepare_inputs: references fetched once a job, pictures drawn once a stage, one message an image."""

from dataclasses import dataclass, field
from uuid import UUID

from quel.core.job import ImagePlan, JobStatus, StageRequest
from quel.core.paths import PATHS
from quel.core.picture import Arrangement, PictureAsk
from quel.core.preparation import FailedImage, Preparation, ReadyImage
from quel.core.prompt import write_prompt
from quel.core.references import arrange
from quel.core.steps import Nudge, Stage, next_steps
from quel.observe.events import Event, emit
from quel.observe.logs import about
from quel.stages.gathering import Gathered, StageReferences, gather
from quel.stages.picture_store import PictureStore
from quel.stages.services import Services

_FULL_CACHE_DELAY_S = 5.0


def prepare_inputs(services: Services, job_id: UUID, *, last_try: bool = False) -> tuple[Nudge, ...]:
    """Prepares the planned images of a job. Raises NeighbourDown when it must be tried again.

    On the `last_try` a reference that Storage still cannot hand out is left out like a missing one, as
    long as Storage hands out others.
    """
    preparation = services.preparations.load(job_id)
    if preparation is None:
        return ()
    if preparation.status is JobStatus.PENDING:  # set back by hand: fetch_job claims it first
        return ()
    if preparation.status is not JobStatus.PROCESSING or services.cancellations.is_cancelled(job_id):
        return (Nudge(Stage.FINALIZE_JOB, job_id),)
    if not preparation.planned:
        return next_steps(job_id, preparation.states)
    if services.blobs.inputs_full():
        return (Nudge(Stage.PREPARE_INPUTS, job_id, delay_s=_FULL_CACHE_DELAY_S),)
    with about(path=preparation.path):
        return _prepare(services, preparation, last_try)


def _prepare(services: Services, preparation: Preparation, last_try: bool) -> tuple[Nudge, ...]:
    gathered = gather(services, preparation, last_try=last_try)
    work = _Work(services, preparation, gathered)
    for image in preparation.plan.images:
        if image.image_no in preparation.planned:
            work.add(image)
    ready = services.preparations.finish(
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
        return (Nudge(Stage.FINALIZE_JOB, preparation.job_id),)
    return tuple(Nudge(Stage.GENERATE_IMAGE, preparation.job_id, image_no) for image_no in ready)


def _drop_if_ended(services: Services, job_id: UUID, work: "_Work") -> None:
    """A job that was closed meanwhile has no row that names these pictures."""
    if services.closings.remains(job_id) is not None:
        keys = {key for image in work.ready for key in image.picture_keys}
        services.blobs.drop_job(job_id, sorted(keys), images=0)


@dataclass
class _Work:
    """Collects what becomes of each image; pictures are drawn once for all images that share them."""

    services: Services
    preparation: Preparation
    gathered: Gathered
    ready: list[ReadyImage] = field(default_factory=list)
    failed: list[FailedImage] = field(default_factory=list)
    _arranged: dict[tuple[int, int], tuple[Arrangement, tuple[str, ...]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._path = PATHS[self.preparation.path]
        self._store = PictureStore(self.services, self.preparation.job_id, self.gathered.pictures)

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
        self.ready.append(ReadyImage(image.image_no, prompt, keys, stage.aspect_ratio, image.seed))

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

    def _prompt(self, image: ImagePlan, stage: StageRequest, pictures: tuple[PictureAsk, ...]) -> str:
        of = sum(
            1
            for other in self.preparation.plan.images
            if (other.stage, other.item) == (image.stage, image.item)
        )
        return write_prompt(self._path, pictures, stage, stage.items[image.item], number=image.number, of=of)
