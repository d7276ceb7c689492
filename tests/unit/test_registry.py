from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from cronfleet import RunContext, cron, every
from cronfleet.engine.known import Handler, KnownJob, Seat
from cronfleet.errors import InvalidJobError
from cronfleet.model import History as StoredHistory
from cronfleet.model import JobDefinition, Misfire, OnLost, Overlap
from cronfleet.model import Retry as StoredRetry
from cronfleet.registry import History, JobOptions, Retry, known_job

HOURLY = every(timedelta(hours=1))


async def send_report(run: RunContext) -> None: ...


def print_report(run: RunContext) -> None: ...


class Reporter:
    async def __call__(self, run: RunContext) -> None: ...


def registered(handler: Handler = send_report, name: str | None = None, **options: Any) -> KnownJob:
    return known_job(handler, HOURLY, name, JobOptions(**options))


def test_a_job_is_named_after_its_function_unless_told_otherwise() -> None:
    assert registered().definition.name == "send_report"
    assert registered(name="reports/daily:1").definition.name == "reports/daily:1"


def test_what_is_not_said_has_the_defaults_that_the_model_has() -> None:
    assert registered().definition == JobDefinition("send_report", HOURLY.to_definition())


def test_spans_become_milliseconds() -> None:
    definition = registered(
        misfire_grace=timedelta(minutes=2),
        timeout=timedelta(seconds=1.5),
        jitter=timedelta(seconds=3),
        retry=Retry(first=timedelta(seconds=1), most=timedelta(hours=1)),
        history=History(1, 2, timedelta(days=3)),
    ).definition
    assert definition.misfire_grace_ms == 120_000
    assert (definition.timeout_ms, definition.jitter_ms) == (1_500, 3_000)
    assert definition.retry == StoredRetry(3, 1_000, 2.0, 3_600_000, 0.1)
    assert definition.history == StoredHistory(1, 2, 3 * 86_400_000)


def test_choices_are_written_as_words() -> None:
    definition = registered(on_lost="rerun", overlap="allow", misfire="all").definition
    assert (definition.on_lost, definition.overlap) == (OnLost.RERUN, Overlap.ALLOW)
    assert definition.misfire is Misfire.ALL


def test_args_are_copied_so_that_a_later_change_does_not_part_the_fleet() -> None:
    args = {"to": "anna"}
    job = registered(args=args)
    args["to"] = "bert"
    assert job.definition.args == {"to": "anna"}


@pytest.mark.parametrize(
    ("handler", "is_coroutine"),
    [
        (send_report, True),
        (print_report, False),
        (Reporter(), True),
        (functools.partial(send_report), True),
        (functools.partial(print_report), False),
    ],
)
def test_what_is_async_runs_in_the_loop_and_what_is_not_in_a_thread(
    handler: Handler, is_coroutine: bool
) -> None:
    assert registered(handler, "report").is_coroutine is is_coroutine


def test_only_the_failures_that_the_retry_names_are_tried_again() -> None:
    assert registered().retry_on == ()
    assert registered(retry=Retry()).retry_on == (Exception,)
    assert registered(retry=Retry(on=(OSError,))).retry_on == (OSError,)


def test_without_a_name_of_its_own_a_handler_needs_one() -> None:
    with pytest.raises(InvalidJobError, match="give one with name="):
        registered(Reporter())
    with pytest.raises(InvalidJobError, match="give one with name="):
        registered(lambda run: None)


@pytest.mark.parametrize("name", ["", "a b", "a@b", "a+b", "ä", "x" * 129, "a\n"])
def test_a_name_that_would_be_hard_to_type_is_refused(name: str) -> None:
    with pytest.raises(InvalidJobError, match="a name has 1 to 128"):
        registered(name=name)


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"max_active": 0}, "max_active must be between 1 and 1000000"),
        ({"max_active": 10**30}, "max_active must be between 1 and 1000000"),
        ({"timeout": timedelta.max}, "timeout and misfire_grace must not be above 36500 days"),
        ({"misfire_grace": timedelta.max}, "misfire_grace must not be above 36500 days"),
        ({"history": History(successes=-1)}, "history keeps 0 runs at least"),
        ({"history": History(age=timedelta(-1))}, "history keeps 0 runs at least"),
        ({"max_catch_up": 0}, "max_catch_up must be at least 1"),
        ({"shards": 0}, "shards must be between 1 and 200"),
        ({"shards": 201}, "shards must be between 1 and 200"),
        ({"misfire_grace": timedelta(milliseconds=999)}, "misfire_grace must be at least 1 s"),
        ({"jitter": timedelta(seconds=-1)}, "jitter must not be negative"),
        ({"misfire": "all"}, 'needs overlap="wait_all".* or overlap="allow"'),
        ({"misfire": "all", "overlap": "wait"}, 'needs overlap="wait_all"'),
        ({"misfire": "all", "overlap": "replace"}, 'needs overlap="wait_all"'),
        ({"overlap": "allow", "max_active": 2}, 'overlap="allow" sets no limit'),
        ({"timeout": timedelta(0)}, "timeout must be above 0"),
        ({"retry": Retry(attempts=1)}, "attempts of at least 2"),
        ({"retry": Retry(first=timedelta(0))}, "delays above 0"),
        ({"retry": Retry(most=timedelta(seconds=1))}, "most >= first"),
        ({"retry": Retry(factor=0.9)}, "a factor of at least 1"),
        ({"retry": Retry(factor=float("nan"))}, "a factor of at least 1"),
        ({"retry": Retry(jitter=1)}, "a jitter from 0 to below 1"),
        ({"retry": Retry(jitter=-0.1)}, "a jitter from 0 to below 1"),
        ({"on_lost": "retry"}, "on_lost='retry' is not one of 'abandon', 'rerun'"),
        ({"overlap": "queue"}, "overlap='queue' is not one of"),
        ({"misfire": "none"}, "misfire='none' is not one of"),
        ({"args": {"at": object()}}, "args must be plain JSON"),
        ({"isolation": "thread"}, "isolation='thread' is not one of None, 'process'"),
        ({"memory_limit_mb": 100}, 'needs isolation="process"'),
        ({"isolation": "process", "memory_limit_mb": 0}, "memory_limit_mb must be at least 1"),
    ],
)
def test_an_option_that_cannot_work_says_what_to_write(options: Any, hint: str) -> None:
    with pytest.raises(InvalidJobError, match=hint) as refused:
        registered(**options)
    assert str(refused.value).startswith("job 'send_report': ")


