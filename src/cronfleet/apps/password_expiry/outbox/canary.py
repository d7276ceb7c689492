"""Whether so many new notices at once are to be looked at by a person before any is sent. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LEAST_USERS = 50
"""Of fewer users a few are a great part."""

RUNS_KNOWN = 5
"""After so many runs it is known what is usual."""

RUNS_LOOKED_AT = 20
"""The last so many runs say what is usual."""


@dataclass(frozen=True, slots=True)
class Canary:
    """How much is too much: so many percent of the users, or so many times what is usual."""

    percent: int = 20
    times: int = 10

    def why_held(self, users: int, made: int, usual: Sequence[int], copies: int = 0) -> str | None:
        """Why the new notices of a run are not sent yet; None: they may be.

        `usual` is how many the last runs made, those that made any. So many of those made are
        `copies` for managers: a user who has one is still one user.
        """
        if users >= LEAST_USERS and 100 * max(made - copies, copies) > self.percent * users:
            told = f", {copies} of them copies," if copies else ""
            return (
                f"{made} new notices{told} at once for {users} users, more than {self.percent} % "
                "of them (CANARY_PERCENT)"
            )
        if len(usual) >= RUNS_KNOWN and made * len(usual) > self.times * sum(usual):
            mean = sum(usual) / len(usual)
            return (
                f"{made} new notices at once, more than {self.times} times the usual {mean:.1f} "
                "(CANARY_TIMES)"
            )
        return None
