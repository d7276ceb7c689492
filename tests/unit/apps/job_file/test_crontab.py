from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cronfleet import cron, every
from cronfleet.apps.job_file import read_job_file
from cronfleet.apps.job_file.crontab import job_file_text, local_zone, read_crontab
from cronfleet.apps.job_file.values import CommandWork, FileJob
from cronfleet.apps.spans import span_of

HOME = {"HOME": "/home/anna"}


def taken(
    folder: Path, text: str, *, has_users: bool = False, user: str | None = None
) -> tuple[list[FileJob], list[str]]:
    """The jobs of the file that is made of a crontab, and what was not taken over."""
    crontab = read_crontab(text, has_users=has_users, user=user)
    path = folder / "cronfleet.toml"
    path.write_text(job_file_text(crontab, "Europe/Berlin", "a crontab"), encoding="utf-8")
    said = [f"{each.line}: {each.what}: {each.why}" for each in crontab.not_taken]
    return list(read_job_file(path, HOME).jobs), said


def only(folder: Path, text: str) -> FileJob:
    (job,), said = taken(folder, text)
    assert said == []
    return job


def command(job: FileJob) -> CommandWork:
    assert isinstance(job.work, CommandWork)
    return job.work


def left(folder: Path, text: str) -> str:
    jobs, (said,) = taken(folder, text)
    assert jobs == []
    return said


def test_a_line_becomes_a_job_that_a_shell_runs_at_home(tmp_path: Path) -> None:
    job = only(tmp_path, "30 2 * * *\t/usr/local/bin/backup.sh --all > /dev/null 2>&1\n")
    assert job.name == "backup.sh"
    assert job.schedule == cron("30 2 * * *", tz="Europe/Berlin")
    assert command(job).argv == ["/bin/sh", "-c", "/usr/local/bin/backup.sh --all > /dev/null 2>&1"]
    assert command(job).directory == "/home/anna"


@pytest.mark.parametrize(
    ("when", "schedule"),
    [
        ("@hourly", cron("0 * * * *", tz="Europe/Berlin")),
        ("@midnight", cron("0 0 * * *", tz="Europe/Berlin")),
        ("0  12 1-7\t* MON", cron("0 12 1-7 * MON", tz="Europe/Berlin")),
        ("-*/5 * * * *", cron("*/5 * * * *", tz="Europe/Berlin")),
        ("@every 1h30m", every(span_of("90m"))),
    ],
)
def test_every_way_to_say_when_is_taken_over(tmp_path: Path, when: str, schedule: object) -> None:
    job = only(tmp_path, f"{when} backup")
    assert job.schedule in (
        schedule,
        cron(when, "Europe/Berlin") if when[0] == "@" and " " not in when else None,
    )


def test_settings_hold_for_the_lines_below_them(tmp_path: Path) -> None:
    jobs, said = taken(
        tmp_path,
        """
        @daily first
        SHELL=/bin/bash
        GREETING = "hello world"
        HOME='/srv'
        TZ=Asia/Tokyo
        @daily second
        """,
    )
    assert said == []
    first, second = map(command, jobs)
    assert (first.argv[0], first.directory, "GREETING" in first.environment) == (
        *("/bin/sh", "/home/anna"),
        False,
    )
    assert (second.argv[0], second.directory) == ("/bin/bash", "/srv")
    told = {name: second.environment[name] for name in ("GREETING", "HOME", "TZ")}
    assert told == {"GREETING": "hello world", "HOME": "/srv", "TZ": "Asia/Tokyo"}


def test_cron_tz_moves_the_fire_times_and_tz_only_what_the_command_sees(tmp_path: Path) -> None:
    jobs, said = taken(
        tmp_path, "TZ=UTC\n@daily a\nCRON_TZ=Asia/Tokyo\n@daily b\nCRON_TZ=\n@daily c"
    )
    assert said == []
    zones = [job.schedule.to_definition()["tz"] for job in jobs]
    assert zones == ["Europe/Berlin", "Asia/Tokyo", "Europe/Berlin"]
    assert command(jobs[0]).environment["TZ"] == "UTC"


def test_a_random_delay_is_a_jitter(tmp_path: Path) -> None:
    assert only(tmp_path, "RANDOM_DELAY=90\n@daily a").options["jitter"] == span_of("90m")


@pytest.mark.parametrize(
    ("written", "argument", "stdin"),
    [
        ("cat", "cat", ""),
        ("cat%one%two", "cat", "one\ntwo\n"),
        ("cat %one%", "cat", "one\n"),
        ("cat%", "cat", ""),
        (r"date +\%F%a\%b", "date +%F", "a%b\n"),
        (r"echo \a\\", r"echo \a\\", ""),
    ],
)
def test_after_a_percent_sign_comes_the_input(
    tmp_path: Path, written: str, argument: str, stdin: str
) -> None:
    work = command(only(tmp_path, f"@daily {written}"))
    assert (work.argv[2], work.stdin) == (argument, stdin)


@pytest.mark.parametrize("line", ["echo ${HOME} $HOME $$ `id`", "echo \"a\\\\b\" 'c'", "echo é ☃"])
def test_what_the_shell_reads_stays_as_it_is(tmp_path: Path, line: str) -> None:
    assert command(only(tmp_path, f"@daily {line}")).argv[2] == line


