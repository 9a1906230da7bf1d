"""Writes the rows of an in-painting that is ordered over HTTP."""

from uuid import UUID, uuid4

from sqlalchemy import Connection, insert, select
from sqlmodel import col

from quel.adapters.postgres.database import Database
from quel.adapters.postgres.schema.product_tables import Job, Member, Organization, Production
from quel.core.job import JobStatus, JobType
from quel.core.operations.submit_modify import ModifyOrder


class SubmitModifyRows:
    """The rows an in-painting begins with."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(self, job_id: UUID, order: ModifyOrder, org_id: UUID | None) -> UUID:
        """The production and its pending job in one transaction; the production's id.

        Neither names a path: a job like this one is told by its mask.
        """
        production_id = uuid4()
        written = select(col(Job.production_id)).where(col(Job.job_id) == job_id)
        payers = (
            select(col(Member.quel_member_id)).where(col(Member.quel_member_id) == order.user_id),
            select(col(Organization.org_id)).where(col(Organization.org_id) == org_id),
        )
        production = insert(Production).values(
            {
                col(Production.production_id): production_id,
                col(Production.quel_member_id): order.user_id,
                col(Production.org_id): org_id,
                col(Production.production_name): order.production_name,
                col(Production.production_status): JobStatus.PENDING,
                col(Production.total_quantity): order.quantity,
                col(Production.prompt_text): order.prompt,
                col(Production.attach_ids): [],
            }
        )

        def work(connection: Connection) -> UUID:
            if earlier := connection.scalar(written):
                return earlier  # the first try went through, only its answer was lost
            # Before the statement with the prompt, whose foreign keys would wait for them.
            for payer in payers:
                connection.execute(payer.with_for_update(read=True, key_share=True))
            connection.execute(production)
            connection.execute(insert(Job).values(_job(job_id, production_id, order, org_id)))
            return production_id

        return self._database.run(work)


def _job(job_id: UUID, production_id: UUID, order: ModifyOrder, org_id: UUID | None) -> dict[object, object]:
    return {
        col(Job.job_id): job_id,
        col(Job.production_id): production_id,
        col(Job.job_type): JobType.SIMPLE_GENERAL,
        col(Job.batch_index): 0,
        col(Job.total_images): order.quantity,
        col(Job.job_input_data): dict(order.input_data),
        col(Job.quel_member_id): order.user_id,
        col(Job.org_id): org_id,
    }
