"""prepare_inputs: references fetched once a job, pictures drawn once a stage, one message an image.

A message says that a job was planned, not which one is prepared: whose turn it is decides, and no job is
prepared much ahead of it. A message that finds none is dropped: jobs wait in their rows, and the processes
that prepare look for them.
"""

from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

from quel.core.engines import GEMINI, Capability, Maker
from quel.core.errors import Misconfigured, NoRoom, QuelError, ServiceUnavailable
from quel.core.job import ImagePlan, JobStatus, StageRequest
from quel.core.kinds import BY_PATH
from quel.core.near_copy import may_stay_near
from quel.core.open_paths import names_of, without_paused
from quel.core.pipeline import MOST_STARTS, WHOEVER, Step, StepMessage, next_steps
from quel.core.ports.shared import PictureFile
from quel.core.prepare_inputs import (
    FULL_CACHE_PAUSE_S,
    MOST_TRIES,
    FailedImage,
    Lookahead,
    Preparation,
    PreparationTurn,
    ReadyImage,
    pause_s,
    series_unkept,
    smaller_than_asked,
)
from quel.core.prompting.picture import Arrangement, PictureSpec
from quel.core.prompting.references import arrange
from quel.core.services import Services
from quel.observe.events import Event, emit
from quel.observe.logs import log_context
from quel.stages.fetch_references import FetchedReferences, StageReferences, fetch_references
from quel.stages.input_pictures import InputPictures

_ENDED_THE_PROCESS = (
    f"Preparing its pictures ended the process that worked on it {MOST_STARTS} times,"
    " so it was not tried again."
)


def prepare_inputs(services: Services, job_id: UUID, *, owner: str | None = None) -> tuple[StepMessage, ...]:
    """Prepares the planned images of the job whose turn it is, which the message `owner` leases meanwhile.

    A reference that Storage cannot hand out is waited for; after a minute of growing pauses it is left out
    like a missing one, as long as Storage hands out others. Where it hands out none, or refuses quel itself,
    the job waits for as long as that lasts.
    """
    asked_about = None if job_id == WHOEVER else _look(services, job_id)
    if isinstance(asked_about, tuple):
        return asked_about
    lookahead = look_ahead(services)
    turn = services.prepare_inputs.take(lookahead, owner or uuid4().hex)
    if turn is None:
        return () if lookahead.pictures else _make_room(services, lookahead)
    with log_context(job_id=turn.job_id):
        is_known = asked_about is not None and turn.job_id == job_id
        found = asked_about if is_known else _look(services, turn.job_id)
        messages = _take_turn(services, turn, found) if isinstance(found, Preparation) else found or ()
    if turn.others_wait:
        messages += (StepMessage(Step.PREPARE_INPUTS, WHOEVER),)
    return messages


def preparation_waits(services: Services) -> bool:
    """Whether the rows have a job that could be prepared now, or were there room for its pictures."""
    lookahead = look_ahead(services)
    if services.prepare_inputs.waits(lookahead):
        return True
    had_it_room = replace(lookahead, pictures=True, closed=())
    return not lookahead.pictures and services.prepare_inputs.waits(had_it_room)


def look_ahead(services: Services) -> Lookahead:
    """Whose turn may be taken now, by what is paused, switched off and full."""
    rules = services.rules
    known = rules.intake.known_paths
    open_paths = without_paused(rules.open_paths, services.pause.paused_paths(), known)
    paths = names_of(open_paths, known)
    closed = tuple(sorted(set(known) - set(paths)))
    return Lookahead(paths, closed, pictures=not services.blobs.inputs_full())


def _make_room(services: Services, lookahead: Lookahead) -> tuple[StepMessage, ...]:
    """Drops the pictures of a job behind the one whose turn it is, which finds the cache full."""
    job = services.prepare_inputs.set_back(replace(lookahead, pictures=True))
    if job is None:
        return ()
    services.blobs.drop_job(job.job_id, job.picture_keys, images=0)
    with log_context(job_id=job.job_id):
        emit(
            Event.INPUTS_WAIT,
            code="set_back",
            reason="Its pictures made room for a job whose turn comes before.",
        )
    return (StepMessage(Step.PREPARE_INPUTS, WHOEVER),)


def _look(services: Services, job_id: UUID) -> Preparation | tuple[StepMessage, ...]:
    """A job that is to be prepared, or what it calls for where it needs no preparing."""
    preparation = services.prepare_inputs.load(job_id)
    if preparation is None or preparation.status is JobStatus.PENDING:  # fetch_job claims it first
        return ()
    if preparation.status is not JobStatus.PROCESSING or services.cancellations.is_cancelled(job_id):
        return (StepMessage(Step.FINALIZE_JOB, job_id),)
    return preparation if preparation.planned else next_steps(job_id, preparation.states)


