"""Who takes part: how an instance of each is started, on which store, with which settings.

How its job is declared is in `workers/`, one small module each, with the reasons of its settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Store = Literal["redis", "postgres"]


@dataclass(frozen=True, slots=True)
class Contestant:
    """A scheduler as it is set up here. A word `{instance}` in a command is the instance's name."""

    name: str
    label: str
    store: Store
    commands: tuple[str, ...]
    """The processes of one instance, each kept at work by itself."""
    settings: str
    """In one sentence, for people."""
    environment: str | None = None
    """Whose requirements it needs; None is ours."""
    prepare: str = ""
    """What a person does once with an empty store, and again with one that lost everything."""
    variables: Mapping[str, str] = field(default_factory=dict[str, str])


_AS_IT_COMES = "all defaults: overlap `skip`, misfire `latest`, stop when the store was reset"
_EVERY_TICK = 'overlap="allow", misfire="all", on_store_reset="continue"'
_EVERY_TICK_SET = {"RIVALS_EVERY_TICK": "1"}
_MAKE_TABLES = "python -m cronfleet --store {store} jobs"

OURS = (
    Contestant(
        "cronfleet",
        "Cronfleet, Redis",
        "redis",
        ("python -m for_cronfleet",),
        _AS_IT_COMES,
    ),
    Contestant(
        "cronfleet-every-tick",
        "Cronfleet, Redis, every tick wanted",
        "redis",
        ("python -m for_cronfleet",),
        _EVERY_TICK,
        variables=_EVERY_TICK_SET,
    ),
    Contestant(
        "cronfleet-postgres",
        "Cronfleet, PostgreSQL",
        "postgres",
        ("python -m for_cronfleet",),
        _AS_IT_COMES,
        prepare=_MAKE_TABLES,
    ),
    Contestant(
        "cronfleet-postgres-every-tick",
        "Cronfleet, PostgreSQL, every tick wanted",
        "postgres",
        ("python -m for_cronfleet",),
        _EVERY_TICK,
        prepare=_MAKE_TABLES,
        variables=_EVERY_TICK_SET,
    ),
)

RIVALS = (
    Contestant(
        "demo",
        "SET NX PX, run, GET + DEL",
        "redis",
        ("python -m for_demo",),
        "the algorithm of many a tutorial; the lock lives for 10 s",
        environment="demo",
    ),
    Contestant(
        "apscheduler3",
        "APScheduler 3",
        "redis",
        ("python -m for_apscheduler3",),
        "one Redis job store for all, which its FAQ says not to do; fixed id, replace_existing",
        environment="apscheduler3",
    ),
    Contestant(
        "apscheduler4",
        "APScheduler 4 (alpha)",
        "postgres",
        ("python -m for_apscheduler4",),
        "data store and event broker by asyncpg, fixed id, lease_duration=10, cleanup_interval=10",
        environment="apscheduler4",
    ),
    Contestant(
        "arq",
        "arq",
        "redis",
        ("arq for_arq.WorkerSettings",),
        "cron_jobs, unique; job_timeout=10",
        environment="arq",
    ),
    Contestant(
        "saq",
        "SAQ",
        "redis",
        ("saq for_saq.settings",),
        "cron_jobs, unique; timeout=10, sweep every 10 s",
        environment="saq",
    ),
    Contestant(
        "redbeat",
        "Celery + RedBeat",
        "redis",
        (
            "celery -A for_redbeat beat --loglevel INFO",
            "celery -A for_redbeat worker --loglevel INFO --hostname {instance}@%h",
        ),
        "a beat and a worker each; redbeat_lock_timeout=10, beat_max_loop_interval=2",
        environment="redbeat",
    ),
    Contestant(
        "procrastinate",
        "procrastinate",
        "postgres",
        ("procrastinate --app for_procrastinate.app worker --name {instance}",),
        "a periodic task and its worker, all defaults",
        environment="procrastinate",
        prepare="procrastinate --app for_procrastinate.app schema --apply",
    ),
    Contestant(
        "rq-scheduler",
        "rq-scheduler",
        "redis",
        ("python -m for_rq_scheduler", "rq worker --path . --url {store}"),
        "a scheduler and a worker each; fixed id, interval=1",
        environment="rq_scheduler",
    ),
)

CONTESTANTS = {each.name: each for each in (*OURS, *RIVALS)}
