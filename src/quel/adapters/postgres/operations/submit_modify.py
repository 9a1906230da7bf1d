"""Writes the rows of an in-painting that is ordered over HTTP, and reads what its payer can spend."""

from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import Connection, func, insert, select
from sqlmodel import col

from quel.adapters.postgres.database import Database
from quel.adapters.postgres.held_credits import read_held
from quel.adapters.postgres.schema.product_tables import Job, Member, Production
from quel.core.credits import PayerKind
from quel.core.job import JobStatus, JobType
from quel.core.operations.submit_modify import ModifyOrder

_NO_JOB = UUID(int=0)


@dataclass(frozen=True)
class Funds:
    """A payer's balance in credits, and what of it is promised to images that are under way."""

    balance: int
    held: int

    @property
    def available(self) -> int:
        """What another order may cost."""
        return max(0, self.balance - self.held)


class SubmitModifyRows:
    """The rows an in-painting begins with."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def funds(self, member_id: UUID) -> Funds | None:
        """What the member can spend; None where there is no such member."""
        balance = select(func.coalesce(col(Member.quel_member_credit), 0)).where(
            col(Member.quel_member_id) == member_id
        )

        def work(connection: Connection) -> Funds | None:
            found = connection.scalar(balance)
            if found is None:
                return None
            held = read_held(connection, PayerKind.MEMBER, member_id, but_for=_NO_JOB)
            return Funds(int(found), held)

        return self._database.run(work)

    def write(self, job_id: UUID, order: ModifyOrder) -> UUID:
        """The production and its pending job in one transaction; the production's id.

        Neither names a path: a job like this one is told by its mask.
        """
        production_id = uuid4()
        written = select(col(Job.production_id)).where(col(Job.job_id) == job_id)
        member = select(col(Member.quel_member_id)).where(col(Member.quel_member_id) == order.user_id)
        production = insert(Production).values(
            {
                col(Production.production_id): production_id,
                col(Production.quel_member_id): order.user_id,
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
            # Before the statement with the prompt, whose foreign key would wait for it.
            connection.execute(member.with_for_update(read=True, key_share=True))
            connection.execute(production)
            connection.execute(insert(Job).values(_job(job_id, production_id, order)))
            return production_id

        return self._database.run(work)


def _job(job_id: UUID, production_id: UUID, order: ModifyOrder) -> dict[object, object]:
    return {
        col(Job.job_id): job_id,
        col(Job.production_id): production_id,
        col(Job.job_type): JobType.SIMPLE_GENERAL,
        col(Job.batch_index): 0,
        col(Job.total_images): order.quantity,
        col(Job.job_input_data): dict(order.input_data),
        col(Job.quel_member_id): order.user_id,
    }
