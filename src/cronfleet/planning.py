"""A job's definition in force, as the store has it, brought to life."""

from __future__ import annotations

from cronfleet.definition import decode, encode
from cronfleet.errors import InvalidJobError, InvalidScheduleError, StoreError
from cronfleet.model import JobRecord
from cronfleet.policy import Plan
from cronfleet.schedule import schedule_from_definition
from cronfleet.store import Store


async def plan_of(store: Store, job: JobRecord) -> Plan:
    """The job's definition in force, whoever registered it.

    Raises StoreError if it is gone, or was written by a newer version and cannot be read.
    """
    text = await store.definition(job.digest)
    if text is None:
        raise StoreError(f"job {job.name!r}: its definition {job.digest} is not in the store")
    definition = decode(text)
    try:
        return Plan(definition, schedule_from_definition(definition.schedule))
    except InvalidScheduleError as error:
        raise StoreError(f"job {job.name!r}: its schedule cannot be read: {error}") from error


def plan_as_written(text: str) -> Plan | None:
    """The plan of a definition; None if a newer version wrote what would not be done here."""
    try:
        definition = decode(text)
        schedule = schedule_from_definition(definition.schedule)
        is_all = encode(definition) == text
    except (StoreError, InvalidScheduleError, InvalidJobError):
        return None
    return Plan(definition, schedule) if is_all else None
