"""Seats: nothing is claimed without one, so nothing waits here claimed."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace

from cronfleet.engine.known import KnownJob, Seat
from cronfleet.store import MOST_MADE


def cores() -> int:
    """How many cores this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


COROUTINES = 1_000
THREADS = 32
PROCESSES = cores()


@dataclass(slots=True)
class Free:
    """How many seats of each sort are free."""

    coroutines: int
    threads: int
    processes: int = 0
    others: int = MOST_MADE
    """How many more shards one claim may leave for anybody; the next claim follows at once."""

    @property
    def total(self) -> int:
        return self.coroutines + self.threads + self.processes

    def of(self, job: KnownJob) -> int:
        """The free seats that the job's handler could take."""
        match job.seat:
            case Seat.LOOP:
                return self.coroutines
            case Seat.THREAD:
                return self.threads
            case Seat.PROCESS:
                return self.processes

    @property
    def lacking(self) -> frozenset[Seat]:
        """The sorts of which none is free."""
        free = {
            Seat.LOOP: self.coroutines,
            Seat.THREAD: self.threads,
            Seat.PROCESS: self.processes,
        }
        return frozenset(sort for sort, count in free.items() if count <= 0)

    def may_take_tick(self, job: KnownJob) -> bool:
        """Whether a tick of the job has a seat, and its other shards may be made with it."""
        return self.of(job) > 0 and job.definition.shards - 1 <= self.others

    def take_tick(self, job: KnownJob) -> None:
        """A tick of the job is asked for: of its shards the first."""
        self.take(job)
        self.others -= job.definition.shards - 1

    def take(self, job: KnownJob, count: int = 1) -> None:
        match job.seat:
            case Seat.LOOP:
                self.coroutines -= count
            case Seat.THREAD:
                self.threads -= count
            case Seat.PROCESS:
                self.processes -= count


class Seats:
    """The seats of one instance."""

    def __init__(
        self, coroutines: int = COROUTINES, threads: int = THREADS, processes: int = PROCESSES
    ) -> None:
        self._free = Free(coroutines, threads, processes)

    @property
    def free(self) -> Free:
        """A copy, to plan with."""
        return replace(self._free)

    def has_given(self, job: KnownJob) -> bool:
        """Whether no more was taken than there is, where the job's handler sits."""
        return self._free.of(job) >= 0

    def take(self, job: KnownJob) -> None:
        """A claim for the job is granted."""
        self._free.take(job)

    def give_back(self, job: KnownJob) -> None:
        """Its handler has ended, or was never entered."""
        self._free.take(job, -1)
