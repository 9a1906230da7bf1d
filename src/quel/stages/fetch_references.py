"""Fetches every reference of a job once, side by side, and says which are missing and what follows.

Each is in memory, within the process's budget, only until it is kept in a file.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from uuid import UUID

from quel.core.attachment import AttachmentPath
from quel.core.errors import Misconfigured, ReferenceUnavailable, ServiceUnavailable
from quel.core.job import StageRequest
from quel.core.kinds import ALL_PATHS
from quel.core.object_key import logged_key
from quel.core.ports.shared import PictureFile
from quel.core.prepare_inputs import DOWNLOADS_AT_ONCE, Preparation
from quel.core.prompting.picture import PictureId, Reference, SortedReferences
from quel.core.prompting.references import sort_references, within_limit
from quel.core.prompting.rules import Kind, ProductionPath
from quel.core.request.inline import picture_in
from quel.core.services import Services
from quel.observe.events import Event, emit
from quel.observe.logs import log_context


@dataclass(frozen=True)
class StageReferences:
    """What a stage can show: the usable references in the order given, or why it cannot be made."""

    usable: tuple[Reference, ...]
    problem: str | None


@dataclass(frozen=True)
class FetchedReferences:
    """The references of a job: the stages, and the warnings in order."""

    stages: tuple[StageReferences, ...]
    warnings: tuple[str, ...]


def fetch_references(
    services: Services, preparation: Preparation, pictures: PictureFile, *, last_try: bool
) -> FetchedReferences:
    """Fetches the references of every stage into `pictures`, normalised, and judges them.

    Raises ServiceUnavailable (see `prepare_inputs`).
    """
    path = ALL_PATHS[preparation.path]
    requests = preparation.plan.request.stages
    sorted_stages = within_limit(
        [sort_references(path, stage.references) for stage in requests], services.rules.max_references
    )
    kept = [reference for stage in sorted_stages for reference in stage.kept]
    missing = _fetch_all(services, path, preparation.job_id, kept, pictures, last_try)
    stages: list[StageReferences] = []
    warnings: list[str] = []
    for number, (request, sorted_) in enumerate(zip(requests, sorted_stages, strict=True)):
        with log_context(stage=number):
            left_out = (*sorted_.left_out, *_unavailable(sorted_.kept, missing))
            for reason in left_out:
                emit(Event.REFERENCE_LEFT_OUT, reason=reason)
            usable = tuple(reference for reference in sorted_.kept if reference.picture in pictures)
            problem = _problem(services, path, request, sorted_, usable, missing)
            warnings += left_out if problem is None else ()
            stages.append(StageReferences(usable, problem))
            _tell_stage(preparation, number, request)
    failing = next((stage.problem for stage in stages if stage.problem), None)
    if services.rules.fail_on_missing_reference and failing:
        stages = [StageReferences(stage.usable, failing) for stage in stages]
    return FetchedReferences(tuple(stages), tuple(dict.fromkeys(warnings)))


def _problem(
    services: Services,
    path: ProductionPath,
    request: StageRequest,
    sorted_: SortedReferences,
    usable: tuple[Reference, ...],
    missing: Mapping[PictureId, str],
) -> str | None:
    unreadable = any(not ask.is_readable for ask in request.references)
    unavailable = _unavailable(sorted_.kept, missing)
    if services.rules.fail_on_missing_reference and (unavailable or unreadable):
        return " ".join(unavailable or sorted_.left_out)
    lacking = path.lacking(usable)
    if lacking is not None:
        return " ".join((f"Nothing can be made without {lacking}.", *sorted_.left_out, *unavailable))
    if request.references and not usable:
        return "None of the given references can be used. " + " ".join((*sorted_.left_out, *unavailable))
    return None


def _unavailable(kept: Iterable[Reference], missing: Mapping[PictureId, str]) -> tuple[str, ...]:
    sentences = (
        f"{reference.named} was left out: {missing[reference.picture]}"
        for reference in kept
        if reference.picture in missing
    )
    return tuple(dict.fromkeys(sentences))


def _fetch_all(
    services: Services,
    path: ProductionPath,
    job_id: UUID,
    kept: list[Reference],
    pictures: PictureFile,
    last_try: bool,
) -> dict[PictureId, str]:
    """Why each picture that is missing is."""
    references = {reference.picture: reference for reference in kept}
    if not references:
        return {}
    attach_ids = [each.attach_id for each in references.values() if each.attach_id is not None]
    paths = services.prepare_inputs.attachment_paths(attach_ids)
    is_inline = any(reference.place for reference in references.values())
    data = services.prepare_inputs.input_data(job_id) if is_inline else None

    def fetch(reference: Reference) -> ReferenceUnavailable | ServiceUnavailable | None:
        return _fetch(services, path, reference, paths, data, pictures)

    with ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
        futures = {
            which: pool.submit(copy_context().run, fetch, reference)
            for which, reference in references.items()
        }
        results = {which: future.result() for which, future in futures.items()}
    down = [r for r in results.values() if isinstance(r, ServiceUnavailable)]
    for error in down:
        if isinstance(error, Misconfigured) or not (last_try and len(pictures)):
            raise error
    return {which: str(error) for which, error in results.items() if error is not None}


def _fetch(
    services: Services,
    path: ProductionPath,
    reference: Reference,
    paths: Mapping[int, AttachmentPath | None],
    data: object,
    pictures: PictureFile,
) -> ReferenceUnavailable | ServiceUnavailable | None:
    is_mask = path.category(reference.category).kind is Kind.MASK
    normalise = services.imaging.normalise_mask if is_mask else services.imaging.normalise
    try:
        with services.download_budget.share(services.rules.max_reference_bytes):
            try:
                found = _read(services, reference, paths, data)
                picture = normalise(found.data)
            except ReferenceUnavailable as error:
                found = _read_address(services, reference, error)
                picture = normalise(found.data)
            pictures.add(reference.picture, picture)
    except (ReferenceUnavailable, ServiceUnavailable) as error:
        return error
    emit(
        Event.REFERENCE_FETCHED,
        attach_id=reference.attach_id,
        type=reference.type,
        category=reference.category,
        object=found.object,
        column=found.column,
        mime_type=picture.mime_type,
        bytes=len(found.data),
    )
    return None


@dataclass(frozen=True)
class _Found:
    """A picture's bytes, and where they stood: an object's key as logs may hold it, and the column."""

    data: bytes
    object: str
    column: str


def _read(
    services: Services, reference: Reference, paths: Mapping[int, AttachmentPath | None], data: object
) -> _Found:
    if reference.attach_id is None and not reference.place:
        raise ReferenceUnavailable("No attachment is named.")
    if reference.attach_id is None:
        limit = services.rules.max_reference_bytes
        picture = picture_in(data, reference.place, at_most_bytes=limit)
        return _Found(picture, reference.where, "job_input_data")
    if reference.attach_id not in paths:
        raise ReferenceUnavailable("There is no attachment with this id.")
    stored = paths[reference.attach_id]
    if stored is None:
        raise ReferenceUnavailable("Its attachment names no file.")
    return _Found(services.storage.read_reference(stored.path), logged_key(stored.path), stored.column)


def _read_address(services: Services, reference: Reference, error: ReferenceUnavailable) -> _Found:
    """What has the public address that stands beside an attachment; no other host or bucket is ever asked.

    Raises `error`, why the attachment cannot be had, where there is no address.
    """
    if not reference.address:
        raise error
    key = services.storage.public_key(reference.address)
    if key is None:
        raise ReferenceUnavailable(f"{error} Its address lies outside Storage and was not fetched.")
    return _Found(services.storage.read_reference(key), logged_key(key), "job_input_data")


def _tell_stage(preparation: Preparation, number: int, request: StageRequest) -> None:
    emit(
        Event.STAGE_STARTED,
        number=number + 1,
        of=len(preparation.plan.request.stages),
        images=sum(1 for image in preparation.plan.images if image.stage == number),
        aspect_ratio=str(request.aspect_ratio),
    )
