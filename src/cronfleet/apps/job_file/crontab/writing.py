"""Writing what a crontab says as a job file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from cronfleet.apps.job_file.crontab.reading import Crontab, CrontabJob
from cronfleet.apps.job_file.variables import escaped
from cronfleet.apps.spans import span_text

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")
_NO_PROGRAM = re.compile(r"-|\w*=|[\W\d]*$")  # An option, a setting, a number
_LONGEST_NAME = 100
# Words that a line may begin with, and that say nothing about what it does.
_NOT_TELLING = frozenset(
    [
        "[",
        "(",
        "{",
        "!",
        "cd",
        "env",
        "exec",
        "flock",
        "ionice",
        "nice",
        "nohup",
        "sudo",
        "test",
        "time",
        "timeout",
        "true",
        "command",
        "-x",
        "&&",
        "||",
        ";",
    ]
)


def job_file_text(crontab: Crontab, timezone: str, source: str) -> str:
    """A job file with the jobs of a crontab, that `read_job_file` reads."""
    lines = [
        f"# Made from {source} by `cronfleet import-crontab`.",
        "#",
        "# What differs from cron: a tick that is due while the job is still at work is skipped",
        '# (write overlap = "allow" for cron\'s way), the newest tick that was missed within the last',
        '# hour is made up for (misfire = "skip"), and what a job says goes to the log, not to a mail.',
        "",
        f"timezone = {_quoted(timezone)}",
    ]
    names = _Names()
    for job in crontab.jobs:
        lines += ["", *_job_lines(job, names.of(job))]
    if not crontab.jobs:
        lines += ["", "[jobs]"]
    return "\n".join(lines) + "\n"


def _job_lines(job: CrontabJob, name: str) -> Iterator[str]:
    for comment in job.comments:
        yield f"# {comment}".rstrip()
    of_user = "" if job.user is None else f", of {job.user}"
    yield f"[jobs.{_key(name)}]  # line {job.line}{of_user}"
    yield f"{'every' if job.is_interval else 'schedule'} = {_quoted(job.when)}"
    if job.timezone is not None:
        yield f"timezone = {_quoted(job.timezone)}"
    if job.delay is not None:
        yield f"jitter = {_quoted(span_text(job.delay))}"
    yield f'command = [{_quoted(job.shell)}, "-c", {_quoted(job.command)}]'
    yield f"directory = {_directory(job.environment)}"
    if job.environment:
        yield f"env = {_inline(job.environment)}"
    if job.stdin:
        yield f"stdin = {_quoted(job.stdin)}"


def _directory(environment: Mapping[str, str]) -> str:
    """Where cron runs things: in the home of the user."""
    home = environment.get("HOME")
    return _quoted(home) if home else '"${HOME}"'


def _inline(environment: Mapping[str, str]) -> str:
    pairs = ", ".join(f"{_key(name)} = {_quoted(value)}" for name, value in environment.items())
    return f"{{ {pairs} }}"


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _string(name)


def _quoted(text: str) -> str:
    """The text as it is written to stay what it is when variables are filled in."""
    return _string(escaped(text))


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")


class _Names:
    """A name of its own for each job, after the program that its command starts."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def of(self, job: CrontabJob) -> str:
        name = first = _name_of(job.command)
        count = 1
        while name in self._given:
            count += 1
            name = f"{first}-{count}"
        self._given.add(name)
        return name


def _name_of(command: str) -> str:
    """The first word that tells something; a folder that is changed to does not."""
    words = command.split()
    for before, word in zip(["", *words], words, strict=False):
        if word in _NOT_TELLING or before == "cd" or _NO_PROGRAM.match(word):
            continue
        name = _NOT_IN_NAMES.sub("-", word.rpartition("/")[2]).strip("-.")
        if name:
            return name[:_LONGEST_NAME]
    return "job"
