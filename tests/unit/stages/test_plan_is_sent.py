"""What `quel plan FILE` shows is what is sent for that file: picture for picture, prompt for prompt."""

from pathlib import Path
from uuid import UUID

import pytest

from quel.core.job import JobPlan
from quel.core.operations.submit_job import picture_files
from quel.core.series import ROLE
from quel.operations.preview import preview_row
from quel.sandbox.memory.services import MemoryServices
from quel.sandbox.memory.studio import MemoryStudio
from quel.sandbox.memory.tables import Attach
from quel.sandbox.memory.worker import Worker
from tests.unit.operator_services import GivenServices
from tests.unit.test_rows import FIXTURES, HOSTILE, attach_ids_of, plan_of, read_row


def is_sent(file):
    """Whether `quel submit` would write it: it can be planned, and names no picture file."""
    row = read_row(file)
    return isinstance(plan_of(row), JobPlan) and not picture_files(row["job_input_data"])


ROWS = list(filter(is_sent, [*FIXTURES, *HOSTILE]))


def picture(spec, ratio):
    """What the codec of the world in memory makes of a picture's references."""
    cells = b",".join(b"reference %d" % each.attach_id for each in spec.references)
    return b"grid %s of %s" % (ratio.encode(), cells) if spec.is_grid else cells


def planned_pictures(request):
    """Those a plan can name: the first kept picture of a series is there only when it has been made."""
    led = request.roles[-1:] == (ROLE,)
    return request.pictures[:-1] if led else request.pictures


@pytest.mark.parametrize("file", ROWS, ids=lambda file: file.stem)
def test_what_is_planned_is_what_is_sent(file: Path):
    row = read_row(file)
    operators = GivenServices()
    shown = preview_row(operators, row)
    services = MemoryServices(rules=operators.rules)
    studio = MemoryStudio(services)
    plan = plan_of(row)
    assert isinstance(plan, JobPlan)
    for attach_id in filter(None, attach_ids_of(plan)):
        services.tables.attachments[attach_id] = Attach(attach_id, f"{attach_id}.png")
        services.storage.objects[f"{attach_id}.png"] = b"reference %d" % attach_id
    job_id = studio.job(
        row["job_type"],
        row["job_input_data"],
        total_images=row["total_images"],
        member=studio.member(10_000),
        path=row["quel_production_path"],
        job_id=UUID(row["job_id"]),
    )
    studio.push(job_id)
    Worker(services).run()
    planned = [image for image in shown.images if image.problem is None]
    sent = [
        {
            "prompt": request.text,
            "pictures": [each.data for each in planned_pictures(request)],
            "ratio": str(request.aspect_ratio),
            "seed": request.seed,
        }
        for request in services.engine.requests
    ]
    assert sent == [
        {
            "prompt": image.prompt,
            "pictures": [picture(spec, image.aspect_ratio) for spec in image.pictures],
            "ratio": image.aspect_ratio,
            "seed": image.seed,
        }
        for image in planned
    ]
    charged = sum(-entry.amount for entry in services.tables.ledger)
    assert charged == shown.credits
