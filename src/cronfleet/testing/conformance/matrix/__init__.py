"""The matrix: every operation that changes something, under every condition, with no cell empty.

`tables` are the data, `asking` interprets them, `page` prints them.
"""

from __future__ import annotations

from cronfleet.testing.conformance.matrix.tests import MatrixTests

__all__ = ["MatrixTests"]
