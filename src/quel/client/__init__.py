"""A client of quel's HTTP API, for programs that order jobs: `Client`, and `AsyncClient` with the same words.

    with Client("https://quel.example.com", token) as quel:
        job = quel.submit({"job_type": "simple_general", "total_images": 2, "job_input_data": {…}})
        for seen in quel.watch(job.job_id):
            print(seen.status, f"{seen.completed} of {seen.total}")

It imports nothing else of quel, so that its folder and httpx are all that a caller needs.
"""

from quel.client.clients import AsyncClient, Client
from quel.client.models import Image, Job, JobDetail, JobPage, Preview, PreviewImage, Retried, Submitted
from quel.client.problem import ApiProblem

__all__ = [
    "ApiProblem",
    "AsyncClient",
    "Client",
    "Image",
    "Job",
    "JobDetail",
    "JobPage",
    "Preview",
    "PreviewImage",
    "Retried",
    "Submitted",
]
