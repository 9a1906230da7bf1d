"""The picture an image of a series follows: fetched once a job, shown last, for set, light and grade."""

from dataclasses import replace

from quel.core.errors import ReferenceUnavailable
from quel.core.generate_image import ClaimedImage
from quel.core.outcome import PictureBytes
from quel.core.series import ROLE, beside_the_lead, lead_digest
from quel.core.services import Services
from quel.observe.events import Event, emit


def show_lead(services: Services, claimed: ClaimedImage) -> ClaimedImage:
    """The image with its leader's picture among those it is shown, where it follows one.

    One that cannot be had for good is left out and told. Raises ServiceUnavailable where it may come back.
    """
    if claimed.series is None or claimed.lead is None:
        return claimed
    digest = lead_digest(claimed.series)
    key = services.blobs.input_key(claimed.job_id, digest)
    if not services.blobs.size_bytes([key]):
        try:
            services.blobs.put_input(claimed.job_id, digest, _fetched(services, claimed.lead))
        except ReferenceUnavailable as error:
            emit(Event.REFERENCE_LEFT_OUT, reason=f"The first image of the series: {error}")
            return replace(claimed, lead=None)
    told = beside_the_lead(claimed.prompt, claimed.labels, shown=len(claimed.picture_keys))
    return replace(
        claimed,
        prompt=told.prompt,
        labels=told.labels,
        picture_keys=(*claimed.picture_keys, key),
        roles=(*claimed.roles, ROLE),
    )


def _fetched(services: Services, attach_id: int) -> PictureBytes:
    stored = services.prepare_inputs.attachment_paths([attach_id]).get(attach_id)
    if stored is None:
        raise ReferenceUnavailable("Its attachment names no file.")
    with services.download_budget.share(services.rules.max_reference_bytes):
        return services.imaging.normalise(services.storage.read_reference(stored.path))
