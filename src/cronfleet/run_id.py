"""What names a run: its job, its fire time, and what tells apart the runs of one fire time."""

from __future__ import annotations

import re
from typing import NamedTuple, TypeAlias

Instant: TypeAlias = int
"""Milliseconds since 1970 UTC."""

JobName: TypeAlias = str

JOB_NAME = re.compile(r"[A-Za-z0-9._:/-]{1,128}", re.ASCII)
_RUN_ID = re.compile(
    rf"({JOB_NAME.pattern})@(0|[1-9][0-9]*)(?:\+([1-9][0-9]*))?(?:/(0|[1-9][0-9]*))?", re.ASCII
)

WHOLE = -1
"""In the place of a shard's number: a run that is no shard."""


class RunId(NamedTuple):
    """The identity of a run: for a tick its job and fire time, and number 0.

    Manual runs and back-fills are numbered from 1, so that two of one fire time differ. Shards
    are numbered from 0; what they are shards of has the same id without that number.
    """

    job: JobName
    fire_time: Instant
    number: int = 0
    shard: int = WHOLE

    def __str__(self) -> str:
        suffix = f"+{self.number}" if self.number else ""
        shard = f"/{self.shard}" if self.is_shard else ""
        return f"{self.job}@{self.fire_time}{suffix}{shard}"

    @property
    def is_shard(self) -> bool:
        return self.shard != WHOLE

    @property
    def whole(self) -> RunId:
        """Itself, or of a shard the tick that it is a part of."""
        return self._replace(shard=WHOLE)

    def of_shards(self, shards: int) -> list[RunId]:
        """Its shards, if it has so many."""
        return [self._replace(shard=shard) for shard in range(shards)] if shards > 1 else []

    @classmethod
    def parse(cls, text: str) -> RunId:
        """The id that `str` wrote. Raises ValueError for any other text."""
        match = _RUN_ID.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not a run id; write it as job@fire_time_ms")
        job, fire_time, number, shard = match.groups()
        return cls(job, int(fire_time), int(number or 0), WHOLE if shard is None else int(shard))
