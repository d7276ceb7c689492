"""What this instance can run: the jobs that it declares, and those added at run time.

What was added at run time is known to the store alone. When a peek first shows such a definition
it is read, and if this instance has its handler, it is known from then on; so an instance that
holds millions of jobs need not know them all at once.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Protocol

from cronfleet.engine.known import KnownJob
from cronfleet.model import Digest, HandlerName, JobName, JobRecord
from cronfleet.planning import plan_as_written
from cronfleet.store import DueTick, Mark, PendingRun, Seen, Store, mark

log: logging.Logger = logging.getLogger(__name__)

MOST_LEARNED = 1_000
MOST_REFUSED = 10_000
MOST_AT_ONCE = 200


class Abilities(Protocol):
    """The handlers that this instance has, by name."""

    @property
    def names(self) -> Collection[HandlerName]: ...

    def known(self, json: str) -> KnownJob | None:
        """The job that a definition of the store defines, if it can be run here."""
        ...


class NoAbilities:
    """Of an instance that runs only what it declares."""

    names: Collection[HandlerName] = ()

    def known(self, json: str) -> KnownJob | None:
        return None


class Repertoire(Mapping[JobName, KnownJob]):
    """Jobs by name: each in the definition that was last seen in force, if that is known."""

    def __init__(
        self,
        declared: Mapping[JobName, KnownJob],
        abilities: Abilities | None = None,
        only: Collection[JobName] | None = None,
    ) -> None:
        """`only` these jobs are run, whatever is declared."""
        self._only = only
        self._abilities: Abilities = abilities or NoAbilities()
        self.declared: dict[JobName, KnownJob] = {
            name: job for name, job in declared.items() if self._may_run(name)
        }
        self._learned: OrderedDict[JobName, KnownJob] = OrderedDict()
        self._refused: OrderedDict[Digest, None] = OrderedDict()

    def __getitem__(self, name: JobName) -> KnownJob:
        return self._learned.get(name) or self.declared[name]

    def __len__(self) -> int:
        return len(self.declared) + sum(1 for _ in self._added)

    def __iter__(self) -> Iterator[JobName]:
        return chain(self.declared, self._added)

    @property
    def _added(self) -> Iterator[JobName]:
        """What it declares may be a million names: they are not copied to be counted."""
        return (name for name in self._learned if name not in self.declared)

    # --- what is told to the store

    @property
    def marks(self) -> Sequence[Mark]:
        """What the manifest says of the handlers."""
        names = sorted(self._abilities.names)
        if self._only is None:
            return [mark(name) for name in names]
        return [mark(name, job) for name in names for job in sorted(self._only)]

    def is_ours(self, job: JobRecord) -> bool:
        """Whether this very instance declares the job as it stands, by itself or by a handler."""
        declared = self.declared.get(job.name)
        if declared and declared.digest == job.digest:
            return True
        return self._may_run(job.name) and job.handler in self._abilities.names

    def may_have_run(self, job: JobRecord) -> bool:
        """Whether this instance may have run it, as it stands or by another definition."""
        return job.name in self or self.is_ours(job)

    # --- learning

    async def learn(self, store: Store, seen: Seen) -> None:
        """Know what was seen, as far as it can be run here. Raises StoreError."""
        unknown = {
            digest: name
            for name, digest in _things(seen)
            if self._may_run(name) and self._is_unknown(name, digest)
        }
        digests = list(unknown)[:MOST_AT_ONCE]  # The next peek shows the rest again.
        if not (digests and self._abilities.names):
            return
        for digest, json in zip(digests, await store.definitions(digests), strict=True):
            self._take(unknown[digest], digest, json)

    def forget_refusals(self) -> None:
        """There are more handlers than before."""
        self._refused.clear()

    def forget(self, name: JobName) -> None:
        """The job is declared no more."""
        self.declared.pop(name, None)
        self._learned.pop(name, None)

    def _is_unknown(self, name: JobName, digest: Digest) -> bool:
        declared, learned = self.declared.get(name), self._learned.get(name)
        if declared and declared.digest == digest:
            if learned:
                del self._learned[name]  # It is in force again.
            return False
        if learned and learned.digest == digest:
            self._learned.move_to_end(name)
            return False
        return digest not in self._refused

    def _take(self, name: JobName, digest: Digest, json: str | None) -> None:
        job = None if json is None else self._abilities.known(json)
        if job and (job.definition.name, job.digest) == (name, digest):
            self._learned[name] = job
            if len(self._learned) > MOST_LEARNED:
                self._learned.popitem(last=False)
            return
        if json is not None and plan_as_written(json) is None:
            log.warning(
                "job %s: a newer version of cronfleet has defined it, and this one does not know "
                "all of that: it is left to instances of the newer version",
                name,
            )
        self._refused[digest] = None
        if len(self._refused) > MOST_REFUSED:
            self._refused.popitem(last=False)

    def _may_run(self, name: JobName) -> bool:
        return self._only is None or name in self._only


def _things(seen: Seen) -> Iterable[tuple[JobName, Digest]]:
    things: Iterable[DueTick | PendingRun] = chain(seen.due, seen.pending, seen.soon)
    for each in things:
        yield (each.job if isinstance(each, DueTick) else each.run.job), each.digest
