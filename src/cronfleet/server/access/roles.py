"""The three roles, and who has one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What somebody may do; each may do what those before it may."""

    VIEWER = "viewer"
    """Look."""
    OPERATOR = "operator"
    """Give orders about jobs and runs: trigger, pause, resume, skip, cancel, back-fill."""
    ADMIN = "admin"
    """Change jobs, and adopt a store."""

    def includes(self, other: Role) -> bool:
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(other)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request."""

    name: str
    """As the audit tells it."""
    role: Role


THIS_MACHINE = Caller("this machine", Role.ADMIN)
"""Whoever asks a server that answers its own machine alone, and knows no other callers."""
