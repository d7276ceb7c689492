"""The one key name that Python knows; all others begin with it, see lua/shared/fleet.lua."""

from __future__ import annotations

import re

from cronfleet.errors import ConfigurationError

_FLEET = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


def base_key(fleet: str) -> str:
    """What every key of a fleet begins with. Its braces keep the fleet on one node of a cluster.

    Raises ConfigurationError for a name that cannot stand in a key.
    """
    if not _FLEET.fullmatch(fleet):
        raise ConfigurationError(
            f"the fleet's name {fleet!r} becomes part of every key: "
            "write it with letters, digits, - and _ only"
        )
    return f"cronfleet:{{{fleet}}}:"
