"""What Django wants to know of this app."""

from __future__ import annotations

from django.apps import AppConfig  # pyright: ignore[reportMissingTypeStubs]


class CronfleetConfig(AppConfig):
    """It has no models."""

    name = "cronfleet.integrations.django"
    label = "cronfleet"
    verbose_name = "Cronfleet"
