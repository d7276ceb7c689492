"""Labels are bounded: a fleet may have a million jobs, and Prometheus cannot."""

from __future__ import annotations

OTHER = "other"
"""What all jobs together are called that came after the first so many."""


class Names:
    """The jobs that have a label of their own: as many as are allowed, first come, first served."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: dict[str, str] = {}

    def of(self, job: str) -> str:
        """The label of the job."""
        known = self._known.get(job)
        if known is not None:
            return known
        if len(self._known) >= self._most:
            return OTHER
        self._known[job] = job
        return job

    @property
    def known(self) -> list[str]:
        """The jobs that have one."""
        return list(self._known)
