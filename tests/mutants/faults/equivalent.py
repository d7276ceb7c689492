"""Changes that look like faults, and that nobody could see: another check covers each."""

from __future__ import annotations

from collections.abc import Mapping

from tests.mutants.mutant import Mutant

EQUIVALENT: Mapping[Mutant, str] = {}
