"""Cronfleet as `cronfleet run for_api:scheduler` runs it, with jobs that are due each second."""

from __future__ import annotations

from for_cronfleet import declare

from cronfleet import Scheduler

scheduler = Scheduler(program="load")
declare(scheduler)
