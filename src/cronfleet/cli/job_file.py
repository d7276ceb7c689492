"""A file with jobs, as `cronfleet run` runs it."""

from __future__ import annotations

import logging
from pathlib import Path

from cronfleet import Scheduler
from cronfleet.apps.job_file import JobFile, is_open_to_others, read_job_file, register
from cronfleet.cli.programs import Program
from cronfleet.config import Settings
from cronfleet.env_file import environment

log: logging.Logger = logging.getLogger(__name__)


class JobFileProgram(Program):
    """Raises ConfigurationError for a file that cannot be run as it is."""

    def __init__(self, path: Path, settings: Settings, store: str | None) -> None:
        self._file = read(path)
        scheduler = Scheduler(
            settings.store_url(store), program=self._file.program, fleet=settings.cronfleet_fleet
        )
        super().__init__(scheduler)
        register(scheduler, self._file)

    def describe(self) -> list[str]:
        return [f"jobs: those of program {self._file.program}, from {self._file.path}"]


def read(path: Path) -> JobFile:
    """The file, with variables from the environment and `.env`. Raises ConfigurationError."""
    file = read_job_file(path, environment())
    if is_open_to_others(path):
        log.warning(
            "others can write %s, which says what is started here: chmod o-w %s", path, path
        )
    return file
