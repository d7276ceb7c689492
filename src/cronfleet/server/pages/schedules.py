"""When runs could start, and on whose clocks."""

from __future__ import annotations

from datetime import datetime, timedelta

from cronfleet import JobInfo, RunInfo
from cronfleet.schedule import due_of, schedule_from_definition


def zone_of(job: JobInfo) -> str:
    """The zone of its schedule; UTC for one that has none, or cannot be read."""
    return str((job.schedule_values or {}).get("tz", "UTC"))


def due_time(run: RunInfo, job: JobInfo) -> datetime:
    """When its last attempt could start, as the job is defined now.

    What was ordered by hand is due when it was made, whatever its fire time is.
    """
    if run.attempt > 1:
        return run.not_before
    if run.kind != "tick":
        return run.created_at
    if job.schedule_values is None or not job.jitter_s:
        return run.fire_time
    schedule = schedule_from_definition(job.schedule_values)
    return due_of(schedule, job.name, run.fire_time, timedelta(seconds=job.jitter_s))
