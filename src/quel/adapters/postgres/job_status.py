"""A job's status as statements read it: null counts as pending (SPEC 1.4), an odd label stays as it is."""

from sqlalchemy import String, func, type_coerce
from sqlmodel import col

from quel.adapters.postgres.schema.product_tables import Job
from quel.core.job import JobStatus

STATUS = func.coalesce(type_coerce(col(Job.job_status), String), JobStatus.PENDING.value)
