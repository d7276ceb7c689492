"""Quiet hours must leave a run outside of them: no other run sends what is new."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cronfleet import ConfigurationError, Scheduler
from cronfleet.apps.password_expiry import register
from cronfleet.apps.password_expiry.registering import check_hours
from cronfleet.config import Settings, load_settings

NOW = datetime(2026, 11, 29, 23, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def settings(monkeypatch: pytest.MonkeyPatch, schedule: str, quiet: str) -> Settings:
    monkeypatch.setenv("CRON_SCHEDULE", schedule)
    monkeypatch.setenv("QUIET_HOURS", quiet)
    return load_settings()


@pytest.mark.parametrize(
    ("schedule", "quiet"),
    [
        ("0 2 * * *", "22:00-07:00"),
        ("0 22 * * *", "22:00-07:00"),
        ("* 0-5 * * *", "22:00-07:00"),
        ("59 6 29 2 *", "22:00-07:00"),
        ("0 12 * * 1-5", "12:00-13:00"),
        ("H 2 * * *", "22:00-07:00"),
    ],
)
def test_a_schedule_with_each_run_in_them_is_refused(
    monkeypatch: pytest.MonkeyPatch, schedule: str, quiet: str
) -> None:
    told = rf"^QUIET_HOURS {quiet} hold each run of CRON_SCHEDULE "
    with pytest.raises(ConfigurationError, match=told):
        check_hours(settings(monkeypatch, schedule, quiet), NOW)
    with pytest.raises(ConfigurationError, match=told):
        register(Scheduler("memory:"), load_settings())


@pytest.mark.parametrize(
    ("schedule", "quiet"),
    [
        ("0 * * * *", "22:00-07:00"),
        ("* 2,7 * * *", "22:00-07:00"),
        ("0 7 * * *", "22:00-07:00"),
        ("0 2 * * *", ""),
        ("0 2,12 * * *", "22:00-07:00"),
        ("H * * * *", "22:00-07:00"),
        ("0 2 1 1 *", "03:00-02:00"),
    ],
)
def test_one_with_a_run_outside_of_them_is_taken(
    monkeypatch: pytest.MonkeyPatch, schedule: str, quiet: str
) -> None:
    check_hours(settings(monkeypatch, schedule, quiet), NOW)
    register(Scheduler("memory:"), load_settings())


def test_both_are_by_the_clocks_of_the_same_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRON_TIMEZONE", "America/New_York")
    check_hours(settings(monkeypatch, "0 8 * * *", "12:00-14:00"), NOW)
    with pytest.raises(ConfigurationError):
        check_hours(settings(monkeypatch, "0 13 * * *", "12:00-14:00"), NOW)
