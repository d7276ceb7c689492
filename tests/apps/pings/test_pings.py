"""What a service like healthchecks.io is told, by a real server on this machine."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest

from cronfleet import ConfigurationError, RunContext, Scheduler, cron
from cronfleet.apps.pings import Pings
from cronfleet.apps.pings.asking import Checks, ping_of
from cronfleet.events import Attempt, AttemptEnded, AttemptStarted, RunTakenBack
from tests.apps.job_file.web import Conversation, Web, a_web
from tests.apps.processes import RUN, Process

NEVER = cron("0 0 1 1 *")
LOOPBACK = (ip_network("127.0.0.1"),)
MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def web() -> Iterator[Web]:
    with a_web() as web:
        yield web


@pytest.fixture
def scheduler() -> Scheduler:
    return Scheduler("memory:")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cronfleet.apps.pings.pings.REST_S", 0)


async def fine(_: RunContext) -> None: ...


async def fails(_: RunContext) -> None:
    raise RuntimeError("no paper")


async def run_once(scheduler: Scheduler, job: str) -> None:
    await scheduler.trigger(job)
    while True:
        if any(run.outcome for run in await scheduler.runs(job)):
            return
        await asyncio.sleep(0)


def pinging(scheduler: Scheduler, checks: Checks) -> Pings:
    return Pings(scheduler, checks, networks=LOOPBACK)


async def pinged(scheduler: Scheduler, pings: Pings, *jobs: str) -> None:
    """Each of the jobs has run, and all is told."""
    async with scheduler:
        for job in jobs or ["report"]:
            await run_once(scheduler, job)
    await pings.aclose()


def paths(web: Web) -> list[str]:
    return [urlsplit(asked.path).path for asked in web.asked]


# --- what is told


async def test_a_run_is_told_when_it_begins_and_when_it_succeeds(
    web: Web, scheduler: Scheduler
) -> None:
    scheduler.add_job(fine, NEVER, "Mail/report")
    await pinged(scheduler, pinging(scheduler, web.url("/key/{job}")), "Mail/report")
    assert paths(web) == ["/key/mail-report/start", "/key/mail-report"]
    begun, ended = (parse_qs(urlsplit(asked.path).query) for asked in web.asked)
    assert begun == ended
    assert UUID(begun["rid"][0])
    assert web.asked[1].body.endswith(" succeeded")


async def test_a_run_that_fails_is_told_without_what_it_said(
    web: Web, scheduler: Scheduler
) -> None:
    scheduler.add_job(fails, NEVER, "report")
    await pinged(scheduler, pinging(scheduler, web.url("/{job}")))
    assert paths(web) == ["/report/start", "/report/fail"]
    assert "no paper" not in web.asked[1].body


async def test_each_job_has_a_check_of_its_own_or_none(web: Web, scheduler: Scheduler) -> None:
    for name in ("report", "other"):
        scheduler.add_job(fine, NEVER, name)
    await pinged(scheduler, pinging(scheduler, {"report": web.url("/a-b-c/")}), "other", "report")
    assert paths(web) == ["/a-b-c/start", "/a-b-c"]


def attempt(number: int = 1, kind: str = "tick") -> Attempt:
    return Attempt("report", "report@0", kind, MIDNIGHT, number, 1, NEVER, None, {})


def ended(outcome: str, retry_in_s: float | None = None, kind: str = "tick") -> AttemptEnded:
    told = attempt(kind=kind)
    return AttemptEnded(told, outcome, 1, retry_in_s, is_recorded=True, error="no paper")


@pytest.mark.parametrize(
    ("event", "ending"),
    [
        (AttemptStarted(attempt(), 0), "/start"),
        (AttemptStarted(attempt(number=2), None), None),
        (AttemptStarted(attempt(kind="backfill"), None), None),
        (ended("succeeded"), ""),
        (ended("timed_out"), "/fail"),
        (ended("failed", retry_in_s=3), None),
        (ended("failed", kind="backfill"), None),
        (RunTakenBack("report", "report@0", "lost"), "/fail"),
        (RunTakenBack("report", "report@0", "pending"), None),
    ],
)
def test_a_run_begins_once_and_ends_once_whatever_its_attempts(
    event: AttemptStarted | AttemptEnded | RunTakenBack, ending: str | None
) -> None:
    ping = ping_of(event)
    assert (None if ping is None else ping.ending) == ending


# --- how


class Gate:
    """A server that answers nobody before it is opened."""

    def __init__(self, web: Web) -> None:
        self._is_open = threading.Event()
        self.answered: list[str] = []
        web.answer = self._answer

    def open(self) -> None:
        self._is_open.set()

    def _answer(self, handler: Conversation) -> None:
        assert self._is_open.wait(20)
        self.answered.append(urlsplit(handler.path).path)
        handler.say(200)


async def test_a_run_waits_for_no_ping_and_no_end_overtakes_its_start(
    web: Web, scheduler: Scheduler
) -> None:
    gate = Gate(web)
    scheduler.add_job(fine, NEVER, "report")
    pings = pinging(scheduler, web.url("/{job}"))
    async with scheduler:
        await run_once(scheduler, "report")
        assert gate.answered == []
        gate.open()
    await pings.aclose()
    assert gate.answered == ["/report/start", "/report"]


async def test_what_did_not_arrive_is_told_again(web: Web, scheduler: Scheduler) -> None:
    answers = iter([500, 200, 200])
    web.answer = lambda handler: handler.say(next(answers))
    scheduler.add_job(fine, NEVER, "report")
    await pinged(scheduler, pinging(scheduler, web.url("/{job}")))
    assert paths(web) == ["/report/start", "/report/start", "/report"]


async def test_at_the_end_what_is_under_way_is_not_waited_for_long(
    web: Web, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cronfleet.apps.pings.pings.FAREWELL_S", 0.1)
    gate = Gate(web)
    scheduler.add_job(fine, NEVER, "report")
    await pinged(scheduler, pinging(scheduler, web.url("/{job}")))
    assert gate.answered == []
    gate.open()


async def test_a_service_that_is_away_is_told_of_in_the_log_without_its_address(
    scheduler: Scheduler, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    scheduler.add_job(fine, NEVER, "report")
    await pinged(scheduler, pinging(scheduler, "http://127.0.0.1:1/my-secret-key/{job}"))
    assert "job report could not be pinged: no connection" in caplog.text
    assert "my-secret-key" not in caplog.text


async def test_no_more_wait_than_a_service_that_is_away_is_worth(
    web: Web,
    scheduler: Scheduler,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("cronfleet.apps.pings.pings.MOST_WAITING", 1)
    gate = Gate(web)
    scheduler.add_job(fine, NEVER, "report")
    pings = pinging(scheduler, web.url("/{job}"))
    async with scheduler:
        await run_once(scheduler, "report")
        gate.open()
    await pings.aclose()
    assert "report is not pinged: 1 pings wait already" in caplog.text
    assert paths(web) == ["/report/start"]


def test_cronfleet_run_pings_what_its_settings_name(web: Web, tmp_path: Path) -> None:
    told = threading.Event()

    def answer(handler: Conversation) -> None:
        handler.say(200)
        if "/fail" in handler.path:
            told.set()

    web.answer = answer
    (tmp_path / "jobs.toml").write_text(
        'program = "test"\n[jobs.broken]\nschedule = "* * * * * *"\ncommand = ["false"]\n'
    )
    settings = {"PING_URL": web.url("/{job}"), "PING_ALLOW_NETWORKS": "10.0.0.0/8, 127.0.0.1"}
    with Process(tmp_path, *RUN, "jobs.toml", **settings):
        assert told.wait(30)
    assert paths(web)[:2] == ["/broken/start", "/broken/fail"]


# --- where


async def test_only_public_addresses_are_asked_unless_others_are_named(
    web: Web, scheduler: Scheduler, caplog: pytest.LogCaptureFixture
) -> None:
    scheduler.add_job(fine, NEVER, "report")
    await pinged(scheduler, Pings(scheduler, web.url("/{job}")))
    assert web.asked == []
    assert "not of the public Internet: name its network in PING_ALLOW_NETWORKS" in caplog.text


async def test_a_redirect_to_another_host_is_not_followed(web: Web, scheduler: Scheduler) -> None:
    target = web.url("/elsewhere", host="localhost")
    web.answer = lambda handler: handler.say(302, Location=target)
    scheduler.add_job(fine, NEVER, "report")
    await pinged(scheduler, pinging(scheduler, web.url("/{job}")))
    assert set(paths(web)) == {"/report/start", "/report"}


@pytest.mark.parametrize(
    ("checks", "words"),
    [
        ("https://hc-ping.com/key", "needs {job}"),
        ("ftp://hc-ping.com/{job}", "must begin with https://"),
        ("https://anna:secret@hc-ping.com/{job}", "without a login"),
        ({"report": "hc-ping.com/uuid"}, "must begin with https://"),
    ],
)
def test_what_is_no_address_is_refused_at_once(
    scheduler: Scheduler, checks: Checks, words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words) as refused:
        Pings(scheduler, checks)
    assert "secret" not in str(refused.value)
