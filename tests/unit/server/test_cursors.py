from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from cronfleet import GapInfo, RunInfo, Scheduler, cron
from cronfleet.server.cursors import Listing, Position, position_of, read, words_of, written
from cronfleet.server.histories import Tick, page_of, runs_of, ticks_of
from tests.unit.server.sites import ended_run

NEVER = cron("0 0 1 1 *")


class Numbers:
    """Rows that are numbers, the greatest first."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self.numbers = sorted(numbers, reverse=True)

    async def fetch(self, limit: int, skip: int) -> Sequence[int]:
        return self.numbers[skip : skip + limit]

    async def after(
        self, position: Position | None, limit: int
    ) -> tuple[list[int], Position | None]:
        rows = await Listing(self.fetch, lambda number: (number,)).rows_after(position, limit)
        return [row for row, _ in rows], rows[-1][1] if rows else None


@given(st.sets(st.integers(0, 1_000), min_size=1), st.integers(1, 7))
async def test_pages_one_after_the_other_are_all_rows_in_order(
    numbers: set[int], limit: int
) -> None:
    rows = Numbers(list(numbers))
    seen: list[int] = []
    position = None
    while True:
        page, position = await rows.after(position, limit)
        if not page:
            break
        seen += page
    assert seen == rows.numbers


@given(
    st.sets(st.integers(0, 500), min_size=4),
    st.sets(st.integers(501, 1_500)),
    st.sets(st.integers(0, 500)),
    st.integers(1, 5),
)
async def test_what_comes_or_goes_between_two_pages_moves_no_other_row(
    there: set[int], come: set[int], gone: set[int], limit: int
) -> None:
    before = Numbers(list(there))
    seen, position = await before.after(None, limit)
    after = Numbers(list((there | come) - gone))
    page, _ = await after.after(position, 2_000)
    assert page == [number for number in after.numbers if number < seen[-1]]


async def test_a_page_is_found_again_where_much_was_deleted_above_it() -> None:
    rows = Numbers(range(1_000))
    _, position = await rows.after(None, 800)
    rows.numbers = rows.numbers[790:]
    page, _ = await rows.after(position, 3)
    assert page == [199, 198, 197]


async def test_a_cursor_that_was_made_up_costs_few_looks() -> None:
    rows, looks = Numbers(range(1_000)), 0

    async def fetch(limit: int, skip: int) -> Sequence[int]:
        nonlocal looks
        looks += 1
        return await rows.fetch(limit, skip)

    position = position_of([10**9, 10**9])
    page = await Listing(fetch, lambda number: (number,)).rows_after(position, 2)
    assert [row for row, _ in page] == [999, 998]
    assert looks < 25


KEYS = st.tuples(st.integers(), st.integers())
POSITIONS = st.builds(Position, KEYS, st.integers(0, 10_000_000))


@given(st.one_of(st.none(), POSITIONS))
def test_a_cursor_means_what_was_written(position: Position | None) -> None:
    (words,) = read(written(words_of(position)))
    assert position_of(words) == position


async def test_no_run_is_lost_or_doubled_while_runs_are_added() -> None:
    scheduler = Scheduler("memory:", program="test")
    scheduler.add_job(lambda _: None, NEVER, "report")
    async with scheduler:
        there = [(await ended_run(scheduler, "report")).id for _ in range(7)]
        seen: list[RunInfo] = []
        page, after = await page_of(runs_of(scheduler, "report"), None, 2)
        while True:
            seen += page
            if after is None:
                break
            await ended_run(scheduler, "report")
            page, after = await page_of(runs_of(scheduler, "report"), after, 2)
    assert [run.id for run in seen] == there[::-1]


async def test_no_tick_is_lost_or_doubled_while_others_come_and_a_gap_grows() -> None:
    scheduler = Scheduler("memory:", program="test")
    scheduler.add_job(lambda _: None, NEVER, "report")
    async with scheduler:
        for _ in range(3):
            await ended_run(scheduler, "report")
            await scheduler.skip_next("report")
        seen: list[Tick] = []
        page, after = await ticks_of(scheduler, "report", None, 1)
        while True:
            seen += page
            if after is None:
                break
            await ended_run(scheduler, "report")
            await scheduler.skip_next("report")
            page, after = await ticks_of(scheduler, "report", after, 1)
    gaps = [tick for tick in seen if isinstance(tick, GapInfo)]
    runs = [tick.id for tick in seen if isinstance(tick, RunInfo)]
    assert len(gaps) == len({gap.first for gap in gaps}) >= 1
    assert len(runs) == len(set(runs)) == 3
