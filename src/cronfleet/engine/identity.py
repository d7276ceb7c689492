"""Who an instance is."""

from __future__ import annotations

from dataclasses import dataclass

from cronfleet.model import ProgramName


@dataclass(frozen=True, slots=True)
class Identity:
    """What an instance says of itself."""

    program: ProgramName
    label: str
    tzdata: str
    adopts: bool = False
    """Whether it goes on by itself with a store that was emptied or restored."""