def _take_turn(
    services: Services, turn: PreparationTurn, preparation: Preparation
) -> tuple[StepMessage, ...]:
    with log_context(path=preparation.path), services.preparing.held(turn.job_id):
        if turn.starts > MOST_STARTS:
            return _give_up(services, preparation)
        try:
            with services.picture_file() as pictures:
                return _prepare(services, preparation, pictures, last_try=turn.postponed >= MOST_TRIES)
        except NoRoom as error:
            emit(Event.INPUTS_WAIT, code=error.code, reason=str(error))
            pause, postponed = FULL_CACHE_PAUSE_S, turn.postponed
        except ServiceUnavailable as error:
            pause, postponed = pause_s(turn.postponed), turn.postponed + 1
            if isinstance(error, Misconfigured):
                emit(Event.STORAGE_NEEDS_OPERATOR, reason=error.fault, said=str(error))
            emit(Event.INPUTS_POSTPONED, code=error.code, reason=str(error), pause_s=pause)
        services.prepare_inputs.postpone(turn.job_id, pause_s=pause, postponed=postponed)
        return (StepMessage(Step.PREPARE_INPUTS, turn.job_id, delay_s=pause),)


def _give_up(services: Services, preparation: Preparation) -> tuple[StepMessage, ...]:
    failed = [FailedImage(no, "ends_the_process", _ENDED_THE_PROCESS) for no in sorted(preparation.planned)]
    services.prepare_inputs.finish(
        preparation.job_id, ready=(), failed=failed, warnings=preparation.replaced, input_images=0
    )
    emit(Event.IMAGE_FAILED, code="ends_the_process", reason=_ENDED_THE_PROCESS, images=len(failed))
    return (StepMessage(Step.FINALIZE_JOB, preparation.job_id),)


def _prepare(
    services: Services, preparation: Preparation, pictures: PictureFile, *, last_try: bool
) -> tuple[StepMessage, ...]:
    gathered = fetch_references(services, preparation, pictures, last_try=last_try)
    work = _Work(services, preparation, gathered, InputPictures(services, preparation.job_id, pictures))
    try:
        for image in preparation.plan.images:
            if image.image_no in preparation.planned:
                work.add(image)
    except NoRoom:  # others go first: half a job's pictures in everybody's way help nobody
        services.blobs.drop_job(preparation.job_id, work.picture_keys, images=0)
        raise
    end = services.prepare_inputs.finish(
        preparation.job_id,
        ready=work.ready,
        failed=work.failed,
        warnings=(*preparation.replaced, *gathered.warnings, *work.warnings()),
        input_images=len(pictures),
    )
    emit(Event.INPUTS_PREPARED, ready=len(end.ready), failed=len(work.failed), references=len(pictures))
    for failed in work.failed:
        emit(Event.IMAGE_FAILED, image=failed.image_no, code=failed.code, reason=failed.reason)
    given = [image for image in work.ready if image.as_given and image.image_no in end.ready]
    kept = {image.image_no for image in given if _keep_given(services, preparation.job_id, image)}
    forward = tuple(
        StepMessage(Step.PERSIST_OUTPUT if no in kept else Step.GENERATE_IMAGE, preparation.job_id, no)
        for no in end.ready
    )
    if end.others_wait:
        return (*forward, StepMessage(Step.PREPARE_INPUTS, preparation.job_id))
    if not forward:
        _drop_if_ended(services, preparation.job_id, work)
        return (StepMessage(Step.FINALIZE_JOB, preparation.job_id),)
    return forward


def _keep_given(services: Services, job_id: UUID, image: ReadyImage) -> bool:
    """Keeps an image that is the customer's own picture and waits for no quota; whether it could.

    What goes wrong here is left to generate_image, which takes the picture as it is as well.
    """
    try:
        pictures, answer = services.blobs.inputs_and_output(image.picture_keys[:1], job_id, image.image_no)
        picture = answer or pictures[0]
        if picture is None:
            return False
        services.blobs.put_output(job_id, image.image_no, picture)
        is_made = services.generate_image.mark_given(job_id, image.image_no)
    except QuelError as error:
        emit(Event.IMAGE_UNKEPT, image=image.image_no, code=error.code, reason=str(error))
        return False
    if is_made:
        emit(Event.IMAGE_MADE, image=image.image_no, cost_usd=0.0)
    return is_made


def _drop_if_ended(services: Services, job_id: UUID, work: "_Work") -> None:
    """A job that was closed meanwhile has no row that names these pictures."""
    if services.finalize_job.withdraw_ended(job_id) is not None:
        keys = {key for image in work.ready for key in image.picture_keys}
        services.blobs.drop_job(job_id, sorted(keys), images=0)


def _engine_gone(maker: Maker) -> str:
    return f"It was to be made by {maker}, which is not configured any more."


