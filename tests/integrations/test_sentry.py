"""What arrives at Sentry, by the SDK itself and a server that takes its envelopes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sentry_sdk

from cronfleet import ConfigurationError, Retry, RunContext, Schedule, Scheduler, at, cron, every
from cronfleet.events import Attempt, AttemptEnded, AttemptStarted, Event, RunTakenBack
from cronfleet.integrations.sentry import begin, listen
from cronfleet.integrations.sentry.monitors import MARGIN_MIN, check_in_id, monitor, slug
from tests.apps.processes import RUN, Process
from tests.integrations.sentry_server import Sentry, a_sentry

NEVER = cron("0 0 1 1 *")
SECRET = "hunt\\er2!"


@pytest.fixture
def sentry() -> Iterator[Sentry]:
    with a_sentry() as server:
        begin(server.dsn, secrets=[SECRET])
        yield server
        sentry_sdk.get_client().close(timeout=2)
        sentry_sdk.get_global_scope().set_client(None)


async def fails(run: RunContext) -> None:
    password = SECRET
    raise RuntimeError(f"no paper at postgresql://anna:{password}@host/db")


async def run_once(scheduler: Scheduler) -> None:
    await scheduler.trigger("report")
    while True:
        if any(run.attempt and run.started_at for run in await scheduler.runs("report")):
            return
        await asyncio.sleep(0)


def tags(event: Any) -> dict[str, str]:
    return dict(event["tags"])


# --- a whole instance


async def test_a_failed_attempt_arrives_with_its_job_run_and_attempt(sentry: Sentry) -> None:
    scheduler = Scheduler("memory:")
    scheduler.add_job(fails, NEVER, "report", args={"page": 7})
    listen(scheduler)
    async with scheduler:
        await run_once(scheduler)
        event = await asyncio.to_thread(sentry.next, "event")
        (run,) = await scheduler.runs("report")
    assert tags(event) == {
        "job": "report",
        "run": run.id,
        "kind": "manual",
        "attempt": "1",
        "outcome": "failed",
    }
    assert event["level"] == "error"
    (raised,) = event["exception"]["values"]
    assert raised["type"] == "RuntimeError"
    assert raised["stacktrace"]["frames"][-1]["function"] == "fails"


async def test_no_secret_leaves_and_no_argument_unless_asked(sentry: Sentry) -> None:
    scheduler = Scheduler("memory:")
    scheduler.add_job(fails, NEVER, "report", args={"page": "seven-and-a-half"})
    listen(scheduler)
    async with scheduler:
        await run_once(scheduler)
        await asyncio.to_thread(sentry.next, "event")
    sent = "".join(sentry.raw)
    assert "no paper" in sent
    assert SECRET not in sent
    assert '"vars"' not in sent
    assert "seven-and-a-half" not in sent


async def test_a_secret_is_hidden_however_it_is_written(sentry: Sentry) -> None:
    async def refuses(_: RunContext) -> None:
        raise LookupError({"login": SECRET})

    scheduler = Scheduler("memory:")
    scheduler.add_job(refuses, NEVER, "report")
    listen(scheduler)
    async with scheduler:
        await run_once(scheduler)
        await asyncio.to_thread(sentry.next, "event")
    sent = "".join(sentry.raw)
    assert "{'login': '***'}" in sent
    assert "r2!" not in sent


async def test_arguments_are_sent_when_asked_but_for_those_that_are_secret(sentry: Sentry) -> None:
    scheduler = Scheduler("memory:")
    args = {"page": 7, "login": {"user": "anna", "password": "tr0ub4dor"}}
    scheduler.add_job(fails, NEVER, "report", args=args)
    listen(scheduler, arguments=True)
    async with scheduler:
        await run_once(scheduler)
        event = await asyncio.to_thread(sentry.next, "event")
    assert event["contexts"]["run"]["arguments"]["page"] == 7
    assert event["contexts"]["run"]["arguments"]["login"]["user"] == "anna"
    assert "tr0ub4dor" not in "".join(sentry.raw)


async def test_an_attempt_with_a_retry_to_come_is_a_warning(sentry: Sentry) -> None:
    scheduler, hour = Scheduler("memory:"), timedelta(hours=1)
    scheduler.add_job(fails, NEVER, "report", retry=Retry(attempts=2, first=hour, most=hour))
    listen(scheduler)
    async with scheduler:
        await run_once(scheduler)
        event = await asyncio.to_thread(sentry.next, "event")
    assert event["level"] == "warning"


# --- event by event


class Told:
    """In the place of a scheduler: what listens is called by the test."""

    def listen(self, listener: Callable[[Event], object]) -> None:
        self.hear = listener


def attempt_of(schedule: Schedule, *, kind: str = "tick", number: int = 1) -> Attempt:
    began = datetime(2026, 1, 1, tzinfo=UTC)
    return Attempt("report", "report@0", kind, began, number, 1, schedule, None, {})


def hear(*events: Event, **options: bool) -> None:
    told = Told()
    listen(told, **options)  # pyright: ignore[reportArgumentType] - all that it is asked for
    for event in events:
        told.hear(event)


def ended(attempt: Attempt, outcome: str, retry_in_s: float | None = None) -> AttemptEnded:
    return AttemptEnded(attempt, outcome, 1, retry_in_s, is_recorded=True, error="no answer")


def test_a_tick_checks_in_when_it_begins_and_when_it_ends(sentry: Sentry) -> None:
    attempt = attempt_of(cron("*/5 * * * *", tz="Europe/Berlin"))
    hear(AttemptStarted(attempt, 0.1), ended(attempt, "succeeded"))
    begun, over = sentry.next("check_in"), sentry.next("check_in")
    assert (begun["status"], over["status"], over["duration"]) == ("in_progress", "ok", 1)
    assert begun["check_in_id"] == over["check_in_id"] == check_in_id("report@0")
    assert begun["monitor_slug"] == "report"
    assert begun["monitor_config"]["schedule"] == {"type": "crontab", "value": "*/5 * * * *"}
    assert begun["monitor_config"]["timezone"] == "Europe/Berlin"


def test_a_tick_that_fails_checks_in_as_an_error_once_its_retries_are_over(sentry: Sentry) -> None:
    first, second = attempt_of(every(timedelta(hours=1))), attempt_of(every(timedelta(hours=1)))
    hear(ended(first, "failed", retry_in_s=10), ended(second, "failed"))
    assert sentry.next("check_in")["status"] == "error"
    sentry_sdk.flush(timeout=5)
    assert "check_in" not in [kind for kind, _ in list(sentry.items.queue)]


def test_what_a_person_triggered_is_no_tick_that_was_expected(sentry: Sentry) -> None:
    manual, tick = attempt_of(NEVER, kind="manual"), attempt_of(NEVER)
    hear(AttemptStarted(manual, 0), ended(manual, "succeeded"), AttemptStarted(tick, 0))
    assert sentry.next("check_in")["status"] == "in_progress"
    sentry_sdk.flush(timeout=5)
    assert sentry.items.empty()


def test_check_ins_can_be_left_out(sentry: Sentry) -> None:
    attempt = attempt_of(NEVER)
    hear(AttemptStarted(attempt, 0), ended(attempt, "timed_out"), check_ins=False)
    assert sentry.next("event")["message"] == "report timed_out: no answer"
    sentry_sdk.flush(timeout=5)
    assert sentry.items.empty()


def test_what_an_operator_cancelled_is_no_error(sentry: Sentry) -> None:
    hear(ended(attempt_of(NEVER), "cancelled"))
    assert sentry.next("check_in")["status"] == "error"
    sentry_sdk.flush(timeout=5)
    assert sentry.items.empty()


def test_a_run_that_died_with_its_instance_is_told_by_who_found_it(sentry: Sentry) -> None:
    hear(RunTakenBack("report", "report@0", "pending"), RunTakenBack("report", "report@9", "lost"))
    assert tags(sentry.next("event")) == {"job": "report", "run": "report@9"}


def test_cronfleet_run_tells_the_sentry_that_its_settings_name(
    sentry: Sentry, tmp_path: Path
) -> None:
    (tmp_path / "jobs.toml").write_text(
        'program = "test"\n[jobs.broken]\nschedule = "* * * * * *"\ncommand = ["false"]\n'
    )
    with Process(tmp_path, *RUN, "jobs.toml", SENTRY_DSN=sentry.dsn):
        event = sentry.next("event")
    assert tags(event)["job"] == "broken"
    assert event["release"].startswith("cronfleet@")


def test_a_dsn_that_is_none_is_refused_with_its_setting() -> None:
    with pytest.raises(ConfigurationError, match="SENTRY_DSN"):
        begin("not a dsn")


# --- schedules


@pytest.mark.parametrize(
    ("schedule", "told"),
    [
        (cron("30 2 * * MON-FRI"), {"type": "crontab", "value": "30 2 * * MON-FRI"}),
        (cron("@daily"), {"type": "crontab", "value": "0 0 * * *"}),
        (every(timedelta(minutes=90)), {"type": "interval", "value": 90, "unit": "minute"}),
        (every(timedelta(hours=2)), {"type": "interval", "value": 2, "unit": "hour"}),
        (every(timedelta(days=7)), {"type": "interval", "value": 7, "unit": "day"}),
    ],
)
def test_a_schedule_is_told_in_sentry_s_words(schedule: Schedule, told: dict[str, object]) -> None:
    found = monitor("report", schedule, None)
    assert found is not None
    assert found["schedule"] == told


@pytest.mark.parametrize(
    "schedule",
    [
        cron("*/10 * * * * *"),
        cron("0 0 L * *"),
        cron("0 0 * * FRI#2"),
        cron("0 0 15W * *"),
        cron("0 0 0 1 1 * 2030"),
        every(timedelta(seconds=30)),
        at(datetime(2030, 1, 1, tzinfo=UTC)),
    ],
)
def test_what_sentry_has_no_words_for_does_not_check_in(schedule: Schedule) -> None:
    assert monitor("report", schedule, None) is None


def test_an_h_is_told_as_the_number_that_it_stands_for() -> None:
    found = monitor("report", cron("H 3 * * *").for_job("report"), None)
    assert found is not None
    assert found["schedule"]["value"].split()[0].isdigit()


def test_the_longest_run_is_a_little_over_the_time_limit() -> None:
    found = monitor("report", NEVER, timeout_s=600)
    assert found is not None
    assert found["max_runtime"] == 11


@pytest.mark.parametrize(
    ("job", "begins"), [("report", "report"), ("Mail/daily", "mail-daily-"), ("x" * 90, "x" * 43)]
)
def test_a_slug_has_only_what_sentry_allows(job: str, begins: str) -> None:
    found = slug(job)
    assert found.startswith(begins)
    assert len(found) <= 50
    assert set(found) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-")


def test_two_jobs_never_share_a_slug() -> None:
    names = ["mail/daily", "mail.daily", "Mail-daily", "mail-daily"]
    assert len({slug(name) for name in names}) == len(names)


def test_a_tick_with_jitter_is_missed_only_after_that() -> None:
    found = monitor("report", NEVER, None, jitter_s=90)
    assert found is not None
    assert found["checkin_margin"] == MARGIN_MIN + 2


async def test_the_jitter_of_a_job_is_told_with_its_attempts() -> None:
    scheduler = Scheduler("memory:")
    scheduler.add_job(fails, NEVER, "report", jitter=timedelta(seconds=90))
    heard: list[Event] = []
    scheduler.listen(heard.append)
    async with scheduler:
        await run_once(scheduler)
    assert [e.attempt.jitter_s for e in heard if isinstance(e, AttemptStarted)] == [90]
