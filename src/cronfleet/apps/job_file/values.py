"""What a job file says, read and checked, its variables filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from cronfleet import Schedule
from cronfleet.apps.guarded_http.allowing import Allowed


@dataclass(frozen=True, slots=True)
class CommandWork:
    """A program to start, without a shell."""

    argv: Sequence[str]
    directory: str | None
    environment: Mapping[str, str] = field(repr=False)
    """All of it: nothing else is handed down."""
    stdin: str = field(repr=False)
    memory_bytes: int | None
    secrets: frozenset[str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class HttpWork:
    """A request to make."""

    method: str
    shown_url: str
    """As it is written, without the values of variables."""
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: str = field(repr=False)
    expected: Sequence[int]
    """The statuses of success; empty: 200 to 299."""
    allowed: Allowed
    secrets: frozenset[str] = field(repr=False)


Work: TypeAlias = CommandWork | HttpWork


@dataclass(frozen=True, slots=True)
class FileJob:
    """A job as its file defines it."""

    name: str
    schedule: Schedule
    options: Mapping[str, Any]
    """What `Scheduler.add_job` takes beside handler, schedule and name."""
    work: Work


@dataclass(frozen=True, slots=True)
class JobFile:
    """A job file. `read_job_file` makes one."""

    path: Path
    program: str
    jobs: Sequence[FileJob]
