"""Who goes first: contention is lowered here, and safety never rests on it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection

from cronfleet.model import JobName, RunId, SessionId

GRACE_MS = 50
"""How much longer than the one before it each rank waits."""

MOST_GRACES = 3

SHARD_GRACE_MS = 200
"""For how long a shard is left to the session whose turn it is: time to hear of it."""


MOST_KNOWN = 10_000
"""For how many jobs a rank is kept in mind: it is cheap to find again, and jobs may be millions."""


class Ranking:
    """The order of the open sessions for each job, by rendezvous hashing.

    Every session that knows the same peers computes the same order, and a session that comes
    or goes moves only its own jobs.
    """

    def __init__(self, mine: SessionId, peers: Collection[SessionId]) -> None:
        self._mine = mine
        self._others = frozenset(peers) - {mine}
        self._ranks: dict[JobName, int] = {}

    def is_of(self, peers: Collection[SessionId]) -> bool:
        """Whether these are the sessions that it ranks."""
        return self._others == frozenset(peers) - {self._mine}

    @property
    def is_alone(self) -> bool:
        """Whether there is nobody else to go first."""
        return not self._others

    def rank(self, job: JobName) -> int:
        """0 for the session that goes first."""
        if not self._others:
            return 0
        rank = self._ranks.get(job)
        if rank is None:
            if len(self._ranks) >= MOST_KNOWN:
                self._ranks.clear()
            mine = _weight(self._mine, job)
            rank = sum(_weight(other, job) > mine for other in self._others)
            self._ranks[job] = rank
        return rank

    def grace_ms(self, job: JobName) -> int:
        """How long past due this session leaves the job to those before it."""
        return GRACE_MS * min(self.rank(job), MOST_GRACES)

    def turn(self, run: RunId) -> int:
        """0 for the session that goes first for a run: at shards the sessions take turns.

        Who is next to the one whose turn it is goes last, since those that rank low look last, too.
        """
        rank = self.rank(run.job)
        return (run.shard - rank) % (len(self._others) + 1) if run.is_shard else rank

    def shard_grace_ms(self, run: RunId, grace_ms: int) -> int:
        """How long this session leaves a shard to others: not at all, where the turn is its own."""
        turn = self.turn(run)
        return grace_ms + GRACE_MS * min(turn, MOST_GRACES) if turn else 0


def _weight(session: SessionId, job: JobName) -> bytes:
    return hashlib.blake2b(f"{session} {job}".encode(), digest_size=8).digest()
