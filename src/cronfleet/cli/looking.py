"""`cronfleet jobs` and `runs`: what there is, and what happened."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from itertools import islice
from typing import TypeVar

import click

from cronfleet import GapInfo, JobInfo, RunInfo
from cronfleet.cli.exporting import export_to
from cronfleet.cli.fleet import reached
from cronfleet.cli.options import as_json
from cronfleet.cli.printing import moment, print_json, print_line, print_table

_MOST_COUNTED = 10_000
_LONGEST_NOTE = 100
_PAGE = 200
_NOTHING = "Nothing has run yet, and nothing was skipped."

Row = TypeVar("Row", RunInfo, GapInfo)


@click.command()
@click.option("--removed", is_flag=True, help="Those that were removed instead.")
@as_json
@click.pass_obj
def jobs(store: str | None, *, removed: bool, as_json: bool) -> None:
    """List the jobs of all programs."""
    found = asyncio.run(_jobs(store, removed=removed))
    if as_json:
        print_json({"jobs": found})
    elif found:
        headers = ("JOB", "SCHEDULE", "NEXT FIRE TIME", "ACTIVE", "PROGRAM", "STATE")
        print_table(headers, map(_job_row, found), may_go=("PROGRAM", "ACTIVE"))
    else:
        print_line("No job was removed." if removed else "There are no jobs yet.")


async def _jobs(store: str | None, *, removed: bool) -> list[JobInfo]:
    async with reached(store) as scheduler:
        return await scheduler.jobs(removed=removed)


def _job_row(job: JobInfo) -> tuple[str, ...]:
    by = f" by {job.paused_by}" if job.paused_by else ""
    until = f" until {moment(job.paused_until)}" if job.paused_until else ""
    why = f": {job.paused_why}" if job.paused_why else ""
    jitter = f", jitter {job.jitter_s:g} s" if job.jitter_s else ""
    nobody = f", of nobody since {moment(job.undeclared_since)}" if job.undeclared_since else ""
    return (
        job.name,
        job.schedule + jitter,
        moment(job.next_fire),
        str(job.active),
        job.program,
        f"{job.paused_reason or job.state}{by}{until}{why}{nobody}",
    )


@click.command()
@click.argument("job", required=False)
@click.option("-n", "--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@click.option("--skip", type=click.IntRange(0, 1_000_000), default=0, help="How many to leave out.")
@click.option(
    "--export",
    metavar="FILE",
    help="Write all that is on record of all jobs into a file, or - for here: see docs/verify.md.",
)
@as_json
@click.pass_obj
def runs(
    store: str | None, job: str | None, limit: int, skip: int, export: str | None, *, as_json: bool
) -> None:
    """Show a job's runs and its skipped ticks, the newest first."""
    if (job is None) == (export is None):
        raise click.UsageError("Name a job to look at, or with --export a file to write all to.")
    if job is None:
        export_to(str(export), store)
        return
    found = asyncio.run(_runs(store, job, limit, skip))
    if as_json:
        made = [each for each in found if isinstance(each, RunInfo)]
        print_json({"runs": made, "gaps": [each for each in found if isinstance(each, GapInfo)]})
    elif found:
        headers = ("FIRE TIME", "KIND", "STATE", "ATTEMPT", "TOOK", "INSTANCE", "NOTE")
        print_table(headers, map(_row, found), may_go=("INSTANCE", "TOOK", "ATTEMPT"))
    else:
        print_line("There is nothing further." if skip else _NOTHING)


async def _runs(store: str | None, job: str, limit: int, skip: int) -> list[RunInfo | GapInfo]:
    """A page of runs and gaps in one order: cut apart, each would lose what the other pushes out."""
    async with reached(store) as scheduler:
        made = await _newest(partial(scheduler.runs, job), limit + skip)
        gaps = await _newest(partial(scheduler.gaps, job), limit + skip)
    ordered = heapq.merge(made, gaps, key=_made_at, reverse=True)
    return list(islice(ordered, skip, skip + limit))


async def _newest(fetch: Callable[[int, int], Awaitable[list[Row]]], most: int) -> list[Row]:
    found: list[Row] = []
    while page := await fetch(min(_PAGE, most - len(found)), len(found)):
        found += page
        if len(found) >= most:
            break
    return found


def _made_at(each: RunInfo | GapInfo) -> datetime:
    return each.created_at if isinstance(each, RunInfo) else each.last


def _row(each: RunInfo | GapInfo) -> tuple[str, ...]:
    return _run_row(each) if isinstance(each, RunInfo) else _gap_row(each)


def _run_row(run: RunInfo) -> tuple[str, ...]:
    took = "-"
    if run.started_at and run.ended_at:
        took = f"{(run.ended_at - run.started_at).total_seconds():.3f} s"
    return (
        moment(run.fire_time),
        run.kind if run.shard is None else f"{run.kind} /{run.shard}",
        run.state,
        str(run.attempt),
        took,
        run.instance or "-",
        _note(run),
    )


def _note(run: RunInfo) -> str:
    notes = [_short(run.error)]
    if run.outcome and run.outcome != run.state:  # Of the attempt before this one.
        notes = [": ".join(filter(None, (f"{run.outcome} before", _short(run.error))))]
        if run.state == "pending":
            notes.insert(0, f"next at {moment(run.not_before)}")
    if run.reason:
        notes.append(run.reason)
    if run.tally:
        notes.append(_counts(run.tally, run.shards))
    if run.ended_at is None:
        notes.append(run.id)  # By which it can be cancelled.
    if run.late_outcome:
        notes.append(f"came late: {run.late_outcome}")
    return "; ".join(filter(None, notes))


def _counts(tally: Mapping[str, int], shards: int) -> str:
    ended = [f"{count} {outcome}" for outcome, count in tally.items() if count]
    return f"{', '.join(ended) or '0 ended'} of {shards} shards"


def _short(error: str) -> str:
    """The first line of an error; `--json` has all of it."""
    first = error.partition("\n")[0]
    return first if len(first) <= _LONGEST_NOTE else first[: _LONGEST_NOTE - 1] + "…"


def _gap_row(gap: GapInfo) -> tuple[str, ...]:
    count = str(gap.count) if gap.count <= _MOST_COUNTED else f"more than {_MOST_COUNTED}"
    note = f"{gap.reason}: {count} from {moment(gap.first)}" if gap.count > 1 else gap.reason
    return moment(gap.last), "gap", "skipped", "-", "-", "-", note


COMMANDS = {"jobs": jobs, "runs": runs}
