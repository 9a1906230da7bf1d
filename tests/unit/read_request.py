"""What parse_request makes of an input, for the tests of its parts."""

from quel.core.job import JobRequest
from quel.core.request import parse_request


def read(job_type, data, total_images=1):
    """The request of an input that must be readable."""
    request = parse_request(job_type, data, total_images=total_images)
    assert isinstance(request, JobRequest), request
    return request


def only_stage(job_type, data, total_images=1):
    (stage,) = read(job_type, data, total_images).stages
    return stage


def refused(job_type, data, total_images=1):
    """The problems of an input that must be refused."""
    problems = parse_request(job_type, data, total_images=total_images)
    assert isinstance(problems, tuple)
    assert problems
    return problems


def quantities(request):
    return [item.quantity for stage in request.stages for item in stage.items]


def attach_ids(stage):
    return [ask.attach_id for ask in stage.references]
