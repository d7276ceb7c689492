"""Figures of many measurements."""

from __future__ import annotations

import math
from collections.abc import Sequence


def percentiles(measured: Sequence[float]) -> list[tuple[str, float]]:
    """p50, p99 and the greatest, by name; none of nothing."""
    if not measured:
        return []
    ranked = sorted(measured)

    def at(share: float) -> float:
        """The least that so many are not above."""
        return ranked[max(0, math.ceil(share * len(ranked)) - 1)]

    return [("p50", at(0.5)), ("p99", at(0.99)), ("max", ranked[-1])]