def test_a_thread_cannot_be_stopped_so_it_has_no_timeout() -> None:
    with pytest.raises(InvalidJobError, match="timeout needs an async def handler"):
        registered(print_report, timeout=timedelta(seconds=1))


def test_a_process_can_be_stopped_so_it_may_have_a_timeout() -> None:
    job = registered(print_report, timeout=timedelta(seconds=1), isolation="process")
    assert job.definition.timeout_ms == 1_000


@pytest.mark.parametrize(
    ("handler", "options", "seat"),
    [
        (send_report, {}, Seat.LOOP),
        (print_report, {}, Seat.THREAD),
        (send_report, {"isolation": "process"}, Seat.PROCESS),
        (print_report, {"isolation": "process"}, Seat.PROCESS),
        (print_report, {"isolation": None, "memory_limit_mb": None}, Seat.THREAD),
    ],
)
def test_where_a_handler_is_at_work_is_its_own_choice(
    handler: Handler, options: dict[str, Any], seat: Seat
) -> None:
    assert registered(handler, **options).seat is seat


def test_how_a_handler_is_isolated_is_no_part_of_what_the_fleet_agrees_on() -> None:
    assert registered(isolation="process", memory_limit_mb=100).digest == registered().digest


def test_a_handler_that_no_other_process_can_find_is_refused_at_once() -> None:
    with pytest.raises(InvalidJobError, match="a function with a name in its module"):
        registered(functools.partial(print_report), "report", isolation="process")


def test_a_declaration_begins_after_the_instant_that_it_is_asked_for() -> None:
    hour = 3_600_000
    first = registered().declaration(after=hour).first
    assert first is not None
    assert first.fire_time == 2 * hour


def odd(kind: Callable[..., object], **fields: Any) -> object:
    """As written by someone who has no type checker."""
    return kind(**fields)


@pytest.mark.parametrize(
    ("option", "hint"),
    [
        ({"timeout": 5}, "timeout=5 must be a timedelta or None"),
        ({"jitter": "1s"}, "jitter='1s' must be a timedelta or None"),
        ({"shards": 2.0}, "shards=2.0 must be a int"),
        ({"retry": 3}, "retry=3 must be a Retry or None"),
        ({"history": 5}, "history=5 must be a History"),
        ({"max_active": "2"}, "max_active='2' must be a int"),
        ({"max_active": True}, "max_active=True must be a int"),
        ({"retires": None}, "there is no option 'retires'"),
        ({"retry": odd(Retry, first=10)}, "retry.first=10 must be a timedelta"),
        ({"retry": odd(Retry, attempts=2.5)}, "retry.attempts=2.5 must be a int"),
        ({"retry": odd(Retry, on=[ValueError])}, "must be a tuple"),
        ({"retry": odd(Retry, on=(ValueError("x"),))}, "which is no exception's class"),
        ({"history": odd(History, successes=1.5)}, "history.successes=1.5 must be a int"),
    ],
)
def test_an_option_of_another_type_is_an_error_that_names_it(
    option: dict[str, Any], hint: str
) -> None:
    with pytest.raises(InvalidJobError) as refused:
        registered(**option)
    assert hint in str(refused.value)


def test_what_is_no_schedule_is_refused() -> None:
    with pytest.raises(InvalidJobError, match="is no schedule: write cron"):
        known_job(send_report, "* * * * *", None, JobOptions())  # pyright: ignore[reportArgumentType] - the rule


def test_a_handler_that_takes_no_run_is_refused_at_once() -> None:
    async def noargs() -> None: ...

    with pytest.raises(InvalidJobError, match="must take one argument"):
        registered(noargs)  # pyright: ignore[reportArgumentType] - the rule


def test_a_hashed_schedule_is_registered_with_the_numbers_of_its_job() -> None:
    job = known_job(send_report, cron("H * * * *"), "report", {})
    assert job.plan.schedule == cron("H * * * *").for_job("report")
    assert job.definition.schedule["job"] == "report"


def test_jobs_that_shall_fire_together_share_the_numbers_of_one() -> None:
    shared = cron("H * * * *").for_job("reports")
    first, second = (known_job(send_report, shared, name, {}) for name in ("first", "second"))
    assert first.plan.first_after(0) == second.plan.first_after(0)


def test_a_tick_replaces_only_what_can_be_stopped() -> None:
    assert registered(overlap="replace").definition.overlap is Overlap.REPLACE
    with pytest.raises(InvalidJobError, match="needs an async def handler"):
        registered(print_report, overlap="replace")
