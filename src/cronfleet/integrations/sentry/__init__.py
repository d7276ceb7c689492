"""What fails, and what does not run at all, told to Sentry; needs the extra `sentry`."""

from __future__ import annotations

from cronfleet.integrations.sentry.beginning import begin
from cronfleet.integrations.sentry.telling import listen

__all__ = ["begin", "listen"]
