"""What holds the world in memory to the tables, without a server."""

from dataclasses import fields

import pytest

from quel.adapters.postgres.image_state import CLAIM
from quel.adapters.postgres.schema import pipeline_tables, product_tables
from quel.core.open_paths import EveryPath
from quel.core.pipeline import Step
from quel.sandbox.memory import tables
from quel.sandbox.memory.image_moves import move

ROWS = {
    tables.Member: product_tables.Member,
    tables.Organization: product_tables.Organization,
    tables.Production: product_tables.Production,
    tables.Job: product_tables.Job,
    tables.Attach: product_tables.Attach,
    tables.Credit: product_tables.Credit,
    tables.PendingJobInHand: pipeline_tables.PendingJobInHand,
    tables.PipelineJob: pipeline_tables.PipelineJob,
    tables.PipelineImage: pipeline_tables.PipelineImage,
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.__name__)
def test_a_row_has_columns_of_its_table_and_no_others(row):
    assert {field.name for field in fields(row)} <= set(ROWS[row].model_fields)


def test_a_transition_that_writes_other_columns_than_this_world_does_is_noticed(services, job_after):
    job_id = job_after(Step.PREPARE_INPUTS)
    with pytest.raises(TypeError, match='"claim" sets'):
        move(services.tables.images[job_id, 0], CLAIM, services.clock, lease_owner="a worker")


def test_an_image_moves_only_from_where_its_transition_starts(services, job_after):
    job_id = job_after(Step.PREPARE_INPUTS)
    assert services.generate_image.claim("a worker", EveryPath()) is not None
    image, until = services.tables.images[job_id, 0], services.clock.after(30)
    assert not move(image, CLAIM, services.clock, lease_owner="another", lease_until=until, starts=2)
    assert image.lease_owner == "a worker"
