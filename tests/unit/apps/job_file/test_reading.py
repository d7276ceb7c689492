from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cronfleet import ConfigurationError, History, MissingExtraError, Retry, at, cron, every
from cronfleet.apps.job_file import is_open_to_others, read_job_file
from tests.unit.apps.job_file.files import (
    GOOD,
    command,
    only_job,
    read,
    request,
    wrong,
    wrong_job,
)

NO_PLACE = "every user of the machine can see the arguments of a process"


def test_a_file_is_a_program_with_jobs(tmp_path: Path) -> None:
    file = read(tmp_path, f"[jobs.backup]\n{GOOD}[jobs.'reports/daily']\n{GOOD}")
    assert file.program == "jobs"
    assert [job.name for job in file.jobs] == ["backup", "reports/daily"]


def test_the_program_may_have_a_name_of_its_own(tmp_path: Path) -> None:
    assert read(tmp_path, f'program = "nightly"\n[jobs.x]\n{GOOD}').program == "nightly"


@pytest.mark.parametrize(
    ("when", "schedule"),
    [
        ('schedule = "0 2 * * *"', cron("0 2 * * *", tz="Europe/Berlin")),
        ('schedule = "@daily"\ntimezone = "Asia/Tokyo"', cron("@daily", tz="Asia/Tokyo")),
        ('schedule = "H H * * *"', cron("H H * * *", tz="Europe/Berlin").for_job("x")),
        ('every = "1h30m"', every(timedelta(minutes=90))),
        ("at = 2027-01-31T12:00:00+01:00", at(datetime(2027, 1, 31, 11, tzinfo=UTC))),
    ],
)
def test_a_job_says_when_in_one_of_three_ways(tmp_path: Path, when: str, schedule: object) -> None:
    text = f'timezone = "Europe/Berlin"\n[jobs.x]\n{when}\ncommand = ["true"]'
    assert only_job(tmp_path, text).schedule == schedule


def test_every_policy_can_be_said(tmp_path: Path) -> None:
    job = only_job(
        tmp_path,
        """
        [jobs.x]
        on_lost = "rerun"
        overlap = "wait_all"
        max_active = 2
        misfire = "all"
        misfire_grace = "2h"
        max_catch_up = 7
        timeout = "90s"
        jitter = "500ms"
        shards = 4
        retry = { attempts = 5, first = "1s", factor = 1.5, most = "1m", jitter = 0 }
        history = { successes = 1, failures = 2, age = "7d" }
        schedule = "0 2 * * *"
        command = ["backup"]
        """,
    )
    assert {**job.options, "args": None} == {
        "args": None,
        "on_lost": "rerun",
        "overlap": "wait_all",
        "max_active": 2,
        "misfire": "all",
        "misfire_grace": timedelta(hours=2),
        "max_catch_up": 7,
        "timeout": timedelta(seconds=90),
        "jitter": timedelta(milliseconds=500),
        "shards": 4,
        "retry": Retry(5, timedelta(seconds=1), 1.5, timedelta(minutes=1), 0),
        "history": History(1, 2, timedelta(days=7)),
    }


def test_a_request_has_a_time_limit_unless_it_is_told_otherwise(tmp_path: Path) -> None:
    text = '[http]\nallow_hosts=["a.b"]\n[jobs.x]\nevery = "1h"\nhttp = {url = "https://a.b"}\n'
    assert only_job(tmp_path, text).options["timeout"] == timedelta(seconds=60)
    longer = text.replace("every", 'timeout = "1h"\nevery')
    assert only_job(tmp_path, longer).options["timeout"] == timedelta(hours=1)


def test_what_a_job_does_is_not_told_to_the_store_but_names_its_definition(tmp_path: Path) -> None:
    """Whoever can read the store learns nothing of it; an instance with another file leaves it alone."""
    said: set[str] = set()
    for text in ('["mysql", "-phunter2"]', '["mysql", "-phunter3"]'):
        args = only_job(tmp_path, f"[jobs.x]\nevery='1h'\ncommand = {text}").options["args"]
        assert "hunter" not in str(args)
        said.add(str(args))
    assert len(said) == 2


def test_another_secret_is_no_other_definition(tmp_path: Path) -> None:
    text = "[jobs.x]\nevery='1h'\ncommand = ['a']\nenv = {A = '${A}'}"
    assert len({str(only_job(tmp_path, text, {"A": a}).options) for a in ("one", "two")}) == 1


# --- commands


def test_a_command_gets_little_of_the_environment_and_all_of_its_own(tmp_path: Path) -> None:
    ours = {"PATH": "/bin", "HOME": "/root", "LC_ALL": "C", "REDIS_PASSWORD": "hunter2", "K": "key"}
    work = command(tmp_path, 'command = ["a"]\nenv = { KEY = "${K}", HOME = "/tmp" }', ours)
    assert work.environment == {"PATH": "/bin", "HOME": "/tmp", "LC_ALL": "C", "KEY": "key"}