@dataclass
class _Work:
    """Collects what becomes of each image; pictures are drawn once for all images that share them."""

    services: Services
    preparation: Preparation
    gathered: FetchedReferences
    pictures: InputPictures
    ready: list[ReadyImage] = field(default_factory=list)
    failed: list[FailedImage] = field(default_factory=list)
    _unkept: dict[str, None] = field(default_factory=dict)
    _arranged: dict[tuple[int, int, Maker], tuple[Arrangement, tuple[str, ...]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._kind = BY_PATH[self.preparation.path]
        self._path = self._kind.path

    @property
    def picture_keys(self) -> tuple[str, ...]:
        """What was put into the cache so far."""
        return self.pictures.kept

    def add(self, image: ImagePlan) -> None:
        stage = self.preparation.plan.request.stages[image.stage]
        references = self.gathered.stages[image.stage]
        if references.problem is not None:
            self.failed.append(FailedImage(image.image_no, "no_references", references.problem))
            return
        maker = self.preparation.maker(image.image_no)
        capability = self.services.rules.capability(maker, self.preparation.plan.model)
        if capability is None:
            self.failed.append(FailedImage(image.image_no, "engine_gone", _engine_gone(maker)))
            return
        arrangement, keys = self._arrange(image, stage, references, maker, capability)
        if arrangement.problem is not None:
            self.failed.append(FailedImage(image.image_no, "no_references_left", arrangement.problem))
            return
        negative = " ".join(stage.negative_prompt.split()) if capability.takes_negative else ""
        told = replace(stage, negative_prompt="" if negative else stage.negative_prompt, series=image.series)
        takes_lead = image.series is not None and len(arrangement.pictures) <= capability.beside_another
        if image.series is not None and not takes_lead:
            self._unkept[capability.model] = None
        item = stage.items[image.item]
        self.ready.append(
            ReadyImage(
                image.image_no,
                "" if item.as_given else self._prompt(image, told, arrangement.pictures),
                keys,
                stage.aspect_ratio,
                image.seed,
                negative_prompt=negative,
                roles=tuple(picture.category for picture in arrangement.pictures),
                labels=() if item.as_given else self._kind.labels(self._path, arrangement.pictures, stage),
                image_size=self._size(capability),
                may_stay_near=item.stays_near or may_stay_near(self._path, arrangement.pictures, stage),
                takes_lead=takes_lead,
                temperature=self._kind.temperature,
                as_given=item.as_given,
                model=self.preparation.plan.model if maker.engine == GEMINI else "",
                steps=stage.wish.steps if stage.wish else None,
                cfg=stage.wish.cfg if stage.wish else None,
            )
        )

    def warnings(self) -> tuple[str, ...]:
        """Sentences on what the job asks for and its makers cannot do."""
        return (
            *self._left_out(),
            *self._smaller_than_asked(),
            *map(series_unkept, self._unkept),
        )

    def _left_out(self) -> tuple[str, ...]:
        """A sentence for each reference that the maker has no room for."""
        arranged = (arrangement for arrangement, _ in self._arranged.values())
        return tuple(dict.fromkeys(reason for each in arranged for reason in each.left_out))

    def _smaller_than_asked(self) -> tuple[str, ...]:
        """A sentence where the job asks for larger images than its maker makes."""
        maker = self.preparation.plan.route.maker
        capability = self.services.rules.capability(maker, self.preparation.plan.model)
        asked = self.preparation.plan.request.image_size
        return smaller_than_asked(asked, self._size(capability), capability.model) if capability else ()

    def _size(self, capability: Capability) -> str:
        return self.services.rules.intake.size_of(self.preparation.plan.request.image_size, capability).name

    def _arrange(
        self,
        image: ImagePlan,
        stage: StageRequest,
        references: StageReferences,
        maker: Maker,
        capability: Capability,
    ) -> tuple[Arrangement, tuple[str, ...]]:
        item = (image.stage, image.item, maker)
        if item not in self._arranged:
            shot = stage.items[image.item].shot
            arrangement = arrange(
                self._path,
                references.usable,
                shot,
                max_pictures=capability.pictures_for(in_series=image.series is not None),
                takes_mask=capability.takes_mask,
            )
            keys = tuple(self.pictures.key(picture, stage.aspect_ratio) for picture in arrangement.pictures)
            self._arranged[item] = arrangement, keys
        return self._arranged[item]

    def _prompt(self, image: ImagePlan, stage: StageRequest, pictures: tuple[PictureSpec, ...]) -> str:
        of = sum(
            1
            for other in self.preparation.plan.images
            if (other.stage, other.item) == (image.stage, image.item)
        )
        return self._kind.brief(
            self._path, pictures, stage, stage.items[image.item], number=image.number, of=of
        )
