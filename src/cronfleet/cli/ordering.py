"""What operators order: `cronfleet trigger`, `pause`, `resume`, `skip-next`, `backfill` and so on."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from cronfleet import BackfillInfo, CronfleetError, JobInfo, RunInfo, TriggeredRun
from cronfleet.cli.fleet import Fleet, reached
from cronfleet.cli.options import as_json, instant, span, why
from cronfleet.cli.printing import moment, print_json, print_line


@click.command()
@click.argument("job")
@click.option("--key", help="The same key within a day makes no second run.")
@why
@as_json
@click.pass_obj
def trigger(store: str | None, job: str, key: str | None, why: str, *, as_json: bool) -> None:
    """Run a job now."""
    made = asyncio.run(_trigger(store, job, key, why))
    if as_json:
        print_json(made)
        return
    paused = "; the job is paused, and this run goes on all the same" if made.paused else ""
    print_line(f"{made.run} is {made.state}{paused}")


async def _trigger(store: str | None, job: str, key: str | None, why: str) -> TriggeredRun:
    async with reached(store) as scheduler:
        return await scheduler.trigger(job, key=key, who=who(), why=why)


@click.command()
@click.argument("job")
@click.option(
    "--until", callback=instant, help="When it is resumed by itself: an instant or a day."
)
@click.option(
    "--for",
    "span",
    callback=span,
    help="For how long, as in 90m, 2h or 3d, by this machine's clock.",
)
@why
@as_json
@click.pass_obj
def pause(
    store: str | None,
    job: str,
    until: datetime | None,
    span: timedelta | None,
    why: str,
    *,
    as_json: bool,
) -> None:
    """Make no more ticks of a job, until it is resumed; runs that exist go on."""
    if until and span:
        raise click.UsageError("say either --until or --for, not both")
    end = datetime.now(UTC) + span if span else until
    _order(store, lambda fleet: fleet.pause(job, until=end, who=who(), why=why), as_json=as_json)


@click.command()
@click.argument("job")
@why
@as_json
@click.pass_obj
def resume(store: str | None, job: str, why: str, *, as_json: bool) -> None:
    """Make ticks of a job again, from now on."""
    _order(store, lambda scheduler: scheduler.resume(job, who=who(), why=why), as_json=as_json)


@click.command("skip-next")
@click.argument("job")
@why
@as_json
@click.pass_obj
def skip_next(store: str | None, job: str, why: str, *, as_json: bool) -> None:
    """Settle a job's next tick without running it."""
    stands, skipped = asyncio.run(_skip_next(store, job, why))
    if as_json:
        print_json(stands)
    else:
        print_line(
            f"{job}: the tick of {skipped} is skipped, next fire time {moment(stands.next_fire)}"
        )


async def _skip_next(store: str | None, job: str, why: str) -> tuple[JobInfo, str]:
    """The job as it stands then, and the fire time that was skipped."""
    async with reached(store) as scheduler:
        before = await scheduler.job_info(job)
        if before.next_fire is None:
            raise CronfleetError(f"{job} is {before.state}: it has no next tick to skip")
        stands = await scheduler.skip_next(job, who=who(), why=why)
        # Not what it was before: another tick may have become the next one meanwhile.
        gaps = await scheduler.gaps(job, limit=10)
        by_hand = (gap.last for gap in gaps if gap.reason == "by_hand")
        return stands, moment(next(by_hand, before.next_fire))


@click.command()
@click.argument("job")
@click.argument("first", metavar="FROM", callback=instant)
@click.argument("last", metavar="TO", callback=instant)
@click.option("--dry-run", is_flag=True, help="Only tell what would be made.")
@click.option("--again", is_flag=True, help="Also of fire times that have run.")
@click.option("--key", help="The same key within a day makes no second runs.")
@why
@as_json
@click.pass_obj
def backfill(store: str | None, job: str, *, as_json: bool, **asked: Any) -> None:
    """Run the fire times of a job from FROM to TO that have not run.

    Both are instants as in 2026-03-01T12:00:00Z, or days; without a zone they are UTC.
    """
    came_to = asyncio.run(_backfill(store, job, asked))
    if as_json:
        print_json(came_to)
    else:
        print_line(_in_words(came_to))


async def _backfill(store: str | None, job: str, asked: dict[str, Any]) -> BackfillInfo:
    async with reached(store) as scheduler:
        return await scheduler.backfill(job, who=who(), **asked)


def _in_words(came_to: BackfillInfo) -> str:
    if not came_to.fire_times:
        return f"{came_to.job}: no fire time that has passed lies there"
    made = "would be made" if came_to.dry_run else "made"
    times = f"{came_to.fire_times} fire times, {moment(came_to.first)} to {moment(came_to.last)}"
    lines = [f"{came_to.job}: {times}: {came_to.made} runs {made}, {came_to.had_run} have run"]
    if came_to.unrecorded:
        lines.append(
            f"of these, {came_to.unrecorded} have runs that are kept no more; "
            "--again runs them once more"
        )
    if came_to.paused:
        lines.append("the job is paused, and these runs go on all the same")
    return "; ".join(lines)


@click.command()
@click.argument("run")
@why
@as_json
@click.pass_obj
def cancel(store: str | None, run: str, why: str, *, as_json: bool) -> None:
    """Cancel a run by its id, as `runs` shows it."""
    stands = asyncio.run(_cancel(store, run, why))
    if as_json:
        print_json(stands)
    elif stands.ended_at is None:
        print_line(f"{run} is {stands.state}, and its instance is asked to cancel it")
    else:
        print_line(f"{run} has ended: {stands.state}")


async def _cancel(store: str | None, run: str, why: str) -> RunInfo:
    async with reached(store) as scheduler:
        return await scheduler.cancel(run, who=who(), why=why)


@click.command()
@click.argument("job")
@why
@as_json
@click.pass_obj
def remove(store: str | None, job: str, why: str, *, as_json: bool) -> None:
    """Make no more runs of a job; what was claimed or started ends as usual."""
    stands = asyncio.run(_remove(store, job, why))
    if as_json:
        print_json(stands)
    else:
        print_line(
            f"{job} is removed; it comes back when it is added again, or when an instance is "
            "started that declares it"
        )


async def _remove(store: str | None, job: str, why: str) -> JobInfo:
    async with reached(store) as scheduler:
        await scheduler.remove_job(job, who=who(), why=why)
        return await scheduler.job_info(job)


def _order(
    store: str | None, give: Callable[[Fleet], Awaitable[JobInfo]], *, as_json: bool
) -> None:
    async def given() -> JobInfo:
        async with reached(store) as scheduler:
            return await give(scheduler)

    job = asyncio.run(given())
    if as_json:
        print_json(job)
    elif job.paused_until:
        print_line(f"{job.name} is {job.state} until {moment(job.paused_until)}")
    else:
        print_line(f"{job.name} is {job.state}, next fire time {moment(job.next_fire)}")


def who() -> str:
    """The user of this process; in a container it may have no name."""
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"user {os.getuid()}"


COMMANDS = {
    "trigger": trigger,
    "pause": pause,
    "resume": resume,
    "skip-next": skip_next,
    "backfill": backfill,
    "cancel": cancel,
    "remove": remove,
}
