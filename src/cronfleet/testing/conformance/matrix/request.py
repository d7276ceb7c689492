"""What is shown to the store in one cell: taken as it is, or wrong in one thing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from cronfleet.model import Claim, Instant, JobName, RunId, SessionId, StartId
from cronfleet.store import Order
from cronfleet.testing.conformance.matrix.conditions import Condition
from cronfleet.testing.samples import HOUR_MS, NOON, ONE_PM

LATEST: Instant = 2**53
"""The last instant that a number of any language can hold exactly."""

NEVER_JOINED = SessionId("0" * 32)
OTHER_PROGRAM = "billing"
OTHER_STORE = "f" * 32


@dataclass(frozen=True, slots=True)
class Request:
    """Each operation takes from it what it needs."""

    now: Instant
    session: SessionId
    ben: SessionId
    """Who asks where another does."""
    program: str
    job: JobName
    claim: Claim
    fire_time: Instant
    """Of the first tick."""
    generation: int
    expected: Instant | None
    following: Instant | None
    counter: int
    epoch: int
    store_id: str
    span_ms: int
    key: str = "a key"
    is_different: bool = False

    @property
    def order(self) -> Order:
        return Order(self.key, "anna", "because")

    @property
    def start_id(self) -> StartId:
        return StartId(("1" if self.is_different else "0") * 32)

    def under(self, condition: Condition) -> Request:
        """The same, wrong in what the condition says."""
        wrong = _WRONG.get(condition)
        return self if wrong is None else wrong(self)


def following(expected: Instant | None) -> Instant | None:
    """The schedule of the matrix: hourly, and at one after the tick at the instant 0."""
    if expected is None:
        return None
    return expected + HOUR_MS if expected >= NOON else ONE_PM


def _with_generation(request: Request) -> Request:
    return replace(request, generation=request.generation + 1)


def _with_expected(request: Request) -> Request:
    return replace(request, expected=None if request.expected is None else request.expected - 1)


def _up_to_the_latest(request: Request) -> Request:
    return replace(request, following=LATEST, span_ms=LATEST - request.now)


def _stale(request: Request) -> Request:
    return replace(request, claim=replace(request.claim, token=request.claim.token - 1))


def _of_no_run(request: Request) -> Request:
    return replace(request, claim=replace(request.claim, run=RunId(request.job, 1)))


_WRONG: dict[Condition, Callable[[Request], Request]] = {
    Condition.DIFFERENT: lambda asked: replace(asked, key="another key", is_different=True),
    Condition.FOREIGN: lambda asked: replace(asked, session=asked.ben),
    Condition.NEVER_JOINED: lambda asked: replace(asked, session=NEVER_JOINED),
    Condition.WRONG_COUNTER: lambda asked: replace(asked, counter=asked.counter + 1),
    Condition.WRONG_EPOCH: lambda asked: replace(asked, epoch=asked.epoch + 1),
    Condition.WRONG_STORE: lambda asked: replace(asked, store_id=OTHER_STORE),
    Condition.STALE_TOKEN: _stale,
    Condition.WRONG_GENERATION: _with_generation,
    Condition.WRONG_EXPECTED: _with_expected,
    Condition.OUT_OF_ORDER: lambda asked: replace(asked, following=asked.fire_time),
    Condition.FOREIGN_PROGRAM: lambda asked: replace(asked, program=OTHER_PROGRAM),
    Condition.NO_JOB: lambda asked: replace(asked, job="nobody"),
    Condition.NO_RUN: _of_no_run,
    Condition.LATEST: _up_to_the_latest,
}
"""What is wrong, or extreme, in the question itself; all else is in what stands before it."""
