"""Brings the four job types, and the oldest form any of them may come in, to one shape: stages with items."""

from collections.abc import Callable
from dataclasses import dataclass

from quel.core.aspect import DEFAULT_ASPECT_RATIO, AspectRatio
from quel.core.job import DEFAULT_PROMPT, ItemRequest, JobType, RequestedReference, StageRequest
from quel.core.request import values
from quel.core.request.fields import Fields
from quel.core.request.references import ID_KEYS, read_merged, read_references

NOT_ORDERED = ""  # an angle or shot nobody named is the photographer's choice, and no order
DEFAULT_STAGE_QUANTITY = 1
JOB_SERIES = 0
"""The number of the series that a whole job is; those of stages count from 1."""


@dataclass(frozen=True)
class _Job:
    """The job's own keys, which stages and items take where they say nothing themselves.

    `ordered` is total_images, None where that is 0 or less.
    """

    fields: Fields
    ordered: int | None
    prompt: str
    aspect_ratio: AspectRatio
    angle: str
    shot: str
    fx: str | None
    negative_prompt: str
    pre_edited: bool | None
    consistent: bool

    @property
    def oldest_form_quantity(self) -> int | None:
        """How many images a job asks for that lacks its type's own list."""
        quantity = self.fields.quantity("quantity")
        return self.ordered if quantity is None else quantity

    def item(self, quantity: int | None) -> ItemRequest:
        return ItemRequest(self.angle, self.shot, quantity, self.fx)

    def stage(
        self, references: tuple[RequestedReference, ...], *items: ItemRequest, prompt: str | None = None
    ) -> StageRequest:
        """A stage in which everything else is the job's own."""
        return StageRequest(
            prompt or self.prompt,
            self.aspect_ratio,
            references,
            items,
            negative_prompt=self.negative_prompt,
            pre_edited=self.pre_edited,
            series=JOB_SERIES if self.consistent else None,
        )


def read_stages(job_type: JobType, fields: Fields, total_images: int) -> tuple[StageRequest, ...]:
    """At least one stage with at least one item; what cannot be read is noted in the fields' findings."""
    job = _Job(
        fields=fields,
        ordered=total_images if total_images > 0 else None,
        prompt=fields.text("basePrompt", "prompt") or DEFAULT_PROMPT,
        aspect_ratio=fields.aspect_ratio(DEFAULT_ASPECT_RATIO),
        angle=_angle(fields) or NOT_ORDERED,
        shot=_shot(fields) or NOT_ORDERED,
        fx=fields.label("fx"),
        negative_prompt=_negative(fields),
        pre_edited=fields.flag("isPreEdited"),
        consistent=bool(fields.flag("consistent")),
    )
    return _FORMS[job_type](job)


def _single_batch(job: _Job) -> tuple[StageRequest, ...]:
    items = [_combination(job, fields) for fields in job.fields.objects("combinations")]
    references = read_references(job.fields, "individualImageAttachIds")
    return (job.stage(references, *(items or [job.item(job.oldest_form_quantity)])),)


def _combination(job: _Job, fields: Fields) -> ItemRequest:
    return ItemRequest(
        angle=_angle(fields) or job.angle,
        shot=_shot(fields) or job.shot,
        quantity=fields.quantity("quantity"),
        fx=fields.label("fx") or job.fx,
    )


def _pipeline_stage(job: _Job) -> tuple[StageRequest, ...]:
    stages = job.fields.objects("stages")
    if not stages:
        references = read_references(job.fields, "individualImageAttachIds")
        return (job.stage(references, job.item(job.oldest_form_quantity)),)
    # A stage without a stage_index stands at its position; the sort keeps positions where indexes repeat.
    indexes = [fields.number("stage_index") for fields in stages]
    order = [position if index is None else index for position, index in enumerate(indexes)]
    in_order = sorted(range(len(stages)), key=lambda position: order[position])
    merged = read_merged(job.fields)
    return tuple(
        _stage(job, stages[position], merged, series=number)
        for number, position in enumerate(in_order, start=JOB_SERIES + 1)
    )


def _stage(job: _Job, fields: Fields, merged: tuple[RequestedReference, ...], *, series: int) -> StageRequest:
    """`series` is the number of one that is its own."""
    quantity = fields.quantity("quantity")
    pre_edited = fields.flag("isPreEdited")
    item = ItemRequest(
        angle=_angle(fields) or job.angle,
        shot=_shot(fields) or job.shot,
        quantity=DEFAULT_STAGE_QUANTITY if quantity is None else quantity,
        fx=fields.text("fx") or job.fx,
    )
    return StageRequest(
        prompt=fields.text("prompt") or job.prompt,
        aspect_ratio=fields.aspect_ratio(job.aspect_ratio),
        references=read_references(fields, "individualImageAttachIds") or merged,
        items=(item,),
        negative_prompt=_negative(fields) or job.negative_prompt,
        pre_edited=job.pre_edited if pre_edited is None else pre_edited,
        series=_series(job, fields, series),
    )


def _series(job: _Job, fields: Fields, own: int) -> int | None:
    """A stage may leave the job's series, or be one where the job is none."""
    consistent = fields.flag("consistent")
    if job.consistent:
        return None if consistent is False else JOB_SERIES
    return own if consistent else None


def _simple_general(job: _Job) -> tuple[StageRequest, ...]:
    prompt = job.fields.text("prompt")
    references = read_references(job.fields, "uploadedAttachIds")
    has_own_list = any(job.fields.entries("uploadedAttachIds"))
    quantity = job.ordered if has_own_list and job.ordered else job.oldest_form_quantity
    return (job.stage(references, job.item(quantity), prompt=prompt),)


def _simple_portrait(job: _Job) -> tuple[StageRequest, ...]:
    portraits = [_portrait(job, where, entry) for where, entry in job.fields.entries("mergedImages")]
    if portraits:
        return tuple(portraits)
    references = read_references(job.fields, "individualImageAttachIds")
    return (job.stage(references, job.item(job.oldest_form_quantity)),)


def _portrait(job: _Job, where: str, entry: object) -> StageRequest:
    if not isinstance(entry, dict):
        return job.stage((RequestedReference(values.attach_id(entry), None, where),), job.item(1))
    fields = job.fields.inner(where, entry)
    picture = RequestedReference(fields.attach_id("mergedAttachId", *ID_KEYS), None, where)
    return job.stage((picture,), job.item(1), prompt=fields.text("wrappingPrompt"))


def _negative(fields: Fields) -> str:
    return fields.text("negative_prompt") or ""


def _angle(fields: Fields) -> str | None:
    return fields.label("angle", "cameraAngle")


def _shot(fields: Fields) -> str | None:
    return fields.label("shot", "shotType")


_FORMS: dict[JobType, Callable[[_Job], tuple[StageRequest, ...]]] = {
    JobType.SINGLE_BATCH: _single_batch,
    JobType.PIPELINE_STAGE: _pipeline_stage,
    JobType.SIMPLE_GENERAL: _simple_general,
    JobType.SIMPLE_PORTRAIT: _simple_portrait,
}
