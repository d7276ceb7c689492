"""Tells a service like healthchecks.io, with its ways to say it, that jobs begin and end."""

from __future__ import annotations

from cronfleet.apps.pings.pings import Pings

__all__ = ["Pings"]
