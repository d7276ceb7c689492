"""A program to be simulated, and words for what it did."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cronfleet import GapInfo, RunContext, RunInfo, Scheduler, cron, every

MIDNIGHT = datetime(2027, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def at(text: str) -> datetime:
    """As in "03-01 12:00", in UTC."""
    return datetime.strptime(f"2027-{text}+0000", "%Y-%m-%d %H:%M%z")


def times(runs: list[RunInfo]) -> list[str]:
    return [f"{run.fire_time:%m-%d %H:%M}" for run in runs]


def states(runs: list[RunInfo]) -> list[str]:
    return [run.state for run in runs]


def told(gaps: list[GapInfo]) -> list[tuple[str, int, str]]:
    return [(f"{gap.first:%m-%d %H:%M}", gap.count, gap.reason) for gap in gaps]


class Program:
    """A scheduler with an hourly job, a nightly one in Berlin and a plain one; what they saw."""

    def __init__(self) -> None:
        self.scheduler = Scheduler("memory:", program="office")
        self.seen: list[RunContext] = []
        self.scheduler.add_job(self.hourly, every(HOUR))
        self.scheduler.add_job(self.nightly, cron("30 2 * * *", tz="Europe/Berlin"))
        self.scheduler.add_job(self.plain, cron("0 12 * * *"))

    async def hourly(self, run: RunContext) -> None:
        self.seen.append(run)

    async def nightly(self, run: RunContext) -> None:
        self.seen.append(run)

    def plain(self, run: RunContext) -> None:
        self.seen.append(run)
