"""Steps as conversations with the server: load, run, load what was missing, write, commit.

There is no I/O here: whoever has a connection, blocking or not, sends what is yielded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from cronfleet.clock import Clock
from cronfleet.model import Instant
from cronfleet.promise import PostgresFacts
from cronfleet.store import CANCEL, DUE, MOST_RESUMING, MOST_SOON, SOON_MS, lock_topic
from cronfleet.stores.postgres.loaded import (
    MOST_WAITING_AT_ONCE,
    Loaded,
    NotLoaded,
    holding_jobs,
    holding_runs,
    queries_of_lock,
)
from cronfleet.stores.postgres.queries import (
    BEGIN,
    BEGIN_SNAPSHOT,
    CLOCK,
    COMMIT,
    ROLLBACK,
    Batch,
    Conversation,
    Query,
    ordered,
    query,
    setting_tokens,
)
from cronfleet.stores.postgres.records import PostgresRecords
from cronfleet.stores.postgres.writes import Writes
from cronfleet.stores.steps.locks import Unlocked
from cronfleet.stores.steps.needs import Look, Needs, SessionUse
from cronfleet.stores.steps.records import TOKENS_PER_MS

Answer = TypeVar("Answer")

_SESSION_QUERIES = {
    SessionUse.STANDS: "keep_session",
    SessionUse.CHANGES: "change_session",
    SessionUse.ENDS: "end_session",
}


@dataclass(frozen=True, slots=True)
class Talk:
    """How one store talks: its channel for hints, its bounds, and its clock in tests."""

    channel: str
    bounds: Query
    clock: Clock | None

    def read(
        self, step: Callable[[PostgresRecords], Answer], needed: Needs
    ) -> Conversation[Answer]:
        """A step that writes nothing: no locks, and each batch by itself."""
        loaded = Loaded(self.clock, writes=False)
        if needed.surveys is not None:
            seen = [BEGIN_SNAPSHOT, self.bounds, *_then_seen(needed), CLOCK, ROLLBACK]
            yield from self._load(loaded, seen)
        if needed.looks:
            yield from self._load(loaded, [self.bounds, CLOCK])
            yield from self._load(loaded, [self.bounds, *_looks(needed.looks, loaded.now)])
        while True:
            try:
                return step(PostgresRecords(loaded))
            except NotLoaded as missing:
                yield from self._load(loaded, [self.bounds, *missing.queries])

    def write(
        self, step: Callable[[PostgresRecords], Answer], needed: Needs
    ) -> Conversation[Answer]:
        """A step in one transaction. The server's time is read when the locks are held."""
        loaded = yield from self._begin(needed)
        while True:
            records = PostgresRecords(loaded)
            try:
                answer = step(records)
                break
            except NotLoaded as missing:
                yield from self._load(loaded, missing.queries)
        written = records.writes.queries()
        if not written and needed.may_undo:
            yield Batch([ROLLBACK])
            return answer
        # Also when nothing was written: locks alone make the commit wait for the disk and for
        # standbys, and so for the earlier writes that this answer speaks of.
        if records.fleet().epoch > loaded.fleet().epoch:
            written += _lift_tokens(loaded.now)
        hints = [*self._hints(records.writes, needed), *self._hint_to_next(answer)]
        yield Batch([*written, *hints, COMMIT], ends=True)
        return answer

    def facts(self) -> Conversation[PostgresFacts]:
        """What the server says of itself, in a transaction like any other of ours."""
        *_, (said,), _ = yield Batch([BEGIN, self.bounds, Query("facts"), ROLLBACK])
        facts = dict(said)
        counted: Mapping[str, Any] = {"standbys": None}
        if facts.pop("may_ask_standbys"):
            _, (counted,) = yield Batch([self.bounds, Query("standbys")])
        return PostgresFacts(**facts, **counted)

    def _begin(self, needed: Needs) -> Conversation[Loaded]:
        while True:
            loaded = Loaded(self.clock, writes=True, needed=needed)
            yield from self._load(loaded, [BEGIN, self.bounds, *_first(needed), CLOCK])
            if loaded.server_started_at is None:
                return loaded
            yield Batch([ROLLBACK])
            yield from self._notice(loaded.server_started_at)

    def _notice(self, server_started_at: int) -> Conversation[None]:
        """The server is another, or was begun anew, and may have lost its last writes."""
        loaded = Loaded(self.clock, writes=True)
        hold = query("hold_fleet")
        yield from self._load(loaded, [BEGIN, self.bounds, hold, CLOCK])
        if loaded.server_started_at is None:  # Somebody else noticed it meanwhile.
            yield Batch([ROLLBACK])
            return
        put = query("put_server", server_started_at=server_started_at)
        yield Batch([put, *_lift_tokens(loaded.now), COMMIT], ends=True)

    def _load(self, loaded: Loaded, queries: Sequence[Query]) -> Conversation[None]:
        if any(each.holds for each in queries):
            queries = [*queries, *_anew(loaded, queries)]
        queries = [*self._followed(queries)]
        answers = yield Batch(queries)
        for asked, rows in zip(queries, answers, strict=True):
            loaded.take(asked, rows)

    def _followed(self, queries: Sequence[Query]) -> Iterator[Query]:
        """Before tokens are taken they follow the clock, also where nothing else ever sets them."""
        clock_ms = None if self.clock is None else self.clock.wall_ms()
        for each in queries:
            if each.statement == "tokens":
                yield from setting_tokens(query("follow_clock", clock_ms=clock_ms))
            yield each

    def _hints(self, writes: Writes, needed: Needs) -> Iterator[Query]:
        if writes.has_pending_runs or (writes.jobs and needed.moves_ticks):
            yield query("tell", channel=self.channel, topic=DUE)
        if writes.asks_to_cancel:
            yield query("tell", channel=self.channel, topic=CANCEL)

    def _hint_to_next(self, answer: object) -> Iterator[Query]:
        if isinstance(answer, Unlocked) and answer.following:
            yield query("tell", channel=self.channel, topic=lock_topic(answer.following))


