"""What tests of single images say to the stage and look at."""

from uuid import UUID

from quel.core.pipeline import Step, StepMessage
from quel.stages.generate_image import generate_image

ANY = UUID(int=0)


def generate(services):
    """What any message leads to: which image is made is not said by it."""
    return generate_image(services, ANY, 0)


def image(services, job_id, image_no=0):
    return services.tables.images[job_id, image_no]


def persist(job_id, image_no=0):
    return (StepMessage(Step.PERSIST_OUTPUT, job_id, image_no),)


def finalize(job_id):
    return (StepMessage(Step.FINALIZE_JOB, job_id),)


def slots_used(services):
    return len(services.quota.calls_at)


def last_wait(services):
    return services.admission.waits[-1]


def to_generate(job_id, *image_nos):
    return tuple(StepMessage(Step.GENERATE_IMAGE, job_id, image_no) for image_no in image_nos)


def balance(services, studio, job_id):
    """The credits of the job's member."""
    return services.tables.members[studio.job_row(job_id).quel_member_id].quel_member_credit
