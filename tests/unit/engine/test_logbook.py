"""What handlers log comes into the store, and no handler is kept waiting or fails for it."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import timedelta

import pytest

from cronfleet import Retry, RunContext
from cronfleet.engine.logbook import MOST_HELD_BYTES
from cronfleet.engine.pages import texts_of
from cronfleet.errors import StoreRefusedError
from cronfleet.model import RunState
from cronfleet.store import MOST_LINE_BYTES, MOST_LOG_LINES, LogLine, LogPart
from tests.unit.engine.rig import Rig, job
from tests.unit.engine.scripted_store import lost_answer, lost_request


@pytest.fixture(autouse=True)
def quiet_program() -> Iterator[None]:
    """A program that prints nothing below ERROR."""
    logger = logging.getLogger("cronfleet.run")
    logger.setLevel(logging.ERROR)
    yield
    logger.setLevel(logging.NOTSET)


async def kept(rig: Rig) -> Sequence[LogLine]:
    return await rig.store.run_log((await rig.run()).id)


async def texts(rig: Rig) -> list[str]:
    return [line.text for line in await kept(rig)]


class Teller:
    """Logs what it is told to, and then waits for its gate."""

    def __init__(self, *texts: str) -> None:
        self.texts = texts
        self.entered = asyncio.Event()
        self.gate = asyncio.Event()
        self.runs: list[RunContext] = []

    async def __call__(self, run: RunContext) -> None:
        self.runs.append(run)
        for text in self.texts:
            run.log.info(text)
        self.entered.set()
        await self.gate.wait()


async def ended(rig: Rig, handler: object) -> None:
    """One run of the handler, and its instance, from beginning to end."""
    async with rig.at_work(job(handler)):  # pyright: ignore[reportArgumentType] - a test's handler
        await rig.trigger()
        await rig.until_run(RunState.SUCCEEDED)


async def test_what_each_attempt_failed_of_is_kept_with_the_run(rig: Rig) -> None:
    """The run itself tells how its last attempt ended."""
    failing = iter(["no paper", "postgresql://anna:secret@db/x"])

    async def handler(run: RunContext) -> None:
        run.log.info("printing")
        if said := next(failing, None):
            raise RuntimeError(said)

    retry = Retry(attempts=3, first=timedelta(seconds=10), jitter=0)
    async with rig.at_work(job(handler, retry=retry)):
        await rig.trigger()
        await rig.until_run(RunState.SUCCEEDED)
        await asyncio.sleep(2)
        lines = await kept(rig)
    errors = [line for line in lines if line.level == logging.ERROR]
    heads = [line for line in errors if line.text.startswith("attempt ")]
    assert [line.place.attempt for line in heads] == [1, 2]
    first = [line.text for line in errors if line.place.attempt == 1]
    head = "attempt 1 failed after 0.0 s, the next one in 10.0 s: RuntimeError: no paper"
    assert first[0] == head
    assert first[2] == "Traceback (most recent call last):"
    assert "in handler" in first[3], "it begins where the handler does"
    assert first[-1] == "RuntimeError: no paper"
    assert "secret" not in "".join(line.text for line in lines)
    assert [line.place.attempt for line in lines if line.text == "printing"] == [1, 2, 3]


async def test_the_traceback_of_a_run_that_failed_for_good_is_kept(rig: Rig) -> None:
    async def handler(_: RunContext) -> None:
        raise RuntimeError("no paper") from ValueError("no tray")

    async with rig.at_work(job(handler)):
        await rig.trigger()
        await rig.until_run(RunState.FAILED)
        await asyncio.sleep(2)
        said = await texts(rig)
    assert said[0] == "attempt 1 failed after 0.0 s: RuntimeError: no paper"
    assert "ValueError: no tray" in said
    assert said[-1] == "RuntimeError: no paper"


async def test_an_attempt_that_took_too_long_is_kept_too(rig: Rig) -> None:
    timeout = timedelta(seconds=5)
    async with rig.at_work(job(rig.handlers.gated, timeout=timeout)):
        await rig.trigger()
        await rig.until_run(RunState.TIMED_OUT)
        await asyncio.sleep(2)
        assert (await texts(rig))[0] == "attempt 1 timed_out after 5.0 s"


async def test_one_that_is_told_to_end_has_not_failed(rig: Rig) -> None:
    """As each deploy does."""
    async with rig.at_work(job(rig.handlers.gated, on_lost="rerun")):
        await rig.trigger()
        await rig.until_run(RunState.STARTED)
    assert await texts(rig) == []


async def test_an_error_of_ours_that_a_handler_meets_has_its_traceback(rig: Rig) -> None:
    async def handler(_: RunContext) -> None:
        raise StoreRefusedError("memory:", "full")

    async with rig.at_work(job(handler)):
        await rig.trigger()
        await rig.until_run(RunState.FAILED)
        await asyncio.sleep(2)
        assert any("in handler" in text for text in await texts(rig))


async def test_a_handler_at_work_is_read_within_two_seconds(rig: Rig) -> None:
    teller = Teller("one", "two")
    async with rig.at_work(job(teller)):
        await rig.trigger()
        await teller.entered.wait()
        logged_at = rig.clock.wall_ms()
        await asyncio.sleep(2)
        lines = await kept(rig)
        teller.gate.set()
    assert [(line.text, line.level, line.place) for line in lines] == [
        ("one", logging.INFO, (1, 1)),
        ("two", logging.INFO, (1, 2)),
    ]
    assert {line.at for line in lines} == {logged_at}


async def test_what_is_logged_last_is_sent_when_the_handler_has_ended(rig: Rig) -> None:
    async def tells(run: RunContext) -> None:
        run.log.info("done")

    async with rig.at_work(job(tells)):
        await rig.trigger()
        await rig.until_run(RunState.SUCCEEDED)
        await asyncio.sleep(0.1)
        assert await texts(rig) == ["done"]


async def test_a_handler_that_logs_nothing_costs_no_call(rig: Rig) -> None:
    await ended(rig, rig.handlers.quick)
    assert rig.store.calls["append_logs"] == 0


async def test_many_lines_of_many_runs_are_one_call(rig: Rig) -> None:
    tellers = [Teller(*(f"{name} {n}" for n in range(50))) for name in ("a", "b", "c")]
    jobs = [job(teller, name) for teller, name in zip(tellers, ("a", "b", "c"), strict=True)]
    async with rig.at_work(*jobs):
        for name in ("a", "b", "c"):
            await rig.trigger(name)
        await asyncio.gather(*(teller.entered.wait() for teller in tellers))
        await asyncio.sleep(2)
        assert rig.store.calls["append_logs"] == 1
        for teller in tellers:
            teller.gate.set()


async def test_any_thread_of_a_handler_may_log(rig: Rig) -> None:
    def counts(run: RunContext, name: str) -> None:
        for number in range(100):
            run.log.info("%s %d", name, number)

    def spreads(run: RunContext) -> None:
        threads = [threading.Thread(target=counts, args=(run, name)) for name in "abc"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    await ended(rig, spreads)
    lines = await kept(rig)
    assert [line.place.number for line in lines] == list(range(1, 301))
    for name in "abc":
        of_thread = [line.text for line in lines if line.text.startswith(name)]
        assert of_thread == [f"{name} {number}" for number in range(100)]


async def test_each_attempt_has_lines_of_its_own(rig: Rig) -> None:
    async def fails_once(run: RunContext) -> None:
        run.log.info("attempt %d", run.attempt)
        if run.attempt == 1:
            raise ValueError

    async with rig.at_work(job(fails_once, retry=Retry(attempts=2))):
        await rig.trigger()
        await rig.until_run(RunState.SUCCEEDED)
    said = [line for line in await kept(rig) if line.level == logging.INFO]
    assert [(line.place, line.text) for line in said] == [
        ((1, 1), "attempt 1"),
        ((2, 1), "attempt 2"),
    ]


async def test_a_message_and_its_traceback_are_as_many_lines_as_they_have(rig: Rig) -> None:
    async def shrugs(run: RunContext) -> None:
        try:
            int("paper")
        except ValueError:
            run.log.exception("one\r\ntwo")

    await ended(rig, shrugs)
    first, second, head, *_, last = await kept(rig)
    assert (first.text, second.text) == ("one", "two")
    assert (head.text, last.text) == (
        "Traceback (most recent call last):",
        "ValueError: invalid literal for int() with base 10: 'paper'",
    )
    assert last.level == logging.ERROR


async def test_a_line_that_is_too_long_is_cut_and_says_so(rig: Rig) -> None:
    async def rambles(run: RunContext) -> None:
        run.log.info("ä" * MOST_LINE_BYTES)

    await ended(rig, rambles)
    (text,) = await texts(rig)
    assert len(text.encode()) <= MOST_LINE_BYTES
    assert text.endswith(f"ä [... {2 * MOST_LINE_BYTES - 4056:,} bytes dropped]")


@pytest.mark.parametrize(
    ("message", "arguments", "text"),
    [
        ("at %s", ["redis://:secret@host/0"], "at redis://:***@host/0"),
        ("get https://host/?token=secret&page=2", [], "get https://host/?token=***&page=2"),
        ("nul \0, half \ud800", [], "nul \N{REPLACEMENT CHARACTER}, half ?"),
        ("%d of %d", [1], "'%d of %d', with arguments that cannot be written"),
        ("", [], ""),
    ],
)
async def test_what_no_store_can_keep_or_nobody_should_read_is_not_kept(
    rig: Rig, message: str, arguments: list[object], text: str
) -> None:
    async def tells(run: RunContext) -> None:
        run.log.info(message, *arguments)

    await ended(rig, tells)
    assert await texts(rig) == [text]


async def test_below_info_is_kept_what_the_programs_logging_wants(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    async def tells(run: RunContext) -> None:
        for level in (logging.DEBUG, logging.INFO):
            run.log.log(level, "told")

    with caplog.at_level(logging.DEBUG, "cronfleet.run"):
        await ended(rig, tells)
    assert [line.level for line in await kept(rig)] == [logging.DEBUG, logging.INFO]
    told = [record for record in caplog.records if record.name == "cronfleet.run"]
    run = await rig.run()
    assert [(each.__dict__["run"], each.__dict__["token"]) for each in told] == [
        (str(run.id), run.token)
    ] * 2


async def test_the_programs_logging_is_told_no_more_than_it_wants(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    async def tells(run: RunContext) -> None:
        run.log.info("kept")
        run.log.error("kept, and told")

    await ended(rig, tells)
    assert await texts(rig) == ["kept", "kept, and told"]
    assert [each.getMessage() for each in caplog.records if each.name == "cronfleet.run"] == [
        "kept, and told"
    ]


# --- a store that does not answer


@pytest.mark.parametrize("fault", [lost_request, lost_answer])
async def test_a_call_without_an_answer_is_made_again_and_no_line_is_there_twice(
    rig: Rig, fault: object
) -> None:
    rig.store.next("append_logs", fault, fault)  # pyright: ignore[reportArgumentType] - one of the two
    teller = Teller("one", "two")
    async with rig.at_work(job(teller)):
        await rig.trigger()
        await teller.entered.wait()
        await asyncio.sleep(5)
        assert await texts(rig) == ["one", "two"]
        teller.gate.set()


async def test_while_the_store_is_away_no_more_is_held_than_it_would_keep(rig: Rig) -> None:
    teller = Teller(*(f"line {n}" for n in range(5_000)))
    async with rig.at_work(job(teller)):
        await rig.trigger()
        await teller.entered.wait()
        rig.store.is_away = True
        await asyncio.sleep(3)
        rig.store.is_away = False
        await asyncio.sleep(3)
        lines = await kept(rig)
        teller.gate.set()
    half = MOST_LOG_LINES // 2
    numbers = [line.place.number for line in lines]
    assert numbers == [*range(1, half + 1), *range(5_001 - half, 5_001)]


async def test_of_all_handlers_together_so_much_is_held_and_what_follows_is_counted(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cronfleet.engine.logbook.MOST_HELD_BYTES", 1_000)
    rig.store.broken["append_logs"] = StoreRefusedError("no right to")
    teller = Teller(*("x" * 100 for _ in range(50)))
    async with rig.at_work(job(teller)):
        await rig.trigger()
        await teller.entered.wait()
        await asyncio.sleep(3)
        assert await texts(rig) == []
        rig.store.broken.clear()
        await asyncio.sleep(2)
        teller.runs[0].log.info("there is room again")
        await asyncio.sleep(2)
        numbers = [line.place.number for line in await kept(rig)]
        teller.gate.set()
    assert numbers == [1, 2, 3, 4, 5, 51]
    assert MOST_HELD_BYTES > 1_000_000


async def test_a_store_that_is_slow_has_time_for_other_things(rig: Rig) -> None:
    """What is kept of many long logs is much to look at, and all the fleet waits meanwhile."""
    sends: list[float] = []

    async def slowly(parts: Sequence[LogPart]) -> None:
        sends.append(rig.clock.wall_ms())
        await asyncio.sleep(0.5)

    async def chatters(run: RunContext) -> None:
        while not rig.handlers.gate.is_set():
            run.log.info("on and on")
            await asyncio.sleep(0.1)

    rig.store.append_logs = slowly
    async with rig.at_work(job(chatters)):
        await rig.trigger()
        await asyncio.sleep(40)
        rig.handlers.gate.set()
        stopped_at = rig.clock.wall_ms()
    assert 6 <= len([at for at in sends if at <= stopped_at]) <= 8
    assert sends[-1] - stopped_at < 1_000


async def test_long_logs_are_sent_few_at_a_time(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cronfleet.engine.logbook.MOST_KEPT_AT_ONCE", 100)
    names = ["a", "b", "c"]
    tellers = [Teller(*("x" for _ in range(60))) for _ in names]
    async with rig.at_work(*map(job, tellers, names)):
        for name in names:
            await rig.trigger(name)
        await asyncio.gather(*(teller.entered.wait() for teller in tellers))
        await asyncio.sleep(2)
        assert rig.store.calls["append_logs"] == 2
        for teller in tellers:
            teller.gate.set()


async def test_it_is_said_once_that_a_store_does_not_take_lines(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.store.broken["append_logs"] = StoreRefusedError("no right to")
    async with rig.at_work(job(Teller("one"))):
        await rig.trigger()
        await asyncio.sleep(20)
    said = [each.getMessage() for each in caplog.records if "handlers log" in each.getMessage()]
    assert said == ["what handlers log is not kept until the store takes it: no right to"]


async def test_an_instance_that_ends_waits_for_the_store_no_longer_than_a_call(rig: Rig) -> None:
    async def tells(run: RunContext) -> None:
        run.log.info("lost")

    async with rig.at_work(job(tells)):
        await rig.trigger()
        rig.store.broken["append_logs"] = StoreRefusedError("no right to")
        await rig.until_run(RunState.SUCCEEDED)
        stopped_at = rig.clock.wall_ms()
    assert rig.clock.wall_ms() - stopped_at <= rig.times.call_ms
    assert await texts(rig) == []


async def test_what_is_logged_when_the_handler_is_over_is_not_kept(rig: Rig) -> None:
    left: list[RunContext] = []

    async def leaves(run: RunContext) -> None:
        left.append(run)

    async with rig.at_work(job(leaves)):
        await rig.trigger()
        await rig.until_run(RunState.SUCCEEDED)
        left[0].log.error("too late")
        await asyncio.sleep(2)
    left[0].log.error("far too late")
    assert await texts(rig) == []


async def test_a_handler_that_outlives_its_instance_keeps_nobody_at_work(rig: Rig) -> None:
    """Its thread goes on, and what it logs has nowhere to go."""
    left: list[RunContext] = []

    async def leaves(run: RunContext) -> None:
        left.append(run)
        while not rig.handlers.gate.is_set():
            with suppress(asyncio.CancelledError):
                await rig.handlers.gate.wait()

    async with rig.at_work(job(leaves)):
        await rig.trigger()
        await rig.until(lambda: bool(left))
    rig.store.broken["append_logs"] = StoreRefusedError("it is not open")
    left[0].log.error("far too late")
    await asyncio.sleep(60)
    assert rig.store.calls["append_logs"] == 0
    rig.handlers.gate.set()


async def test_a_level_of_the_programs_own_is_kept_as_far_as_stores_can(rig: Rig) -> None:
    async def shouts(run: RunContext) -> None:
        run.log.log(10**30, "loud")

    await ended(rig, shouts)
    assert [line.level for line in await kept(rig)] == [2**31 - 1]


@pytest.mark.parametrize("flood", ["x", "x=&", "?pw"])
def test_a_flood_in_one_line_holds_up_nobody(flood: str) -> None:
    record = logging.LogRecord("n", logging.INFO, "p", 1, f"see a://b?{flood * 300_000}", (), None)
    began = time.process_time()
    (line,) = texts_of(record)
    assert time.process_time() - began < 2
    assert len(line.encode()) <= MOST_LINE_BYTES
