"""Whom to tell, by the settings."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from cronfleet import ConfigurationError, Scheduler
from cronfleet.apps.alerting import JOB, Rules
from cronfleet.apps.alerting.reading import are_wanted, channels_from, rules_from
from cronfleet.cli.alerts import alerts_of, register_alerts
from cronfleet.cli.programs import Program
from cronfleet.config import Settings

ALL = {
    "alert_email_to": "anna@example.com, ben@example.com",
    "alert_webhook_url": "https://hooks.example.com/a-canary",
    "alert_slack_url": "https://hooks.slack.example/services/a-canary",
    "email_user": "it@example.com",
    "email_password": "a-canary",
}


def settings(**given: str) -> Settings:
    return Settings.model_validate(given)


def test_without_a_setting_nobody_is_told() -> None:
    assert not are_wanted(settings(alert_webhook_secret="x"))
    assert channels_from(settings()) == []
    assert alerts_of(Program(Scheduler("memory:")), settings()) is None


def test_each_setting_is_a_channel_and_no_secret_is_shown() -> None:
    said = [channel.describe() for channel in channels_from(settings(**ALL))]
    assert said == [
        "mail to anna@example.com, ben@example.com by the mail server smtp.gmail.com:587 (starttls)",
        "webhook at hooks.example.com",
        "slack at hooks.slack.example",
    ]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"alert_email_to": "anna@example.com"}, "set EMAIL_FROM"),
        ({"alert_email_to": "anna", "email_from": "it@example.com"}, "ALERT_EMAIL_TO 'anna'"),
        ({"alert_webhook_url": "http://h.example/a-canary"}, "ALERT_WEBHOOK_URL: write https"),
        ({"alert_webhook_url": "https:///a-canary"}, "ALERT_WEBHOOK_URL: write https"),
        ({"alert_slack_url": "https://u:a-canary@h.example/"}, "ALERT_SLACK_URL: write https"),
        ({"alert_slack_url": "https://h.example/\na-canary"}, "ALERT_SLACK_URL: write https"),
        ({**ALL, "alert_allow_networks": "10.1.0.0/99"}, "ALERT_ALLOW_NETWORKS '10.1.0.0/99'"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(given: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        channels_from(settings(**given))
    assert says in str(error.value)
    assert "canary" not in str(error.value)


def test_times_are_for_single_jobs_and_for_all_others() -> None:
    hours = timedelta(hours=1)
    given = settings(alert_not_succeeded_for="backup=26h, team/report=8d,35d")
    assert rules_from(given) == Rules(
        not_succeeded_for=35 * 24 * hours,
        jobs_not_succeeded_for={"backup": 26 * hours, "team/report": 8 * 24 * hours},
    )
    assert rules_from(settings()) == Rules()


def test_a_time_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="'backup=daily': 'daily' is no span of time"):
        rules_from(settings(alert_not_succeeded_for="backup=daily"))


async def test_one_program_of_a_fleet_tells_of_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{tmp_path}/cronfleet.db"
    for name in ("office", "kitchen", "office"):
        program = Program(Scheduler(url, program=name))
        await register_alerts(program, alerts_of(program, settings(**ALL)))
        async with program.scheduler as at_work:
            (job,) = await at_work.jobs()
        assert (job.name, job.program) == (JOB, "office")
    said = capsys.readouterr().out.splitlines()
    assert said.count("alerts: program office tells of all jobs of the fleet") == 1
    assert said.count("alerts: webhook at hooks.example.com") == 2
