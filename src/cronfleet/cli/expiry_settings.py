"""The settings that the group `password-expiry` has read, for its commands."""

from __future__ import annotations

import click

from cronfleet.config import Settings


def settings_of(context: click.Context) -> Settings:
    """Read once for the whole command."""
    settings: Settings = context.meta["settings"]
    return settings
