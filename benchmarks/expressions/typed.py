"""Texts that are typed as expressions: the longest and rarest of the tests, and random ones."""

from __future__ import annotations

import random
import string
from collections.abc import Sequence
from time import perf_counter

from tests.unit.cron.test_bounds import LONG, RARE, forget, use

RANDOM_TEXTS = 2_000
ZONE = "America/New_York"


def _random_texts() -> list[str]:
    """The same each time."""
    chance = random.Random(1)
    letters = string.digits + "*/,-?LW# " * 4 + string.printable
    return [
        "".join(chance.choices(letters, k=chance.randrange(1, 257))) for _ in range(RANDOM_TEXTS)
    ]


TYPED: dict[str, Sequence[str]] = {"long": LONG, "rare": RARE, "random": _random_texts()}


def slowest_ms(name: str, tries: int) -> float:
    """To read or refuse the slowest of these, each in its best try."""
    return max(_least_ms(text, tries) for text in TYPED[name])


def _least_ms(text: str, tries: int) -> float:
    found = float("inf")
    for _ in range(tries):
        forget()
        began = perf_counter()
        use(text, ZONE)
        found = min(found, (perf_counter() - began) * 1e3)
    return found
