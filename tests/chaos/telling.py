"""What the campaigns say to whoever runs them."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

SHOWN = 20


def say(line: str) -> None:
    """At once, whoever reads it."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def tell(figures: Mapping[str, object], wrong: Sequence[str] = ()) -> None:
    """A figure a line, and the first of what is wrong."""
    for name, figure in figures.items():
        say(f"{name:32}{figure}")
    for line in wrong[:SHOWN]:
        say(f"WRONG {line}")
