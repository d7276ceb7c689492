"""`cronfleet show`: the life of one run, how it ended, and what its handler logged."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime

import click

from cronfleet import RunInfo, RunLog, RunLogLine, UnknownRunError
from cronfleet.cli.fleet import Fleet, reached
from cronfleet.cli.options import as_json
from cronfleet.cli.printing import moment, print_json, print_text
from cronfleet.server.text import one_line, printable

_NOTHING_LOGGED = "It logged nothing that is kept."


@click.command()
@click.argument("run", metavar="RUN | JOB | JOB@FIRE_TIME")
@as_json
@click.pass_obj
def show(store: str | None, run: str, *, as_json: bool) -> None:
    """Show a run: its life, its error, and what it logged.

    It is named by its id, by its job and its fire time as `runs` shows them, as in
    report@2026-03-01T12:00:00Z, or by its job alone, which means the newest run.
    """
    found, log = asyncio.run(_shown(store, run))
    if as_json:
        print_json({"run": found, "log": log.lines})
    else:
        print_text("\n".join([*_life(found), *_error(found), *_log(log)]))


async def _shown(store: str | None, named: str) -> tuple[RunInfo, RunLog]:
    async with reached(store) as scheduler:
        run = await _run(scheduler, named)
        return run, await scheduler.run_log(run.id)


async def _run(scheduler: Fleet, named: str) -> RunInfo:
    job, at, fire_time = named.partition("@")
    if at:
        return await scheduler.run_info(f"{job}@{_in_ms(fire_time)}")
    newest = await scheduler.runs(job, limit=1)
    if not newest:
        raise UnknownRunError(job, "the job has not run yet")
    return newest[0]


def _in_ms(fire_time: str) -> str:
    """An instant as it is written in an id; what is none is left as it is."""
    try:
        instant = datetime.fromisoformat(fire_time)
    except ValueError:
        return fire_time
    return str(round(instant.timestamp() * 1000)) if instant.tzinfo else fire_time


def _life(run: RunInfo) -> Iterator[str]:
    yield run.id
    shard = "" if run.shard is None else f", shard {run.shard} of {run.shards}"
    facts = {
        "kind": run.kind + shard,
        "fire time": moment(run.fire_time),
        "state": run.state,
        "why skipped": run.reason,
        "attempt": str(run.attempt),
        "instance": run.instance,
        "made": moment(run.created_at),
        "started": run.started_at and moment(run.started_at),
        "ended": run.ended_at and moment(run.ended_at),
        "took": _took(run),
        "cancel asked": run.cancel_asked_at and moment(run.cancel_asked_at),
        "came late": run.late_outcome,
        "shards": _tally(run),
    }
    for name, fact in facts.items():
        if fact:
            yield f"  {name:<13}{one_line(fact)}"


def _took(run: RunInfo) -> str:
    if not (run.started_at and run.ended_at):
        return ""
    return f"{(run.ended_at - run.started_at).total_seconds():.3f} s"


def _tally(run: RunInfo) -> str:
    ended = [f"{count} {outcome}" for outcome, count in (run.tally or {}).items() if count]
    return ", ".join(ended)


def _error(run: RunInfo) -> Iterator[str]:
    if run.error:
        yield ""
        yield from printable(run.error).splitlines()


def _log(log: RunLog) -> Iterator[str]:
    yield ""
    if not log.lines:
        yield _NOTHING_LOGGED
    attempt = 1
    for line in log.lines:
        if line.attempt != attempt:
            attempt = line.attempt
            yield f"--- attempt {attempt}"
        yield from _logged(line)


def _logged(line: RunLogLine) -> Iterator[str]:
    if line.missing:
        yield f"[... {line.missing:,} lines are not kept ...]"
    yield f"{moment(line.at)} {line.level:<8} {printable(line.text)}"


COMMANDS = {"show": show}
