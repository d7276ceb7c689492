"""From the text of a job file to what it says, or to all that is wrong with it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

from cronfleet import ConfigurationError, History, Retry, Schedule, at, cron, every
from cronfleet.apps.guarded_http.allowing import Allowed
from cronfleet.apps.job_file import tables
from cronfleet.apps.job_file.command.reading import read_command
from cronfleet.apps.job_file.http.reading import read_allowed, read_http
from cronfleet.apps.job_file.tables import Table, WrongValueError
from cronfleet.apps.job_file.values import FileJob, JobFile, Work
from cronfleet.apps.job_file.variables import Variables

PROGRAM = re.compile(r"[A-Za-z0-9._:/-]{1,128}")

_HTTP_TIMEOUT = timedelta(seconds=60)
_OPTIONS: Mapping[str, Callable[[object], object]] = {
    "on_lost": tables.text,
    "overlap": tables.text,
    "max_active": tables.number,
    "misfire": tables.text,
    "misfire_grace": tables.span,
    "max_catch_up": tables.number,
    "timeout": tables.span,
    "jitter": tables.span,
    "shards": tables.number,
}
_RETRY: Mapping[str, Callable[[object], object]] = {
    "attempts": tables.number,
    "first": tables.span,
    "factor": tables.fraction,
    "most": tables.span,
    "jitter": tables.fraction,
}
_HISTORY: Mapping[str, Callable[[object], object]] = {
    "successes": tables.number,
    "failures": tables.number,
    "age": tables.span,
}


@dataclass(frozen=True, slots=True)
class _Common:
    """What is said once for all jobs of a file."""

    timezone: str
    allowed: Allowed
    environment: Mapping[str, str]


def read_job_file(path: Path, environment: Mapping[str, str] = os.environ) -> JobFile:
    """The job file, with `${NAME}` from the environment.

    Raises ConfigurationError, with one line for everything that is wrong.
    """
    complaints: list[str] = []
    whole = Table(_toml(path), f"{path}: ", complaints)
    program = whole.take("program", _program_name) or path.stem
    common = _Common(
        timezone=whole.take("timezone", _zone) or "UTC",
        allowed=read_allowed(whole.inner("http")),
        environment=environment,
    )
    jobs = [
        _job(path, *each, common, complaints)
        for each in (whole.need("jobs", tables.table) or {}).items()
    ]
    whole.end()
    if complaints:
        raise ConfigurationError("\n".join(complaints))
    return JobFile(path, program, [job for job in jobs if job is not None])


def is_open_to_others(path: Path) -> bool:
    """Whether anybody on the machine can write what this file makes us start."""
    return bool(path.stat().st_mode & stat.S_IWOTH)


def _toml(path: Path) -> Mapping[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} cannot be read: it is not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path} is no TOML: {error}") from None


def _program_name(value: object) -> str:
    name = tables.text(value)
    if not PROGRAM.fullmatch(name):
        raise WrongValueError(f"{name!r} is no name: write 1 to 128 of A-Z a-z 0-9 . _ : / -")
    return name


def _zone(value: object) -> str:
    name = tables.text(value)
    cron("0 * * * *", tz=name)
    return name


def _job(
    path: Path, name: str, values: object, common: _Common, complaints: list[str]
) -> FileJob | None:
    """A job; None if something is wrong with it, which is noted then."""
    where = f"{path}: job {name!r}: "
    if not isinstance(values, dict):
        complaints.append(f"{where}must be a table: write [jobs.{name}]")
        return None
    before = len(complaints)
    table = Table(cast("dict[str, object]", values), where, complaints)
    schedule = _schedule(table, common.timezone)
    options = _options(table)
    work = _work(table, common, options)
    table.end()
    if len(complaints) > before or schedule is None or work is None:
        return None
    options["args"] = {"definition": _digest(table.values)}
    return FileJob(name, schedule.for_job(name), options, work)


def _schedule(table: Table, timezone: str) -> Schedule | None:
    """One of three ways to say when."""
    zone = table.take("timezone", _zone) or timezone
    ways: Mapping[str, Callable[[object], Schedule]] = {
        "schedule": lambda value: cron(tables.text(value), tz=zone),
        "every": lambda value: every(tables.span(value)),
        "at": lambda value: at(tables.moment(value)),
    }
    given = [way for way in ways if way in table]
    found = [table.take(way, read) for way, read in ways.items()]
    if len(given) != 1:
        table.complain(given[-1] if given else "schedule", "give one of schedule, every and at")
        return None
    if "timezone" in table and "schedule" not in table:
        table.complain("timezone", f"only a schedule has one, and this job has {given[0]!r}")
    return next((schedule for schedule in found if schedule), None)


def _options(table: Table) -> dict[str, Any]:
    options = _taken(table, _OPTIONS)
    if (retry := table.inner("retry")) is not None:
        options["retry"] = partial(Retry, **_taken(retry, _RETRY))()
        retry.end()
    if (history := table.inner("history")) is not None:
        options["history"] = partial(History, **_taken(history, _HISTORY))()
        history.end()
    return options


def _taken(table: Table, keys: Mapping[str, Callable[[object], object]]) -> dict[str, Any]:
    taken = {key: table.take(key, read) for key, read in keys.items()}
    return {key: value for key, value in taken.items() if value is not None}


def _work(table: Table, common: _Common, options: dict[str, Any]) -> Work | None:
    variables = Variables(common.environment)
    if ("command" in table) == ("http" in table):
        table.complain("command", "give either command or http")
    if "http" not in table:
        return read_command(table, variables, common.environment)
    options.setdefault("timeout", _HTTP_TIMEOUT)
    table.take("command", tables.texts)
    inner = table.inner("http")
    return None if inner is None else read_http(inner, common.allowed, variables)


def _digest(values: Mapping[str, object]) -> str:
    """What names a job's definition in the store, where the definition itself is not kept.

    So instances that were started with another one leave its runs alone, and nothing of what the
    job does, which may be nobody's business, is for whoever can read the store.
    """
    text = json.dumps(values, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
