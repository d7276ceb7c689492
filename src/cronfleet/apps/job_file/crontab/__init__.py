"""From a crontab to a job file: what can be taken over, and what cannot, with its line and why."""

from __future__ import annotations

from cronfleet.apps.job_file.crontab.machine import local_zone
from cronfleet.apps.job_file.crontab.reading import Crontab, CrontabJob, NotTaken, read_crontab
from cronfleet.apps.job_file.crontab.writing import job_file_text

__all__ = ["Crontab", "CrontabJob", "NotTaken", "job_file_text", "local_zone", "read_crontab"]
