"""When more is due than is started, somebody is told, once, until that is over."""

from __future__ import annotations

import asyncio
import logging

import pytest

from cronfleet.engine import peeking
from cronfleet.engine.backlog import BEHIND_MS, Backlog
from cronfleet.engine.seats import Free, Seats
from cronfleet.events import AlertKind
from cronfleet.store import Seen
from tests.unit.engine.rig import Rig, job
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
from tests.unit.engine.test_janitor import HOURLY

LATE = NOON_MS + BEHIND_MS
NONE_FREE = Free(0, 0)


def fell_behind(backlog: Backlog, *pages: Seen, free: Free = MANY) -> bool:
    """It is seen twice, as long apart as it takes to be no burst."""
    assert not backlog.saw(pages, free, 0)
    return backlog.saw(pages, free, BEHIND_MS)


def test_what_is_due_for_long_and_for_long_again_is_too_much() -> None:
    backlog = Backlog(known(REPORT))
    page = seen(tick(REPORT), now=LATE)
    assert not backlog.saw([page], MANY, 0)
    assert not backlog.saw([page], MANY, BEHIND_MS - 1)
    assert backlog.job == ""
    assert backlog.saw([page], MANY, BEHIND_MS)
    assert backlog.job == "report"
    assert "has been due for 5 s, and more is due than is started" in backlog.said


def test_it_is_told_once_until_it_is_over() -> None:
    backlog = Backlog(known(REPORT))
    page = seen(tick(REPORT), now=LATE)
    assert fell_behind(backlog, page)
    assert not backlog.saw([page], MANY, 2 * BEHIND_MS)
    assert not backlog.saw([seen(now=LATE)], MANY, 2 * BEHIND_MS)
    assert backlog.job == ""
    assert fell_behind(backlog, page)


def test_after_an_outage_what_is_long_due_is_not_too_much_if_it_goes_at_once() -> None:
    backlog = Backlog(known(REPORT))
    assert not backlog.saw([seen(tick(REPORT), now=LATE + 3_600_000)], MANY, 0)
    assert not backlog.saw([seen(now=LATE)], MANY, 10)
    assert not backlog.saw([seen(tick(REPORT), now=LATE)], MANY, BEHIND_MS)


def test_an_outage_that_began_while_something_was_due_is_no_load_either() -> None:
    backlog = Backlog(known(REPORT))
    page, over = seen(tick(REPORT), now=LATE), 3_600_000
    assert not backlog.saw([page], MANY, 0)
    assert not backlog.saw([page], MANY, over)
    assert not backlog.saw([page], MANY, over + BEHIND_MS - 1)
    assert backlog.saw([page], MANY, over + BEHIND_MS)


def test_what_is_not_known_here_is_no_load_of_ours_and_hides_nothing() -> None:
    assert not fell_behind(Backlog(known(REPORT)), seen(tick(BACKUP), now=LATE))
    backlog = Backlog(known(REPORT))
    pages = [seen(tick(BACKUP), now=LATE), seen(tick(REPORT), now=LATE)]
    assert fell_behind(backlog, *pages)
    assert backlog.job == "report"


def test_a_run_that_waits_the_longest_is_the_one_that_is_named() -> None:
    backlog = Backlog(known(REPORT, BACKUP))
    assert fell_behind(backlog, seen(tick(REPORT), pending=[pending(BACKUP)], now=LATE))
    assert backlog.job == "backup"  # Its not-before is 0 here.


def test_it_says_which_seats_are_missing() -> None:
    backlog = Backlog(known(PRINTER))
    assert fell_behind(backlog, seen(tick(PRINTER), now=LATE), free=Free(9, 0))
    assert "all threads of this instance are taken" in backlog.said


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
    assert "no longer overloaded" in caplog.text


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
