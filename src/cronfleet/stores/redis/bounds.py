"""How much one script does at the most: it holds up the whole server while it runs."""

from __future__ import annotations

MOST_ITEMS = 200
"""Long lists of writes are cut here."""

MOST_SEEN = 1_000
"""The same for lists that are only read."""
