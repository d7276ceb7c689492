"""When more is due than is started, somebody is told, once, until that is over for long."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from cronfleet import cron
from cronfleet.engine import peeking
from cronfleet.engine.backlog import BEHIND_MS, Backlog
from cronfleet.engine.instance import Instance
from cronfleet.engine.seats import Free, Seats
from cronfleet.engine.spells import LONGEST_APART_MS, QUIET_MS
from cronfleet.events import AlertKind
from cronfleet.store import Seen
from tests.unit.engine.choosing import (
    BACKUP,
    MANY,
    NOON_MS,
    PRINTER,
    REPORT,
    known,
    pending,
    seen,
    tick,
)
from tests.unit.engine.choosing import job as make
from tests.unit.engine.rig import Rig, job
from tests.unit.engine.test_janitor import HOURLY

LATE = NOON_MS + BEHIND_MS
BEHIND = seen(tick(REPORT), now=LATE)
NONE_FREE = Free(0, 0)
ZONED = make("zoned", cron("* * * * *", tz="Europe/Berlin"))


def saw(
    backlog: Backlog, *pages: Seen, now: int, free: Free = MANY, only_utc: bool = False
) -> bool:
    return backlog.saw(pages, free, now, only_utc=only_utc)


def fell_behind(
    backlog: Backlog, *pages: Seen, free: Free = MANY, only_utc: bool = False, now: int = 0
) -> bool:
    """It is seen twice, as long apart as it takes to be no burst."""
    assert not saw(backlog, *pages, free=free, only_utc=only_utc, now=now)
    return saw(backlog, *pages, free=free, only_utc=only_utc, now=now + BEHIND_MS)


def well(backlog: Backlog, since: int, until: int) -> None:
    """Nothing is due whenever it is looked at, each second."""
    for now in range(since, until + 1, 1_000):
        assert not saw(backlog, seen(now=LATE), now=now)


def test_what_is_due_for_long_and_for_long_again_is_too_much() -> None:
    backlog = Backlog(known(REPORT))
    assert not saw(backlog, BEHIND, now=0)
    assert not saw(backlog, BEHIND, now=BEHIND_MS - 1)
    assert backlog.job == ""
    assert saw(backlog, BEHIND, now=BEHIND_MS)
    assert backlog.job == "report"
    assert "has been due for 5 s, and more is due than is started" in backlog.said


def test_it_is_told_once_for_a_row_of_bursts_though_each_is_shown() -> None:
    backlog = Backlog(known(REPORT))
    assert fell_behind(backlog, BEHIND)
    for burst in range(10, 60, 10):
        well(backlog, (burst - 5) * 1_000, burst * 1_000)
        assert backlog.job == ""
        assert not fell_behind(backlog, BEHIND, now=burst * 1_000)
        assert backlog.job == "report"


def test_it_is_over_and_may_be_told_again_when_all_was_well_for_long(
    caplog: pytest.LogCaptureFixture,
) -> None:
    backlog = Backlog(known(REPORT))
    assert fell_behind(backlog, BEHIND)
    over = BEHIND_MS + 1_000 + QUIET_MS
    well(backlog, BEHIND_MS + 1_000, over - 1_000)
    assert "no longer overloaded" not in caplog.text
    well(backlog, over, over)
    assert "no longer overloaded: for 600 s nothing was due for long" in caplog.text
    assert fell_behind(backlog, BEHIND, now=over + 1_000)


def test_after_an_outage_what_is_long_due_is_not_too_much_if_it_goes_at_once() -> None:
    backlog = Backlog(known(REPORT))
    assert not saw(backlog, seen(tick(REPORT), now=LATE + 3_600_000), now=0)
    assert not saw(backlog, seen(now=LATE), now=10)
    assert not saw(backlog, BEHIND, now=BEHIND_MS)


def test_an_outage_that_began_while_something_was_due_is_no_load_either() -> None:
    backlog, over = Backlog(known(REPORT)), 3_600_000
    assert not saw(backlog, BEHIND, now=0)
    assert not saw(backlog, BEHIND, now=over)
    assert not saw(backlog, BEHIND, now=over + BEHIND_MS - 1)
    assert saw(backlog, BEHIND, now=over + BEHIND_MS)


def test_what_was_too_much_before_an_outage_is_not_said_after_it_before_that_is_sure() -> None:
    backlog, over = Backlog(known(REPORT)), 3_600_000
    assert fell_behind(backlog, BEHIND)
    assert not saw(backlog, BEHIND, now=over)
    assert backlog.job == ""
    assert not saw(backlog, BEHIND, now=over + BEHIND_MS)
    assert backlog.job == "report"


def test_what_is_not_known_here_is_no_load_of_ours_and_hides_nothing() -> None:
    assert not fell_behind(Backlog(known(REPORT)), seen(tick(BACKUP), now=LATE))
    backlog = Backlog(known(REPORT))
    assert fell_behind(backlog, seen(tick(BACKUP), now=LATE), BEHIND)
    assert backlog.job == "report"


def test_a_run_that_waits_the_longest_is_the_one_that_is_named() -> None:
    backlog = Backlog(known(REPORT, BACKUP))
    assert fell_behind(backlog, seen(tick(REPORT), pending=[pending(BACKUP)], now=LATE))
    assert backlog.job == "backup"  # Its not-before is 0 here.


def test_it_says_which_seats_are_missing() -> None:
    backlog = Backlog(known(PRINTER))
    assert fell_behind(backlog, seen(tick(PRINTER), now=LATE), free=Free(9, 0))
    assert "all threads of this instance are taken" in backlog.said


def test_what_an_instance_with_old_zone_rules_leaves_to_others_that_do_not_run_it_is_told_so() -> (
    None
):
    """Those with newer rules may be of another program: then nobody runs it."""
    backlog = Backlog(known(ZONED, REPORT))
    assert fell_behind(backlog, seen(tick(ZONED), now=LATE), free=NONE_FREE, only_utc=True)
    assert backlog.job == "zoned"
    assert "this instance leaves it to others" in backlog.said
    assert "pip install --upgrade tzdata" in backlog.said
    assert "are taken" not in backlog.said


def test_what_is_left_to_others_hides_nothing_that_is_run_here() -> None:
    backlog = Backlog(known(ZONED, REPORT))
    both = seen(tick(ZONED, NOON_MS - 1), tick(REPORT), now=LATE)
    assert fell_behind(backlog, both, only_utc=True)
    assert backlog.job == "report"
    assert not saw(backlog, both, now=BEHIND_MS + 1)
    assert backlog.job == "zoned"  # The rules here are the newest now: it is the oldest.
    assert "leaves it" not in backlog.said


async def test_a_full_instance_knows_how_far_it_is_behind_and_comes_back_by_itself(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    jobs = [job(rig.handlers.gated, f"job-{n}", schedule=HOURLY) for n in range(3)]
    async with rig.at_work(*jobs) as instance:
        instance._seats = Seats(coroutines=2, threads=0, processes=0)
        for each in jobs:
            await rig.trigger(each.definition.name)
        await asyncio.sleep(3 * BEHIND_MS / 1000)
        (alert,) = rig.alerts
        assert (alert.kind, alert.job) == (AlertKind.OVERLOADED, "job-2")
        assert "all coroutines of this instance are taken" in alert.said
        assert instance.backlog.startswith("job-2: it has been due for ")
        rig.handlers.gate.set()
        await asyncio.sleep(2)
        assert len(rig.handlers.ended) == 3
        assert instance.backlog == ""
        await asyncio.sleep(QUIET_MS / 1000)
        assert len(rig.alerts) == 1
    assert "no longer overloaded" in caplog.text


async def test_what_was_too_much_is_not_said_while_nobody_looks(rig: Rig) -> None:
    async with overloaded(rig) as instance:
        rig.store.is_away = True
        await rig.until(lambda: bool(instance.trouble))
        assert instance.backlog == ""
        await asyncio.sleep(LONGEST_APART_MS / 1000)
        rig.store.is_away = False
        await rig.until(lambda: not instance.trouble)
        assert instance.backlog == ""
        await rig.until(lambda: bool(instance.backlog))
        instance.stop()
        assert instance.backlog == ""
        rig.handlers.gate.set()


@asynccontextmanager
async def overloaded(rig: Rig) -> AsyncGenerator[Instance]:
    """With one seat, and two runs that do not end."""
    async with rig.at_work(job(rig.handlers.gated, schedule=HOURLY, max_active=2)) as instance:
        instance._seats = Seats(coroutines=1, threads=0, processes=0)
        for _ in range(2):
            await rig.trigger()
        await rig.until(lambda: bool(instance.backlog))
        yield instance


async def test_a_full_instance_looks_past_what_it_does_not_know(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peeking, "PEEKED_WHEN_FULL", 1)
    ours = [job(rig.handlers.gated, f"job-{n}", schedule=HOURLY) for n in range(2)]
    async with rig.at_work(*ours) as instance:
        instance._seats = Seats(coroutines=1, threads=0, processes=0)
        await rig.trigger("job-0")
        await rig.until(lambda: bool(rig.handlers.entered))
        await rig.declare(job(rig.handlers.quick, "theirs", schedule=HOURLY))
        await rig.trigger("theirs")
        await asyncio.sleep(0.1)
        await rig.trigger("job-1")
        await asyncio.sleep(3 * BEHIND_MS / 1000)
        assert [alert.job for alert in rig.alerts] == ["job-1"]
        rig.handlers.gate.set()
