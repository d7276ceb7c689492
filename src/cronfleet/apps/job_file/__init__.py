"""Jobs without code: a file says what is to be started or asked for, and when.

`register(scheduler, read_job_file(path))` is all there is to do; `cronfleet run FILE.toml` does it.

- `reading` makes values of the file, and one line of everything that is wrong with it
- `command` starts programs, `http` makes requests
- `crontab` writes such a file from a crontab
"""

from __future__ import annotations

from cronfleet.apps.job_file.app import register
from cronfleet.apps.job_file.reading import is_open_to_others, read_job_file
from cronfleet.apps.job_file.values import JobFile

__all__ = ["JobFile", "is_open_to_others", "read_job_file", "register"]
