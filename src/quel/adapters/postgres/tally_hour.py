"""Says in the transaction that ends or reopens a job that its hour of the tally is to be counted anew.

See operations/tally.py for the other half. The hour that is running has no row yet: nobody waits for it.
"""

from uuid import UUID

from sqlalchemy import Connection, text

_UNMAKE = text("""
UPDATE quel.tally_hour SET made_at = NULL
WHERE made_at IS NOT NULL AND hour = (
    SELECT date_trunc('hour', j.created_at, 'UTC') FROM public.quel_production_jobs j
    WHERE j.job_id = :job_id)
""")


def unmake_hour(connection: Connection, job_id: UUID) -> None:
    """Marks the hour in which the job was created."""
    connection.execute(_UNMAKE, {"job_id": job_id})
