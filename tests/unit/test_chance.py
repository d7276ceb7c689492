"""Chance: it is the system's, unless somebody wants the same history again."""

from __future__ import annotations

import contextvars
import re
from random import Random

from cronfleet.chance import between, drawn_from, fraction, fresh_id


def test_an_id_has_32_hexadecimal_digits_and_never_comes_again() -> None:
    ids = {fresh_id() for _ in range(1_000)}
    assert len(ids) == 1_000
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in ids)


def test_a_delay_is_spread_within_its_bounds() -> None:
    assert all(0.7 <= between(0.7, 1) <= 1 for _ in range(100))
    assert all(0 <= fraction() < 1 for _ in range(100))


def test_what_is_drawn_from_a_seed_is_drawn_again() -> None:
    assert _drawn(Random(7)) == _drawn(Random(7)) != _drawn(Random(8))


def _drawn(source: Random) -> list[object]:
    def draw() -> list[object]:
        drawn_from.set(source)
        return [fresh_id(), fraction(), between(1, 2)]

    return contextvars.copy_context().run(draw)