def _anew(loaded: Loaded, queries: Sequence[Query]) -> Iterator[Query]:
    """What must come after all locks: others may have gone first while these were waited for."""
    if CLOCK not in queries:
        yield CLOCK
    if loaded.tokens:
        yield query("tokens", count=len(loaded.tokens))


def _lift_tokens(now: Instant) -> tuple[Query, ...]:
    """Above all that a server gave whose last writes this one has not."""
    lifted = query("lift_tokens", token=now * TOKENS_PER_MS)
    return setting_tokens(Query("hold_token"), lifted)


def _first(needed: Needs) -> Iterator[Query]:
    """What a step needs, in the one order in which all transactions take their locks."""
    if needed.takes_turns:
        yield query("turn")
    if needed.lock is not None:
        yield from queries_of_lock(needed.lock)
    yield from _session_first(needed)
    if needed.jobs:
        yield holding_jobs(needed.jobs, passes_over=needed.passes_over)
    if needed.runs:
        yield holding_runs(needed.runs, passes_over=needed.passes_over)
    if needed.surveys is not None:
        yield query("hold_survey", job=needed.surveys)
    yield from _then_seen(replace(needed, surveys=None))


def _session_first(needed: Needs) -> Iterator[Query]:
    if needed.session is not None:
        yield query(_SESSION_QUERIES[needed.session_use], id=needed.session)
        if needed.session_use is not SessionUse.STANDS:
            yield query("sessions")
    if needed.keeps_id:
        yield query("keep_fleet")
    if needed.changes_id:
        yield query("rename_fleet")
    if needed.changes_fleet:
        yield query("hold_fleet")
    if needed.changes_fleet and needed.session is not None:
        yield query("count_held", sessions=(needed.session,))
        yield query("runs_to_cancel", session=needed.session)


def _then_seen(needed: Needs) -> Iterator[Query]:
    """What the locks that are held protect, or what needs none."""
    yield from _only_seen(needed)
    if needed.surveys is not None:
        yield query("survey", job=needed.surveys)
    if needed.makes_room:
        yield query("waiting", jobs=ordered(needed.jobs), most=MOST_WAITING_AT_ONCE)
    if needed.gaps:
        yield query("newest_gaps", jobs=ordered(needed.gaps))
    if needed.definitions:
        yield query("definitions", digests=ordered(needed.definitions))
    jobs = needed.jobs | needed.jobs_seen
    if needed.definitions and jobs:
        digests = ordered(needed.definitions)
        yield query("editions", jobs=ordered(jobs), digests=digests)
    if needed.tokens:
        yield query("tokens", count=needed.tokens)


def _only_seen(needed: Needs) -> Iterator[Query]:
    jobs, runs = needed.jobs_seen - needed.jobs, needed.runs_seen - needed.runs
    if jobs:
        yield query("jobs_seen", names=ordered(jobs))
    if runs:
        yield query("runs_seen", ids=ordered(map(str, runs)))


def _looks(look: Look, now: Instant) -> Iterator[Query]:
    page = {"limit": look.limit, "skip": look.skip}
    yield query("runs_pending", program=look.program, until=now, **page)
    yield query("jobs_due", program=look.program, low=-1, high=now, **page)
    first = {"limit": min(look.limit, MOST_SOON), "skip": 0}
    yield query("jobs_due", program=look.program, low=now, high=now + SOON_MS, **first)
    yield query("next_due", program=look.program, after=now)
    yield query("jobs_resuming", program=look.program, until=now, limit=MOST_RESUMING)
