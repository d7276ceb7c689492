"""What commands ask of a fleet: of its store itself, or of a server that has it open."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Coroutine
from datetime import datetime
from typing import Any, Protocol, TypeAlias, TypeVar

from cronfleet import (
    AuditInfo,
    BackfillInfo,
    Explanation,
    GapInfo,
    InstanceInfo,
    JobInfo,
    RunInfo,
    RunLog,
    TriggeredRun,
)
from cronfleet.cli.opened import is_server, opened

Told = TypeVar("Told")
Asked: TypeAlias = Coroutine[Any, Any, Told]


class Fleet(Protocol):
    """A part of `Scheduler`: what holds of its verbs holds here."""

    def jobs(self, *, removed: bool = False) -> Asked[list[JobInfo]]: ...
    def job_info(self, name: str) -> Asked[JobInfo]: ...
    def runs(self, name: str, limit: int = 50, skip: int = 0) -> Asked[list[RunInfo]]: ...
    def gaps(self, name: str, limit: int = 50, skip: int = 0) -> Asked[list[GapInfo]]: ...
    def why(self, name: str, at: datetime) -> Asked[Explanation]: ...
    def instances(self) -> Asked[list[InstanceInfo]]: ...
    def audit(self, limit: int = 50) -> Asked[list[AuditInfo]]: ...
    def run_info(self, run: str) -> Asked[RunInfo]: ...
    def run_log(self, run: str, after: int = 0) -> Asked[RunLog]: ...

    def trigger(
        self, name: str, *, key: str | None = None, who: str = "", why: str = ""
    ) -> Asked[TriggeredRun]: ...
    def pause(
        self, name: str, *, until: datetime | None = None, who: str = "", why: str = ""
    ) -> Asked[JobInfo]: ...
    def resume(self, name: str, *, who: str = "", why: str = "") -> Asked[JobInfo]: ...
    def skip_next(self, name: str, *, who: str = "", why: str = "") -> Asked[JobInfo]: ...
    def cancel(self, run: str, *, who: str = "", why: str = "") -> Asked[RunInfo]: ...
    def remove_job(self, name: str, *, who: str = "", why: str = "") -> Asked[None]: ...
    def backfill(  # noqa: PLR0913 - each is an option with a default
        self,
        name: str,
        first: datetime,
        last: datetime,
        *,
        dry_run: bool = False,
        again: bool = False,
        key: str | None = None,
        who: str = "",
        why: str = "",
    ) -> Asked[BackfillInfo]: ...


@contextlib.asynccontextmanager
async def reached(place: str | None) -> AsyncGenerator[Fleet]:
    """The fleet on a store, or behind a server. Raises ConfigurationError, StoreError."""
    if place is None or not is_server(place):
        async with opened(place) as scheduler:
            yield scheduler
        return
    from cronfleet.cli.remote import server_at

    async with server_at(place) as server:
        yield server
