"""Jobs of ours that stay due in a definition which is not ours, and which perhaps nobody declares.

A newer version may have come and gone between two renewals: its definition is in force then, and
the manifests that renewals show never told of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from cronfleet.engine.repertoire import Repertoire
from cronfleet.model import Digest, Instant, JobName, RunId
from cronfleet.store import Seen

_Thing: TypeAlias = tuple[JobName, Digest, Instant | RunId]


class Overruled:
    """Notices when it is time to declare our definitions again: the store says whose turn it is."""

    def __init__(self, jobs: Repertoire, patience_ms: int) -> None:
        self._jobs = jobs
        self._patience_ms = patience_ms
        self._since: dict[_Thing, Instant] = {}

    def saw(self, seen: Seen, now: Instant) -> bool:
        """Whether one and the same tick or run has been left by everybody for so long."""
        self._since = {each: self._since.get(each, now) for each in self._left(seen)}
        if not any(now - since >= self._patience_ms for since in self._since.values()):
            return False
        self._since = {}
        return True

    def _left(self, seen: Seen) -> Iterator[_Thing]:
        for tick in seen.due:
            if self._is_overruled(tick.job, tick.digest):
                yield tick.job, tick.digest, tick.expected.fire_time
        for pending in seen.pending:
            if self._is_overruled(pending.run.job, pending.digest):
                yield pending.run.job, pending.digest, pending.run

    def _is_overruled(self, name: JobName, digest: Digest) -> bool:
        return name in self._jobs.declared and self._jobs[name].digest != digest