def test_all_of_a_command_can_be_said(tmp_path: Path) -> None:
    text = """
        command = ["/bin/sh", "-c", "echo $HOME $${HOME}"]
        directory = "${DATA}/x"
        stdin = "${PASSWORD}\\n"
        memory = "512MiB"
        """
    work = command(tmp_path, text, {"DATA": "/data", "PASSWORD": "hunter2"})
    assert work.argv == ["/bin/sh", "-c", "echo $HOME ${HOME}"]
    assert work.directory == "/data/x"
    assert work.stdin == "hunter2\n"
    assert work.memory_bytes == 512 * 2**20
    assert work.secrets == {"hunter2"}


def test_what_is_secret_is_not_in_what_is_printed_of_a_job(tmp_path: Path) -> None:
    variables = {"PASSWORD": "hunter2"}
    of_command = command(tmp_path, "command=['a']\nstdin='${PASSWORD}'", variables)
    url = "http = {url = 'https://example.com/?a=${PASSWORD}', headers = {A = '${PASSWORD}'}}"
    assert "hunter2" not in repr(of_command) + repr(request(tmp_path, url, variables))


# --- requests


def test_all_of_a_request_can_be_said(tmp_path: Path) -> None:
    text = """
        [jobs.x.http]
        method = "PUT"
        url = "https://example.com/hook?key=${KEY}"
        headers = { Authorization = "Bearer ${TOKEN}" }
        body = '{"a": "${KEY}"}'
        expect = [202, 409]
        """
    work = request(tmp_path, text, {"KEY": "the key", "TOKEN": "hunter2"})
    assert work.method == "PUT"
    assert work.url == "https://example.com/hook?key=the key"
    assert work.shown_url == "https://example.com/hook"
    assert work.headers == {"Authorization": "Bearer hunter2"}
    assert work.body == '{"a": "the key"}'
    assert work.expected == [202, 409]
    assert work.secrets == {"the key", "hunter2"}


# --- what is wrong


