"""The handler of a job that starts a program."""

from __future__ import annotations

import asyncio
import signal

from cronfleet import CronfleetError, RunContext
from cronfleet.apps.job_file.command.keeping import (
    GRACE_S,
    KeeperGoneError,
    Kept,
    NotStartedError,
    Report,
    kept,
)
from cronfleet.apps.job_file.command.output import Output
from cronfleet.apps.job_file.values import CommandWork


class CommandError(CronfleetError):
    """A command that did not end well: how it ended, and the end of what it said."""

    def __init__(self, how: str, said: str = "") -> None:
        super().__init__(f"{how}\n{said}" if said else how)


class CommandHandler:
    """Starts the command, and waits until it and all that it started are gone."""

    def __init__(self, work: CommandWork) -> None:
        self._work = work

    async def __call__(self, run: RunContext) -> None:
        """Raises CommandError for every end but exit status 0."""
        output = Output(lambda line: run.log.info("%s: %s", run.run_id, line), self._work.secrets)
        command = await kept(self._work, about(run))
        try:
            report = await command.ended(output.hear)
        except asyncio.CancelledError:
            # Told in words, and not once more as a cancellation: the run's record keeps them.
            raise CommandError(await self._ended_early(command, output), output.last()) from None
        except (NotStartedError, KeeperGoneError) as error:
            raise CommandError(str(error), output.last()) from None
        finally:
            command.end()
        output.end(report.unheard, report.tail)
        if report.left_behind:
            run.log.warning("%s: %s", run.run_id, left_in_words(report.left_behind))
        if report.status != 0:
            raise CommandError(end_in_words(report.status), output.last())

    async def _ended_early(self, command: Kept, output: Output) -> str:
        command.end()
        try:
            report: Report = await command.ended(output.hear)
        except CronfleetError as error:
            return f"told to end; {error}"
        output.end(report.unheard, report.tail)
        if report.status == -signal.SIGKILL:
            return f"told to end, and killed since it had not done so {GRACE_S:g} s later"
        return f"told to end; {end_in_words(report.status)}"


def about(run: RunContext) -> dict[str, str]:
    """What a command is told of its run, as environment variables."""
    return {
        "CRONFLEET_ATTEMPT": str(run.attempt),
        "CRONFLEET_FIRE_TIME": run.fire_time.isoformat().replace("+00:00", "Z"),
        "CRONFLEET_JOB": run.job,
        "CRONFLEET_KIND": run.kind,
        "CRONFLEET_RUN_ID": run.run_id,
        "CRONFLEET_SHARD": str(run.shard),
        "CRONFLEET_SHARDS": str(run.shards),
        "CRONFLEET_TOKEN": str(run.token),
    }


def end_in_words(status: int) -> str:
    """How a command ended; a status below 0 is the signal that killed it."""
    if status >= 0:
        return f"it ended with exit status {status}{_MEANINGS.get(status, '')}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    killer = ", as the system does when memory runs out" if -status == signal.SIGKILL else ""
    return f"it was killed by {name}{killer}"


def left_in_words(count: int) -> str:
    """What became of the processes that a command left behind."""
    processes = "1 process" if count == 1 else f"{count} processes"
    return f"it had ended, and {processes} that it left behind were made to end as well"


_MEANINGS = {
    126: ", by which a shell says that a program may not be run",
    127: ", by which a shell says that there is no such program",
    **{
        128 + number: f", by which a shell says that its program was killed by {number.name}"
        for number in (signal.SIGINT, signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM)
    },
}
