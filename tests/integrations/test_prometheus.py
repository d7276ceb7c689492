"""What Prometheus reads of an instance at work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cronfleet import CronfleetError, Retry, RunContext, Scheduler, cron, every
from cronfleet.events import (
    Alert,
    AlertKind,
    Attempt,
    AttemptStarted,
    Claimed,
    Left,
    Looked,
    RunTakenBack,
    SessionLost,
    SessionRenewed,
    StoreAnswered,
    StoreFailed,
    TicksSkipped,
)
from cronfleet.integrations.prometheus import Metrics
from cronfleet.integrations.prometheus.counting import Counting
from cronfleet.integrations.prometheus.instruments import Instruments
from cronfleet.integrations.prometheus.names import OTHER, Names

NEVER = cron("0 0 1 1 *")
MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)


async def fine(_: RunContext) -> None: ...


async def fails(_: RunContext) -> None:
    raise RuntimeError("no paper")


async def samples(metrics: Metrics) -> Mapping[tuple[str, frozenset[tuple[str, str]]], float]:
    """All that is read, by name and labels."""
    text = (await metrics.text()).decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return f"cronfleet_{name}", frozenset(labels.items())


async def until_ended(scheduler: Scheduler, job: str, more_than: int = 0) -> None:
    while True:
        if sum(bool(run.ended_at) for run in await scheduler.runs(job, 1_000)) > more_than:
            return
        await asyncio.sleep(0)


# --- a whole instance


async def test_a_run_that_succeeds_is_counted_and_timed() -> None:
    scheduler = Scheduler("memory:")
    scheduler.add_job(fine, NEVER, "report")
    metrics = Metrics(scheduler)
    async with scheduler:
        await scheduler.trigger("report")
        await until_ended(scheduler, "report")
        (run,) = await scheduler.runs("report")
        found = await samples(metrics)
    assert found[key("attempts_started_total", job_name="report", kind="manual")] == 1
    outcome = {"job_name": "report", "kind": "manual", "outcome": "succeeded"}
    assert found[key("attempts_ended_total", **outcome)] == 1
    assert found[key("runs_ended_total", **outcome)] == 1
    assert found[key("attempt_duration_seconds_count", job_name="report")] == 1
    assert found[key("run_lateness_seconds_count", job_name="report")] == 1
    assert found[key("runs_in_progress", job_name="report")] == 0
    assert found[key("claims_total", answer="granted")] == 1
    assert found[key("store_call_seconds_count", operation="claim")] >= 1
    assert found[key("ready")] == 1
    assert run.ended_at is not None
    last = found[key("job_last_success_timestamp_seconds", job_name="report")]
    assert last == pytest.approx(run.ended_at.timestamp())


async def test_an_attempt_with_a_retry_to_come_is_no_end_of_its_run() -> None:
    scheduler = Scheduler("memory:")
    hour = timedelta(hours=1)
    scheduler.add_job(fails, NEVER, "report", retry=Retry(attempts=2, first=hour, most=hour))
    metrics = Metrics(scheduler)
    outcome = key("attempts_ended_total", job_name="report", kind="manual", outcome="failed")
    async with scheduler:
        await scheduler.trigger("report")
        while True:
            found = await samples(metrics)
            if outcome in found:
                break
    assert found[key("runs_ended_total", job_name="report", kind="manual", outcome="failed")] == 0
    assert not [name for name, _ in found if name.startswith("cronfleet_job_last_success")]


async def test_the_last_success_is_the_fleet_s_and_not_only_this_instance_s() -> None:
    scheduler = Scheduler("memory:")
    scheduler.add_job(fine, NEVER, "report")
    async with scheduler:
        await scheduler.trigger("report")
        await until_ended(scheduler, "report")
        found = await samples(Metrics(scheduler))  # It heard nothing of that run.
    assert key("job_last_success_timestamp_seconds", job_name="report") in found


@pytest.mark.parametrize("shards", [2, 60])
async def test_a_shard_that_succeeds_is_no_success_of_its_job(shards: int) -> None:
    async def fails_once(run: RunContext) -> None:
        if run.shard == 0 and not mended:
            raise RuntimeError("no paper")

    mended: list[bool] = []
    scheduler = Scheduler("memory:")
    scheduler.add_job(fails_once, NEVER, "report", shards=shards)
    last = key("job_last_success_timestamp_seconds", job_name="report")
    async with scheduler:
        await scheduler.trigger("report")
        await until_ended(scheduler, "report", shards)
        assert last not in await samples(Metrics(scheduler))
        mended.append(True)
        await scheduler.trigger("report")
        await until_ended(scheduler, "report", 2 * shards + 1)
        assert last in await samples(Metrics(scheduler))


async def test_what_a_job_has_not_come_to_yet_is_told_as_0_from_the_start() -> None:
    """From nothing to 1 there is no increase, so the first failure would be missed."""
    scheduler = Scheduler("memory:")
    scheduler.add_job(fine, NEVER, "report")
    async with scheduler:
        found = await samples(Metrics(scheduler))
    assert found[key("runs_ended_total", job_name="report", kind="tick", outcome="failed")] == 0
    assert found[key("ticks_skipped_total", job_name="report", reason="misfire")] == 0


async def test_a_paused_job_is_told_with_its_reason() -> None:
    scheduler = Scheduler("memory:")
    scheduler.add_job(fine, NEVER, "report")
    async with scheduler:
        await scheduler.pause("report", why="no paper")
        found = await samples(Metrics(scheduler))
    assert found[key("job_paused", job_name="report", reason="paused")] == 1


async def test_the_store_is_read_once_a_minute_however_often_it_is_scraped() -> None:
    scheduler = Scheduler("memory:")
    scheduler.add_job(fine, NEVER, "report")
    metrics, paused = Metrics(scheduler), key("job_paused", job_name="report", reason="paused")
    async with scheduler:
        await samples(metrics)
        await scheduler.pause("report", why="no paper")
        assert paused not in await samples(metrics)


async def test_the_interval_of_a_job_spans_from_what_is_settled_to_what_is_next() -> None:
    scheduler = Scheduler("memory:")
    scheduler.add_job(fine, every(timedelta(seconds=1)), "report")
    async with scheduler:
        await until_ended(scheduler, "report")
        found = await samples(Metrics(scheduler))
    assert found[key("job_interval_seconds", job_name="report")] == 1


async def test_before_the_store_is_open_nobody_waits_for_it() -> None:
    scheduler = Scheduler("redis://127.0.0.1:1/0")
    found = await asyncio.wait_for(samples(Metrics(scheduler)), 2)
    assert found[key("ready")] == 0


async def test_the_store_is_told_with_what_it_may_break_and_without_its_password() -> None:
    scheduler = Scheduler("memory:")
    async with scheduler:
        text = (await Metrics(scheduler).text()).decode()
    assert "cronfleet_store_info{" in text
    assert 'may_break="' in text
    assert "cronfleet_build_info{" in text
    hidden = Metrics(Scheduler("redis://anna:secret@127.0.0.1:1/0"))
    assert "secret" not in (await hidden.text()).decode()


async def test_notices_are_counted_by_state_and_gone_while_nobody_knows() -> None:
    answers: list[Callable[[], Mapping[str, int]]] = []

    async def notices() -> Mapping[str, int]:
        return answers.pop()()

    def away() -> Mapping[str, int]:
        raise CronfleetError("the database is away")

    metrics = Metrics(Scheduler("memory:"), notices=notices)
    answers += [away, lambda: {"SENT": 7, "UNCERTAIN": 1}]
    assert (await samples(metrics))[key("outbox_notices", state="UNCERTAIN")] == 1
    assert key("outbox_notices", state="UNCERTAIN") not in await samples(metrics)


async def test_two_instances_in_one_process_share_no_registry() -> None:
    first, second = Metrics(Scheduler("memory:")), Metrics(Scheduler("memory:"))
    assert first.registry is not second.registry


# --- event by event


def counted(*events: object, most: int = 100) -> Callable[..., float | None]:
    instruments = Instruments()
    count = Counting(instruments, Names(most))
    for event in events:
        count(event)  # pyright: ignore[reportArgumentType] - each is an event

    def value(name: str, **labels: str) -> float | None:
        return instruments.registry.get_sample_value(f"cronfleet_{name}", labels)

    return value


def started(job: str, late_s: float | None = None) -> AttemptStarted:
    return AttemptStarted(Attempt(job, f"{job}@0", "tick", MIDNIGHT, 1, 1, NEVER, None, {}), late_s)


def test_lateness_is_observed_only_where_it_is_known() -> None:
    value = counted(started("report", 0.2), started("report", None))
    assert value("run_lateness_seconds_count", job_name="report") == 1
    assert value("run_lateness_seconds_bucket", job_name="report", le="0.25") == 1
    assert value("run_lateness_seconds_bucket", job_name="report", le="0.1") == 0


def test_nothing_is_in_progress_on_an_instance_that_has_left() -> None:
    assert counted(started("report"))("runs_in_progress", job_name="report") == 1
    assert counted(started("report"), Left())("runs_in_progress", job_name="report") == 0


def test_jobs_beyond_the_first_so_many_share_one_label() -> None:
    value = counted(*map(started, ("a", "b", "c", "d", "a")), most=2)
    assert value("attempts_started_total", job_name="a", kind="tick") == 2
    assert value("attempts_started_total", job_name=OTHER, kind="tick") == 2
    assert value("attempts_started_total", job_name="c", kind="tick") is None


@pytest.mark.parametrize(
    ("event", "name", "labels", "wanted"),
    [
        (
            TicksSkipped("a", "misfire", 9),
            "ticks_skipped_total",
            {"job_name": "a", "reason": "misfire"},
            9,
        ),
        (Claimed(1, 0, 0, 4), "claims_total", {"answer": "lost"}, 4),
        (
            RunTakenBack("a", "a@0", "lost"),
            "runs_taken_back_total",
            {"job_name": "a", "state": "lost"},
            1,
        ),
        (Looked(7, is_overloaded=True), "oldest_due_seconds", {}, 7),
        (Looked(7, is_overloaded=True), "overloaded", {}, 1),
        (SessionRenewed(0.002, -3), "renewal_seconds_count", {}, 1),
        (SessionRenewed(0.002, -3), "store_clock_offset_seconds", {}, -3),
        (SessionLost(), "sessions_lost_total", {}, 1),
        (StoreAnswered("peek", 0.1), "store_call_seconds_sum", {"operation": "peek"}, 0.1),
        (StoreFailed("peek", "away"), "store_failures_total", {"operation": "peek"}, 1),
        (Alert(AlertKind.POISONED, "a", ""), "alerts_total", {"kind": "poisoned"}, 1),
    ],
)
def test_each_event_is_counted_under_its_name(
    event: object, name: str, labels: dict[str, str], wanted: float
) -> None:
    assert counted(event)(name, **labels) == wanted


async def test_who_only_looks_is_not_counted_among_those_who_make_claims() -> None:
    """Nor as one that fails to: `sum(cronfleet_ready)` is about instances."""
    scheduler = Scheduler("memory:")
    metrics = Metrics(scheduler)
    async with scheduler.looking():
        assert (await scheduler.health()).ready
        for _ in range(2):
            assert key("ready") not in await samples(metrics)
    assert (await samples(metrics))[key("ready")] == 0
