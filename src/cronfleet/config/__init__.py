"""Settings: the environment and a file `.env`, read once, checked, and frozen.

For the command line, the server and the applications. An empty value means not set. The
environment wins over the file.
"""

from __future__ import annotations

from cronfleet.config.loading import load_settings
from cronfleet.config.secrets import revealed
from cronfleet.config.settings import Settings

__all__ = ["Settings", "load_settings", "revealed"]
