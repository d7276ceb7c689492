"""Django: jobs in each app's `cron.py`, carried out by `python manage.py cronfleet`.

It is an app of its own: `INSTALLED_APPS += ["cronfleet.integrations.django"]`.
"""

from __future__ import annotations

from cronfleet.integrations.django.project import get_scheduler, job

__all__ = ["get_scheduler", "job"]