def test_everything_that_is_wrong_is_told_at_once_a_line_each(tmp_path: Path) -> None:
    assert wrong(
        tmp_path,
        """
        timezone = "Europe/Berlim"
        programme = "x"
        [jobs.backup]
        schedule = "61 * * * *"
        commando = ["backup"]
        [jobs.ping]
        every = "5 parsecs"
        timeout = 30
        http = { url = "https://evil.example/", verify = false }
        """,
    ) == [
        "jobs.toml: timezone: 'Europe/Berlim': no such time zone: did you mean Europe/Berlin?",
        "jobs.toml: job 'backup': schedule: minute '61': must be 0-59",
        "jobs.toml: job 'backup': command: give either command or http",
        "jobs.toml: job 'backup': commando: there is no such key; did you mean command?",
        "jobs.toml: job 'ping': every: '5 parsecs' is no span of time: write 30s, 5m, 1h30m or 2d",
        "jobs.toml: job 'ping': timeout: 30 has no unit: write it as in '30s'",
        "jobs.toml: job 'ping': http.url: its host is not allowed: add it to allow_hosts in the table [http]",
        "jobs.toml: job 'ping': http.verify: there is no such key; known are body, expect, headers, method, url",
        "jobs.toml: programme: there is no such key; did you mean program?",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("command = ['a']", "schedule: give one of schedule, every and at"),
        (f"every = '1h'\n{GOOD}", "every: give one of schedule, every and at"),
        ("every = '100ms'\ncommand = ['a']", "every: interval '100 ms': must be a second at least"),
        ("at = 2027-01-01T00:00:00\ncommand=['a']", "at: must be a date and time with its offset"),
        (
            "every = '1h'\ntimezone = 'UTC'\ncommand = ['a']",
            "timezone: only a schedule has one, and this job has 'every'",
        ),
        (f"{GOOD}http = {{url='https://example.com'}}", "command: give either command or http"),
        (f"{GOOD}overlap = 'perhaps'", "overlap='perhaps' is not one of"),
        (f"{GOOD}misfire = 'all'", 'misfire="all" makes several runs at once'),
        (f"{GOOD}retry = {{attempts = 1}}", "retry needs attempts of at least 2"),
        (f"{GOOD}retry = {{tries = 1}}", "retry.tries: there is no such key"),
        (f"{GOOD}retry = 3", "retry: must be a table"),
        (f"{GOOD}max_active = true", "max_active: True must be a whole number"),
        (f"{GOOD}timeout = '0s'", "timeout must be above 0"),
        ("every='1h'\ncommand = 'a b'", "command: must be a list of the program and its arguments"),
        ("every='1h'\ncommand = []", "command: names no program"),
        ("every='1h'\ncommand = ['a', 1]", "command: 1 must be a text in quotation marks"),
        (
            "every='1h'\ncommand = ['a\\u0000']".replace("'a", '"a').replace("0']", '0"]'),
            "command: has a NUL",
        ),
        ("every='1h'\ncommand = ['a', '${A}']", f"command: {NO_PLACE}"),
        (f"{GOOD}stdin = '${{NOPE}}'", "stdin: the environment has no NOPE, or it is empty"),
        (f"{GOOD}stdin = '${{EMPTY}}'", "stdin: the environment has no EMPTY, or it is empty"),
        (f"{GOOD}env = {{A = '${{B-c}}'}}", "env: A: ${B-c} names no variable: write $${"),
        (f"{GOOD}env = {{A = '${{B'}}", "env: A: ${B names no variable: write $${"),
        (f"{GOOD}env = {{'A=B' = 'c'}}", "env: 'A=B' cannot be the name of a variable"),
        (f"{GOOD}memory = '1MB'", "memory: is too little to start anything: 32MiB at least"),
        (f"{GOOD}memory = '1 bit'", "memory: '1 bit' is no size: write 512MB or 2GiB"),
        ("every='1h'\nhttp = {}", "http.url: is missing"),
        ("every='1h'\nhttp = {url = 'ftp://example.com'}", "http.url: must begin with https://"),
        ("every='1h'\nhttp = {url = 'https://u:p@example.com'}", "http.url: has a login in it"),
        ("every='1h'\nhttp = {url = 'https://[::1'}", "http.url: cannot be read as a URL"),
        ("every='1h'\nhttp = {url = 'https://example.org'}", "http.url: its host is not allowed"),
        (
            "every='1h'\nhttp = {url = 'https://example.com', method = 'get'}",
            "http.method: 'get' is",
        ),
        (
            "every='1h'\nhttp = {url = 'https://example.com', expect = 200}",
            "http.expect: must be a",
        ),
        (
            "every='1h'\nhttp = {url = 'https://example.com', expect = [42]}",
            "http.expect: 42 is no",
        ),
        (
            "every='1h'\nhttp = {url = 'https://example.com', headers = {Host = 'x'}}",
            "http.headers: Host is set by cronfleet itself",
        ),
        (
            "every='1h'\nhttp = {url = 'https://example.com', headers = {'a b' = 'x'}}",
            "http.headers: 'a b' cannot be the name of a header",
        ),
        (
            'every="1h"\nhttp = {url = "https://example.com", headers = {A = "x\\r\\nB: y"}}',
            "http.headers: A: must be plain ASCII on one line",
        ),
    ],
)
def test_what_is_wrong_is_told_in_a_line_with_job_and_key(
    tmp_path: Path, text: str, line: str
) -> None:
    assert line in wrong_job(tmp_path, text, {"A": "x", "EMPTY": ""})


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "jobs.toml: jobs: is missing"),
        ("jobs = 3", "jobs.toml: jobs: must be a table"),
        ("[jobs]\nx = 3", "jobs.toml: job 'x': must be a table: write [jobs.x]"),
        ("[jobs", "jobs.toml is no TOML: Expected"),
        (f"[jobs.'a b']\n{GOOD}", "jobs.toml: job 'a b': a name has 1 to 128 of the characters"),
        (f"program = 'a b'\n[jobs.x]\n{GOOD}", "jobs.toml: program: 'a b' is no name"),
        (
            f"[http]\nallow_hosts = ['https://a.b']\n[jobs.x]\n{GOOD}",
            "jobs.toml: http.allow_hosts: 'https://a.b' is no host",
        ),
        (
            f"[http]\nallow_networks = ['10.0.0.1/8']\n[jobs.x]\n{GOOD}",
            "jobs.toml: http.allow_networks: '10.0.0.1/8' is no network",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_told_in_a_line(tmp_path: Path, text: str, line: str) -> None:
    (said,) = wrong(tmp_path, text)
    assert line in said


def test_no_value_of_a_variable_is_told_with_what_is_wrong(tmp_path: Path) -> None:
    for key in ("url = '${A}'", "url = 'https://${A}'", "url='https://${A}:x'"):
        assert "hunter2" not in wrong_job(
            tmp_path, f"every = '1h'\nhttp = {{{key}}}", {"A": "hunter2"}
        )


def test_a_request_needs_an_extra_and_says_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(MissingExtraError, match=r"cronfleet\[jobs\]"):
        request(tmp_path, "http = {url = 'https://example.com'}")
    command(tmp_path, "command = ['a']")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        read_job_file(tmp_path / "jobs.toml")
    (tmp_path / "jobs.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match="it is not UTF-8"):
        read_job_file(tmp_path / "jobs.toml")


def test_a_file_that_anybody_can_write_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "jobs.toml"
    path.touch()
    for mode, is_open in ((0o644, False), (0o664, False), (0o646, True)):
        path.chmod(mode)
        assert is_open_to_others(path) is is_open
