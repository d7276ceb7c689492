"""The Django app, in a project that consists of nothing else."""

# Django has no types of its own.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false

from __future__ import annotations

import queue
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import django
import pytest
from asgiref.sync import sync_to_async
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import (
    CommandError,
    call_command,
)
from django.db import connections

from cronfleet import RunContext, Scheduler, every
from cronfleet.integrations.django import get_scheduler, job, project
from cronfleet.stores.memory import MemoryStore

HOURLY = every(timedelta(hours=1))


@pytest.fixture(scope="module", autouse=True)
def site(tmp_path_factory: pytest.TempPathFactory) -> None:
    name = tmp_path_factory.mktemp("django") / "site.sqlite3"
    settings.configure(
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": name}},
        INSTALLED_APPS=["cronfleet.integrations.django"],
        LOGGING_CONFIG=None,
        TIME_ZONE=None,
    )
    django.setup()


@pytest.fixture
def scheduler(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scheduler]:
    scheduler = Scheduler(MemoryStore(), program="site")
    own = project._Project()
    own._scheduler = scheduler
    monkeypatch.setattr(project, "_project", own)
    yield scheduler
    scheduler.stop()


def configured(monkeypatch: pytest.MonkeyPatch, **given: object) -> Scheduler:
    """The scheduler of a project with these settings."""
    monkeypatch.setattr(settings, "CRONFLEET", given, raising=False)
    return project._Project().scheduler


def test_the_settings_are_what_a_scheduler_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    ttl = timedelta(seconds=5)
    scheduler = configured(monkeypatch, STORE="memory:", PROGRAM="shop", SESSION_TTL=ttl)
    assert (scheduler._store.name, scheduler._program) == ("memory:", "shop")
    assert scheduler._times.ttl_ms == 5_000


@pytest.mark.parametrize(
    ("given", "said"),
    [({"SROTE": "memory:"}, "it knows STORE, FLEET"), ({"SESSION_TTL": 5}, "write a timedelta")],
)
def test_a_setting_that_cannot_be_is_told(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], said: str
) -> None:
    with pytest.raises(ImproperlyConfigured, match=said):
        configured(monkeypatch, **given)


def test_the_program_is_the_package_with_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "SETTINGS_MODULE", "shop.settings.production", raising=False)
    assert configured(monkeypatch, STORE="memory:")._program == "shop"


def test_each_apps_cron_py_is_found_when_the_scheduler_is_asked_for(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "billing").mkdir()
    (tmp_path / "billing" / "__init__.py").touch()
    (tmp_path / "billing" / "cron.py").write_text(
        "from datetime import timedelta\n"
        "from cronfleet import every\n"
        "from cronfleet.integrations.django import get_scheduler, job\n"
        "get_scheduler()\n"
        "@job(every(timedelta(hours=1)))\n"
        "def bill(run): ...\n"
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    apps.set_installed_apps(["cronfleet.integrations.django", "billing"])
    try:
        assert get_scheduler() is get_scheduler() is scheduler
    finally:
        apps.unset_installed_apps()
    assert list(scheduler._jobs) == ["bill"]


def test_a_handler_stays_what_it_is(scheduler: Scheduler) -> None:
    def report(run: RunContext) -> None: ...

    assert job(HOURLY)(report) is report


@pytest.mark.parametrize("kind", ["plain", "coroutine"])
def test_a_run_has_a_connection_of_its_own_and_leaves_none_open(
    scheduler: Scheduler, kind: str
) -> None:
    used: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def query() -> Any:
        wrapper: Any = connections["default"]
        with wrapper.cursor() as cursor:
            cursor.execute("SELECT 1")
        return wrapper

    @job(HOURLY, "plain")
    def plain(run: RunContext) -> None:
        used.put(query())

    @job(HOURLY, "coroutine")
    async def coroutine(run: RunContext) -> None:
        used.put(await sync_to_async(query)())

    del plain, coroutine
    scheduler.start()
    for _ in range(2):
        scheduler.call(scheduler.trigger(kind))
    one, two = used.get(timeout=10), used.get(timeout=10)
    scheduler.stop()
    assert one is not two
    assert (one.connection, two.connection) == (None, None)


def test_what_keeps_it_from_starting_is_told_in_one_line(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Scheduler(scheduler._store, program="other")

    def report(run: RunContext) -> None: ...

    job(HOURLY)(report)
    other.add_job(report, HOURLY)
    other.start()
    with pytest.raises(CommandError, match="belongs to program 'other'"):
        call_command("cronfleet")
    other.stop()