def test_what_is_said_above_a_job_stays_above_it(tmp_path: Path) -> None:
    taken(tmp_path, "# Not this one.\n\n# Nightly,\n# with everything.\n@daily backup\n")
    text = (tmp_path / "cronfleet.toml").read_text()
    assert "# Nightly,\n# with everything.\n[jobs.backup]  # line 5\n" in text
    assert "Not this one" not in text


def test_jobs_are_named_after_what_they_do_each_by_a_name_of_its_own(tmp_path: Path) -> None:
    lines = [
        "@daily cd /srv/app && ./manage.py clearsessions",
        "@daily cd /srv/app && ./manage.py expire",
        "@daily TZ=UTC nice -n 10 /opt/bin/sync",
        "@daily [ -x /usr/lib/php/sessionclean ] && /usr/lib/php/sessionclean",
        "@daily &&",
    ]
    jobs, _ = taken(tmp_path, "\n".join(lines))
    names = [job.name for job in jobs]
    assert names == ["manage.py", "manage.py-2", "sync", "sessionclean", "job"]


def test_in_a_system_crontab_the_user_comes_before_the_command(tmp_path: Path) -> None:
    text = "17 * * * * root cd / && run-parts --report /etc/cron.hourly\n@daily anna backup"
    jobs, said = taken(tmp_path, text, has_users=True, user="root")
    assert [command(job).argv[2] for job in jobs] == [
        "cd / && run-parts --report /etc/cron.hourly",
        "backup",
    ]
    assert "[jobs.backup]  # line 2, of anna\n" in (tmp_path / "cronfleet.toml").read_text()
    (line,) = said
    assert line.startswith("2: the user 'anna' of 'backup': every job runs as the user of the inst")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("@reboot x", "1: @reboot x: not supported, a fleet has no one start"),
        ("@fortnightly x", "1: @fortnightly x: no such nickname"),
        ("@every 5 x", "1: @every 5 x: '5' is no span of time"),
        ("@daily", "1: @daily: it has no command"),
        ("* * * * backup", "1: * * * * backup: it has no command after its five fields"),
        ("0 22-2 * * * x", "1: 0 22-2 * * * x: hour '22-2'"),
        ("0 0 30 2 * x", "1: 0 0 30 2 * x: "),
        ("* * * * * %x", "1: * * * * * %x: it has no command"),
        ("MAILTO=anna@example.com", "1: MAILTO: what a job says goes to the log"),
        ("CRON_TZ=Mars/Olympus", "1: CRON_TZ=Mars/Olympus: "),
        ("RANDOM_DELAY=999999", "1: RANDOM_DELAY=999999: it is no number of minutes"),
        ("RANDOM_DELAY=soon", "1: RANDOM_DELAY=soon: it is no number of minutes"),
        ("\n\n@daily a\x07b", "3: it: it has characters that are no text"),
        ("@daily \udcff", "1: it: it has characters that are no text, or is not UTF-8"),
        ('""=x', "1: a setting: it has no name"),
    ],
)
def test_what_cannot_be_taken_over_is_told_with_its_line_and_why(
    tmp_path: Path, text: str, line: str
) -> None:
    assert left(tmp_path, text).startswith(line)


def test_to_mail_nobody_is_taken_over(tmp_path: Path) -> None:
    assert taken(tmp_path, 'MAILTO=""\n@daily a')[1] == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(
            st.text(max_size=40),
            st.text(max_size=40).map(lambda text: f"@daily {text}"),
            st.text(alphabet="\"'\\${}%#=[]\x7f\n \tA", max_size=30).map("* * * * * {}".format),
            st.text(alphabet="\"'\\${}%#= \tA", max_size=20).map("NAME={}".format),
        )
    ),
    st.booleans(),
)
def test_whatever_a_crontab_says_the_file_that_is_made_of_it_can_be_read(
    tmp_path: Path, lines: list[str], has_users: bool
) -> None:
    taken(tmp_path, "\n".join(lines), has_users=has_users)


@settings(max_examples=500)
@given(st.text(alphabet="a %\\", min_size=1, max_size=12))
def test_a_percent_sign_means_what_it_means_to_cron(text: str) -> None:
    crontab = read_crontab(f"@daily x{text}")
    assert [(job.command, job.stdin) for job in crontab.jobs] == [
        _as_vixie_does(f"x{text.rstrip()}")
    ]


def _as_vixie_does(text: str) -> tuple[str, str]:
    """Character by character, with the flag of the original."""
    command, is_escaped = "", False
    for at, character in enumerate(text):
        if character == "%" and not is_escaped:
            return command.strip(), _input_as_vixie_does(text[at + 1 :])
        command = command[:-1] + "%" if character == "%" else command + character
        is_escaped = character == "\\" and not is_escaped
    return command.strip(), ""


def _input_as_vixie_does(text: str) -> str:
    said, is_escaped = "", False
    for character in text:
        if is_escaped:
            said += "" if character == "%" else "\\"
            meant = character
        else:
            meant = "\n" if character == "%" else character
        is_escaped = meant == "\\"
        said += "" if is_escaped else meant
    said += "\\" if is_escaped else ""
    return said if not said or said.endswith("\n") else f"{said}\n"


def test_the_zone_is_the_machines_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", ":Asia/Tokyo")
    assert local_zone() == "Asia/Tokyo"
