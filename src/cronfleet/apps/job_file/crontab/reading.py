"""Reading a crontab as Debian's cron and cronie do, line by line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from cronfleet import InvalidScheduleError, Schedule, cron, every
from cronfleet.apps.spans import span_of

_SETTING = re.compile(r"""(?:"([^"]*)"|'([^']*)'|([^\s="']+))\s*=\s*(.*)""")
_FIELDS = re.compile(r"((?:\S+\s+){5})(.*)")
_NICKNAME = re.compile(r"(@every\s+\S+|@\S+)\s+(.*)")
_MINUTES = re.compile("[0-9]{1,5}")
_USER = re.compile(r"(\S+)\s+(.*)")
_COMMAND = re.compile(r"(?:[^%\\]|\\.|\\$)*")
_END_OF_LINE = re.compile(r"(?<!\\)%")

_NO_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")

_MAIL = ("MAILTO", "MAILFROM", "CONTENT_TYPE", "CONTENT_TRANSFER_ENCODING")


@dataclass(frozen=True, slots=True)
class CrontabJob:
    """A line that says what is to be run."""

    line: int
    comments: Sequence[str]
    """What is said right above it."""
    when: str
    """A cron expression, or a nickname; for `@every`, its span."""
    is_interval: bool
    timezone: str | None
    """If another than the file's."""
    delay: timedelta | None
    shell: str
    command: str
    stdin: str
    environment: Mapping[str, str]
    user: str | None


@dataclass(frozen=True, slots=True)
class NotTaken:
    """What of a crontab cannot be taken over, and why."""

    line: int
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Crontab:
    """A crontab, read."""

    jobs: Sequence[CrontabJob]
    not_taken: Sequence[NotTaken]


def read_crontab(text: str, *, has_users: bool = False, user: str | None = None) -> Crontab:
    """Read a crontab; with `has_users` a line names its user before the command, as in /etc.

    Jobs of other users than `user` are taken over, but not that they were theirs.
    """
    reader = _Reader(has_users=has_users, user=user)
    for number, line in enumerate(text.split("\n"), start=1):
        reader.read(number, line.strip(" \t\r"))
    return Crontab(reader.jobs, reader.not_taken)


class _Reader:
    """Settings hold for the lines below them."""

    def __init__(self, *, has_users: bool, user: str | None) -> None:
        self._has_users = has_users
        self._user = user
        self.jobs: list[CrontabJob] = []
        self.not_taken: list[NotTaken] = []
        self._environment: dict[str, str] = {}
        self._shell = "/bin/sh"
        self._timezone: str | None = None
        self._delay: timedelta | None = None
        self._comments: list[str] = []

    def read(self, number: int, line: str) -> None:
        if line.startswith("#"):
            self._comments.append(_NO_TEXT.sub("", line).lstrip("#").strip())
            return
        if _NO_TEXT.search(line):
            self._leave(number, "it", "it has characters that are no text, or is not UTF-8")
        elif setting := _SETTING.fullmatch(line):
            *names, value = setting.groups(default="")
            self._set(number, "".join(names), _unquoted(value))
        elif line:
            self._read_job(number, line)
        self._comments = []

    def _leave(self, number: int, what: str, why: str) -> None:
        self.not_taken.append(NotTaken(number, what, why))

    # --- settings

    def _set(self, number: int, name: str, value: str) -> None:
        if not name:
            self._leave(number, "a setting", "it has no name")
        elif name in _MAIL:
            if value:
                self._leave(number, name, "what a job says goes to the log, and nobody is mailed")
        elif name == "CRON_TZ":
            self._set_zone(number, value)
        elif name == "RANDOM_DELAY":
            self._set_delay(number, value)
        elif name == "SHELL":
            self._shell = value or "/bin/sh"
        else:
            self._environment[name] = value

    def _set_zone(self, number: int, value: str) -> None:
        try:
            cron("0 * * * *", tz=value or "UTC")
        except InvalidScheduleError as error:
            self._leave(
                number, f"CRON_TZ={value}", f"{error.hint}; the lines below have the file's"
            )
            value = ""
        self._timezone = value or None

    def _set_delay(self, number: int, value: str) -> None:
        if _MINUTES.fullmatch(value):
            self._delay = timedelta(minutes=int(value)) or None
        else:
            self._leave(number, f"RANDOM_DELAY={value}", "it is no number of minutes")

    # --- jobs

    def _read_job(self, number: int, line: str) -> None:
        line = line.removeprefix("-")  # It only kept a job out of the system's log.
        match = (_NICKNAME if line.startswith("@") else _FIELDS).fullmatch(line)
        if match is None:
            self._leave(number, line, "it has no command after its five fields")
            return
        when, rest = " ".join(match[1].split()), match[2].strip()
        user, command = self._split_user(rest)
        command, stdin = _at_percent(command)
        is_interval = when.startswith("@every ")
        when = when.removeprefix("@every ")
        if not command:
            self._leave(number, line, "it has no command")
        elif self._can_fire(number, line, when, is_interval=is_interval):
            self._note_user(number, user, command)
            self.jobs.append(self._job(number, when, command, stdin, user, is_interval=is_interval))

    def _job(
        self,
        number: int,
        when: str,
        command: str,
        stdin: str,
        user: str | None,
        *,
        is_interval: bool,
    ) -> CrontabJob:
        return CrontabJob(
            line=number,
            comments=self._comments,
            when=when,
            is_interval=is_interval,
            timezone=None if is_interval else self._timezone,
            delay=self._delay,
            shell=self._shell,
            command=command,
            stdin=stdin,
            environment=dict(self._environment),
            user=user,
        )

    def _split_user(self, rest: str) -> tuple[str | None, str]:
        match = _USER.fullmatch(rest) if self._has_users else None
        if match is None:
            return None, "" if self._has_users else rest
        return match[1], match[2]

    def _can_fire(self, number: int, line: str, when: str, *, is_interval: bool) -> bool:
        try:
            _schedule(when, self._timezone, is_interval=is_interval)
        except InvalidScheduleError as error:
            self._leave(number, line, error.hint if error.text == when else str(error))
        except ValueError as error:
            self._leave(number, line, str(error))
        else:
            return True
        return False

    def _note_user(self, number: int, user: str | None, command: str) -> None:
        if user is not None and user != self._user:
            why = "every job runs as the user of the instance: start one as that user"
            self._leave(number, f"the user {user!r} of {command!r}", why)


def _schedule(when: str, timezone: str | None, *, is_interval: bool) -> Schedule:
    return every(span_of(when)) if is_interval else cron(when, tz=timezone or "UTC")


def _unquoted(value: str) -> str:
    value = value.strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value


def _at_percent(written: str) -> tuple[str, str]:
    """The command, and its input: after the first percent sign, others are ends of lines."""
    command = _COMMAND.match(written)
    end = command.end() if command else 0
    stdin = _END_OF_LINE.sub("\n", written[end + 1 :]).replace(r"\%", "%")
    is_whole = not stdin or stdin.endswith("\n")
    return written[:end].replace(r"\%", "%").strip(), stdin if is_whole else f"{stdin}\n"
