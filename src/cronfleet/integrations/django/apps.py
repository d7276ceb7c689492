"""What Django wants to know of this app."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:

    class AppConfig:  # Django has no types.
        """As Django's."""
else:
    from django.apps import AppConfig


class CronfleetConfig(AppConfig):
    """It has no models."""

    name: str = "cronfleet.integrations.django"
    label: str = "cronfleet"
    verbose_name: str = "Cronfleet"
