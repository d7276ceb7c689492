"""`cronfleet import-crontab` and `cronfleet check`: job files before they are run."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from cronfleet import ConfigurationError, Scheduler, cron
from cronfleet.apps.job_file import register
from cronfleet.apps.job_file.crontab import job_file_text, local_zone, read_crontab
from cronfleet.cli.job_file import read
from cronfleet.cli.logs import log_to_stderr
from cronfleet.cli.ordering import who
from cronfleet.cli.printing import moment, print_table, print_text
from cronfleet.server.text import one_line

_WITH_USERS = ("/etc/crontab", "/etc/cron.d/")


@click.command("import-crontab")
@click.argument("crontab", metavar="FILE|-")
@click.option(
    "--system/--user",
    "has_users",
    default=None,
    help="Lines name their user before the command, or not. Without either, they do in "
    "/etc/crontab and /etc/cron.d/.",
)
@click.option("--timezone", help="The zone that the crontab means; without it, this machine's.")
def import_crontab(crontab: str, timezone: str | None, *, has_users: bool | None) -> None:
    """Print a job file made from a crontab.

    What cannot be taken over is told on standard error, with its line and why; then the exit
    status is 1.
    """
    if has_users is None:
        has_users = crontab.startswith(_WITH_USERS)
    found = read_crontab(_text(crontab), has_users=has_users, user=who())
    zone, doubt = _zone(timezone)
    print_text(job_file_text(found, zone, _source(crontab)))
    told = [
        f"line {each.line}: not taken over: {each.what}: {each.why}" for each in found.not_taken
    ]
    for line in told + doubt:
        sys.stderr.write(f"cronfleet: {one_line(line)}\n")
    if told or doubt:
        sys.exit(1)


@click.command()
@click.argument("path", metavar="FILE.toml", type=click.Path(path_type=Path))
def check(path: Path) -> None:
    """Read a job file, and print when its jobs fire next; nothing is started.

    The exit status is 2 if something is wrong with the file.
    """
    log_to_stderr(logging.WARNING)
    file = read(path)
    register(Scheduler("memory:", program=file.program), file)
    now = datetime.now(UTC)
    rows = [
        (job.name, job.schedule.describe(), moment(next(job.schedule.after(now), None)))
        for job in file.jobs
    ]
    print_table(("JOB", "SCHEDULE", "NEXT FIRE TIME"), rows)


def _source(crontab: str) -> str:
    return "standard input" if crontab == "-" else one_line(crontab)


def _text(crontab: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if crontab == "-" else Path(crontab).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{crontab} cannot be read: {error.strerror}") from None
    # What is not UTF-8 is told with its line, and does not hide the others.
    return raw.decode("utf-8", "surrogateescape")


def _zone(given: str | None) -> tuple[str, list[str]]:
    """The file's zone, and what is to be said about it."""
    if given is not None:
        cron("0 * * * *", tz=given)  # Raises InvalidScheduleError for a zone that is none.
        return given, []
    found = local_zone()
    if found is not None:
        return found, []
    return "UTC", ["this machine does not tell its time zone, so UTC is written: give --timezone"]


COMMANDS = {"import-crontab": import_crontab, "check": check}
