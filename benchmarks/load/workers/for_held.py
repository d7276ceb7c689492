"""Cronfleet with a handler alone: the jobs are in the store, and belong to no instance."""

from __future__ import annotations

import asyncio

from for_cronfleet import enter, work

from cronfleet import Scheduler


def register(scheduler: Scheduler) -> None:
    scheduler.handler("enter")(enter)


if __name__ == "__main__":
    asyncio.run(work(register))
