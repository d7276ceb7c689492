"""For those who write a store: the conformance suite, and what its tests begin with."""

from __future__ import annotations
