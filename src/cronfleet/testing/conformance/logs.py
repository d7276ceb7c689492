"""What handlers log: kept with its run, within bounds, and gone with it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cronfleet.clock import ManualClock
from cronfleet.model import Claim, History, OnLost, Outcome, RunId, SessionId
from cronfleet.store import (
    MOST_LINE_BYTES,
    MOST_LOG_BYTES,
    MOST_LOG_LINES,
    LogLine,
    LogPart,
    LogPlace,
    PendingClaim,
    Store,
)
from cronfleet.testing.conformance.base import StoreTests
from cronfleet.testing.samples import (
    NOON,
    completed,
    granted,
    joined,
    report,
    started,
    tick,
)

HALF = MOST_LOG_LINES // 2
INFO = 20


def line(number: int, text: str = "", attempt: int = 1) -> LogLine:
    return LogLine(LogPlace(attempt, number), NOON + number, INFO, text or f"line {number}")


def part(run: RunId, *lines: LogLine) -> LogPart:
    return LogPart(run, lines)


async def numbers(store: Store, run: RunId) -> list[int]:
    return [each.place.number for each in await store.run_log(run)]


class LogTests(StoreTests):
    @pytest.fixture
    async def begun(self, store: Store, anna: SessionId) -> Claim:
        """A run whose handler is at work."""
        return await started(store, anna, await granted(store, anna, tick()))

    async def test_lines_are_kept_as_they_were_written(self, store: Store, begun: Claim) -> None:
        lines = [
            LogLine(LogPlace(1, 1), NOON, 10, "  3 mails, ärgerlich \x1b[31mrot\t"),
            LogLine(LogPlace(1, 2), NOON + 5, 50, ""),
        ]
        await store.append_logs([part(begun.run, *lines)])
        assert await store.run_log(begun.run) == lines

    async def test_what_is_read_can_be_gone_on_with(self, store: Store, begun: Claim) -> None:
        await store.append_logs([part(begun.run, line(1), line(2))])
        await store.append_logs([part(begun.run, line(3))])
        assert await store.run_log(begun.run, LogPlace(1, 1)) == [line(2), line(3)]
        assert await store.run_log(begun.run, LogPlace(1, 3)) == []

    async def test_a_call_that_is_repeated_changes_nothing(
        self, store: Store, begun: Claim
    ) -> None:
        for text in ("first", "second"):
            await store.append_logs([part(begun.run, line(1, text))])
        assert await store.run_log(begun.run) == [line(1, "first")]

    async def test_one_call_keeps_lines_of_many_runs(
        self, store: Store, clock: ManualClock
    ) -> None:
        anna = await joined(store, "anna", report(), report("other"))
        runs = [(await granted(store, anna, tick(name))).run for name in ("report", "other")]
        await store.append_logs([part(run, line(1, run.job)) for run in runs])
        assert [await store.run_log(run) for run in runs] == [
            [line(1, "report")],
            [line(1, "other")],
        ]

    async def test_a_run_that_is_not_there_keeps_no_lines(
        self, store: Store, anna: SessionId
    ) -> None:
        nobody = RunId("report", NOON)
        await store.append_logs([part(nobody, line(1))])
        await granted(store, anna, tick())
        assert await store.run_log(nobody) == []

    async def test_nobody_writes_for_an_attempt_that_is_yet_to_come(
        self, store: Store, begun: Claim
    ) -> None:
        await store.append_logs([part(begun.run, line(1, attempt=2))])
        assert await store.run_log(begun.run) == []

    async def test_an_attempt_that_is_over_may_still_add_to_its_own_lines(
        self, store: Store, clock: ManualClock
    ) -> None:
        anna = await joined(store, "anna", report(on_lost=OnLost.RERUN))
        first = await started(store, anna, await granted(store, anna, tick()))
        await completed(store, first, Outcome.FAILED, retry_in_ms=0)
        second = await granted(store, anna, PendingClaim(first.run))
        await store.append_logs([part(second.run, line(1, attempt=2))])
        await store.append_logs([part(first.run, line(1))])
        assert await store.run_log(first.run) == [line(1), line(1, attempt=2)]

    async def test_of_too_many_lines_the_beginning_and_the_end_are_kept(
        self, store: Store, begun: Claim
    ) -> None:
        last = 2 * MOST_LOG_LINES
        for first in range(1, last, 250):
            lines = [line(number) for number in range(first, first + 250)]
            await store.append_logs([part(begun.run, *lines)])
        kept = [*range(1, HALF + 1), *range(last - HALF + 1, last + 1)]
        assert await numbers(store, begun.run) == kept

    async def test_of_too_many_bytes_the_beginning_and_the_end_are_kept(
        self, store: Store, begun: Claim
    ) -> None:
        """In UTF-8: each of these characters has two bytes."""
        long = "ä" * (MOST_LINE_BYTES // 2)
        half = MOST_LOG_BYTES // MOST_LINE_BYTES // 2
        await store.append_logs([part(begun.run, *(line(n, long) for n in range(1, 31)))])
        await store.append_logs([part(begun.run, line(31, "short"))])
        assert await numbers(store, begun.run) == [*range(1, half + 1), *range(32 - half, 32)]

    async def test_the_beginning_ends_where_lines_are_missing(
        self, store: Store, begun: Claim
    ) -> None:
        """Of what comes later nothing grows onto it: each line there is the next one."""
        lines = [line(1), *(line(number) for number in range(3, HALF + 10))]
        await store.append_logs([part(begun.run, *lines)])
        assert await numbers(store, begun.run) == [1, *range(10, HALF + 10)]

    async def test_the_log_goes_with_its_run(
        self, store: Store, clock: ManualClock, anna: SessionId, begun: Claim
    ) -> None:
        await store.append_logs([part(begun.run, line(1))])
        await completed(store, begun, Outcome.SUCCEEDED)
        clock.advance(timedelta(seconds=1))
        assert await store.prune({"report": History(0, 0)}) == 1
        await store.append_logs([part(begun.run, line(2))])
        assert await store.run_log(begun.run) == []
