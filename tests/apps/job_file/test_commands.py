from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cronfleet.apps.job_file.command.keeping import HEAD_BYTES, TAIL_BYTES
from cronfleet.apps.job_file.command.running import CommandError, CommandHandler
from cronfleet.apps.job_file.values import CommandWork
from tests.apps.job_file.runs import RUN_ID, Log, a_run, shell, work


async def run(work: CommandWork, log: Log) -> None:
    await CommandHandler(work)(a_run(log))


async def failure(work: CommandWork, log: Log) -> str:
    with pytest.raises(CommandError) as error:
        await run(work, log)
    return str(error.value)


async def test_exit_status_0_is_success_and_what_it_said_is_in_the_log(log: Log) -> None:
    await run(shell("echo one; echo two >&2; printf three"), log)
    assert log.lines == [f"{RUN_ID}: {word}" for word in ("one", "two", "three")]


async def test_another_exit_status_is_told_with_the_last_lines(log: Log) -> None:
    said = await failure(shell("seq 1000; exit 3"), log)
    assert said.startswith("it ended with exit status 3\n")
    assert said.endswith("\n999\n1000")
    assert len(said) < 2_000


async def test_an_end_by_a_signal_is_told_by_its_name(log: Log) -> None:
    assert await failure(shell("kill -SEGV $$"), log) == "it was killed by SIGSEGV"


async def test_what_a_shell_means_by_its_exit_status_is_told(log: Log) -> None:
    assert "says that there is no such program" in await failure(shell("nope"), log)


@pytest.mark.parametrize(
    ("work_", "words"),
    [
        (work("nope"), "it could not be started: nope in /usr/local/bin:/usr/bin:/bin: No such"),
        (work("/nope"), "it could not be started: /nope: No such file"),
        (work("/etc/passwd"), "it could not be started: /etc/passwd: Permission denied"),
        (work("true", directory="/nope"), "it could not be started: /nope: No such file"),
    ],
    ids=["no program", "no path", "no rights", "no directory"],
)
async def test_what_could_not_be_started_is_told(work_: CommandWork, words: str, log: Log) -> None:
    assert words in await failure(work_, log)
    assert log.lines == []


async def test_a_script_whose_interpreter_is_missing_is_told(tmp_path: Path, log: Log) -> None:
    script = tmp_path / "script"
    script.write_text("#!/nope\n")
    script.chmod(0o755)
    assert "the first line of" in await failure(work(str(script)), log)


async def test_no_shell_reads_the_arguments(log: Log) -> None:
    await run(work("printf", "%s\\n", "$HOME; echo *", "`id`"), log)
    assert log.said == ["$HOME; echo *", "`id`"]


async def test_it_is_told_of_its_run_and_of_nothing_of_the_instance(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_PASSWORD", "hunter2")
    await run(work("env", GREETING="hello"), log)
    assert sorted(log.said) == [
        "CRONFLEET_ATTEMPT=2",
        "CRONFLEET_FIRE_TIME=2026-01-01T00:00:00Z",
        "CRONFLEET_JOB=backup",
        "CRONFLEET_KIND=tick",
        f"CRONFLEET_RUN_ID={RUN_ID}",
        "CRONFLEET_SHARD=0",
        "CRONFLEET_SHARDS=1",
        "CRONFLEET_TOKEN=77",
        "GREETING=hello",
        "PATH=/usr/local/bin:/usr/bin:/bin",
    ]


async def test_its_input_is_what_the_job_says_and_else_empty(log: Log) -> None:
    await run(work("cat", stdin="äöü\n" * 30_000), log)
    assert log.said[0] == "äöü"
    log.lines.clear()
    await run(work("cat"), log)
    assert log.said == []


async def test_it_works_in_its_directory(tmp_path: Path, log: Log) -> None:
    await run(work("pwd", directory=str(tmp_path)), log)
    assert log.said == [str(tmp_path)]


async def test_it_has_a_process_group_of_its_own_and_no_terminal(log: Log) -> None:
    code = "import os; print(os.getpgrp() == os.getpid(), os.getsid(0) == os.getppid())"
    await run(work(sys.executable, "-c", code), log)
    assert log.said == ["True True"]


async def test_it_has_no_file_of_the_instance_open(log: Log) -> None:
    await run(shell("ls /proc/self/fd | wc -l"), log)
    assert log.said == ["4"]  # The three, and the folder that ls reads.


@pytest.fixture
def quit_ignored() -> Iterator[None]:
    """As a shell has it for what it starts with `&`."""
    before = signal.signal(signal.SIGQUIT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGQUIT, before)


@pytest.mark.usefixtures("quit_ignored")
async def test_signals_mean_to_it_what_they_always_do(log: Log) -> None:
    """Python ignores SIGPIPE, and a program that inherits that complains of a broken pipe."""
    await run(shell("yes | head -1; grep SigIgn /proc/self/status"), log)
    assert log.said == ["y", "SigIgn:\t0000000000000000"]


async def test_it_leaves_no_core(log: Log) -> None:
    await run(shell("ulimit -c"), log)
    assert log.said == ["0"]


async def test_a_memory_limit_ends_what_wants_more(log: Log) -> None:
    greedy = work(sys.executable, "-c", "x = bytes(10**9)", memory_bytes=200_000_000)
    assert "MemoryError" in await failure(greedy, log)


@pytest.mark.timeout(120)
async def test_of_a_gigabyte_the_beginning_and_the_end_are_kept(log: Log) -> None:
    line = "x" * 99
    await run(shell(f"yes {line} | head -c 1000000000; echo the end"), log)
    assert sum(map(len, log.said)) < HEAD_BYTES + TAIL_BYTES
    assert log.said[0] == line
    assert log.said[-1] == "the end"
    unseen = 1_000_000_008 - HEAD_BYTES - TAIL_BYTES
    assert f"... {unseen} bytes more, which are not shown ..." in log.said


async def test_secrets_are_hidden_wherever_they_are_said(log: Log) -> None:
    secret = "correct horse"
    hiding = work(
        "/bin/sh", "-c", "echo it is $SECRET; exit 1", secrets=frozenset({secret}), SECRET=secret
    )
    said = await failure(hiding, log)
    assert said == "it ended with exit status 1\nit is ***"
    assert log.said == ["it is ***"]


async def test_no_part_of_a_secret_gets_by_where_the_output_is_cut(log: Log) -> None:
    """Wherever the cut falls in the secret, which is on every line."""
    secret = "-".join(str(number) for number in range(1_000, 1_100))
    hiding = work(
        *("/bin/sh", "-c", "yes before$SECRET$SECRET | head -c 200000"),
        secrets=frozenset({secret}),
        SECRET=secret,
    )
    await run(hiding, log)
    whole = "before******"
    assert all(whole.startswith(line) for line in log.said if "bytes more" not in line)
