from __future__ import annotations

import ast
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# An installer that only notes what it is asked for, and cannot make one folder twice.
FAKE_UV = """#!/bin/sh
echo "$1 $2" >> "{calls}"
if [ "$1" = venv ]; then
    for venv in "$@"; do :; done
    mkdir "$venv" "$venv/bin" || exit 1
    printf '#!/bin/sh\\necho "cronfleet $*"\\n' > "$venv/bin/cronfleet"
    chmod +x "$venv/bin/cronfleet"
fi
[ -z "$FIFO" ] || read line < "$FIFO"
[ -z "$FAIL" ]
"""
INSTALLED = ["pip install", "pip install"]  # the requirements, then the project itself
MADE = ["venv -q", *INSTALLED]


class Clone:
    """A fresh clone, as much of it as dev.py looks at, on a machine with or without uv."""

    def __init__(self, folder: Path, tools: Path) -> None:
        self.folder = folder
        self.venv = folder / ".venv"
        self._calls = tools / "calls"
        self._path = f"{tools}:/usr/bin:/bin"
        uv = tools / "uv"
        uv.write_text(FAKE_UV.format(calls=self._calls))
        uv.chmod(0o755)
        (folder / "requirements").mkdir()
        for name in ("dev.py", "pyproject.toml", "requirements/run.txt", "requirements/dev.txt"):
            shutil.copy(ROOT / name, folder / name)

    def start(
        self, *arguments: str, pretend: str = "", path: str = "", process_group: int | None = None
    ) -> subprocess.Popen[str]:
        script = f"import runpy, sys; {pretend}\nrunpy.run_path('dev.py', run_name='__main__')"
        return subprocess.Popen(
            [sys.executable, "-c", script, *arguments],
            cwd=self.folder,
            env={"PATH": path or self._path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=process_group,
        )

    def dev(self, *arguments: str, pretend: str = "", path: str = "") -> tuple[int, str]:
        """The exit status of a dev.py, and what it said."""
        process = self.start(*arguments, pretend=pretend, path=path)
        said, _ = process.communicate()
        return process.returncode, said

    def new_calls(self) -> list[str]:
        """What the installer was asked for since the last look."""
        calls = self._calls.read_text().splitlines() if self._calls.exists() else []
        self._calls.unlink(missing_ok=True)
        return calls


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    (tmp_path / "clone").mkdir()
    (tmp_path / "tools").mkdir()
    return Clone(tmp_path / "clone", tmp_path / "tools")


def test_an_old_python_gets_one_sentence(clone: Clone) -> None:
    status, said = clone.dev("run", pretend="sys.version_info = (3, 9, 2)")
    assert status == 1
    assert said.startswith("dev.py needs Python 3.11 or newer, and this is 3.9: ")
    assert said.count("\n") == 1


def test_an_old_python_can_read_it() -> None:
    ast.parse((ROOT / "dev.py").read_text(), feature_version=(3, 6))


def test_an_unknown_command_is_answered_with_those_there_are(clone: Clone) -> None:
    status, said = clone.dev("start")
    assert status == 2
    assert {"setup", "run", "test", "check", "bench", "models"} <= set(said.split())


def test_without_ensurepip_it_names_the_one_command_to_type(clone: Clone, tmp_path: Path) -> None:
    status, said = clone.dev("run", pretend="sys.modules['ensurepip'] = None", path=str(tmp_path))
    package = f"python3.{sys.version_info.minor}-venv"
    assert status == 1
    assert said.endswith(f"first type: sudo apt-get install {package}\n")
    assert not clone.venv.exists()


def test_run_passes_on_what_follows(clone: Clone) -> None:
    status, said = clone.dev("run", "--port", "3001")
    assert status == 0
    assert said.endswith("cronfleet run --port 3001\n")


def test_what_is_ready_is_not_made_again(clone: Clone) -> None:
    clone.dev("run")
    assert clone.new_calls() == MADE
    clone.dev("run")
    assert clone.new_calls() == []


def test_what_is_ready_for_developers_is_ready_to_run(clone: Clone) -> None:
    clone.dev("setup")
    clone.new_calls()
    clone.dev("run")
    assert clone.new_calls() == []


def test_developers_need_more_than_what_runs(clone: Clone) -> None:
    clone.dev("run")
    clone.new_calls()
    clone.dev("setup")
    assert clone.new_calls() == INSTALLED


def test_changed_requirements_are_installed_into_what_is_there(clone: Clone) -> None:
    clone.dev("run")
    clone.new_calls()
    (clone.folder / "requirements" / "run.txt").write_text("")
    clone.dev("run")
    assert clone.new_calls() == INSTALLED


def test_a_half_made_venv_is_made_anew(clone: Clone) -> None:
    (clone.venv / "lib").mkdir(parents=True)
    clone.dev("run")
    assert clone.new_calls() == MADE
    assert not (clone.venv / "lib").exists()


def test_an_install_cut_short_is_made_anew(clone: Clone) -> None:
    clone.dev("run")
    clone.dev("setup", pretend="import os; os.environ['FAIL'] = 'yes'")
    clone.new_calls()
    clone.dev("setup")
    assert clone.new_calls() == MADE


def test_the_installer_of_a_killed_dev_py_is_waited_for(clone: Clone, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    killed = clone.start("run", pretend=f"import os; os.environ['FIFO'] = '{fifo}'")
    with fifo.open("w"):  # opens when the installer reads, which goes on when this is closed
        killed.kill()
        second = clone.start("run")
        assert second.stdout is not None
        assert second.stdout.readline() == "Waiting for another dev.py, which prepares .venv\n"
    assert second.communicate()[0].endswith("cronfleet run\n")
    killed.communicate()


def test_a_moved_folder_is_made_anew(clone: Clone, tmp_path: Path) -> None:
    clone.dev("run")
    clone.new_calls()
    shutil.move(clone.folder, tmp_path / "moved")
    clone.folder = tmp_path / "moved"
    clone.dev("run")
    assert clone.new_calls() == MADE


def test_three_at_once_make_it_once(clone: Clone) -> None:
    started = [clone.start("run") for _ in range(3)]
    said = [process.communicate()[0] for process in started]
    assert all(each.endswith("cronfleet run\n") for each in said)
    assert clone.new_calls() == MADE


# --- test

# What stands in for a program of .venv says how it was started. One that is told to fail does so
# all the same, and one that is told to wait reads from a FIFO first.
FAKE_PROGRAM = """#!/bin/sh
case "$*" in *"$WAIT"*) [ -z "$FIFO" ] || read line < "$FIFO" ;; esac
echo "$(basename "$0") $*"
case "$*" in *"$FAIL"*) [ -z "$FAIL" ] ;; esac
"""


@pytest.fixture
def ready(clone: Clone) -> Clone:
    """A clone with all that its tests need."""
    clone.dev("setup")
    for name in ("python", "coverage"):
        program = clone.venv / "bin" / name
        program.write_text(FAKE_PROGRAM)
        program.chmod(0o755)
    (clone.folder / "models").mkdir()
    (clone.folder / "models" / "run.py").touch()
    return clone


def pretended(**environment: str | Path) -> str:
    """Variables are set, and no program is missing, which would be installed."""
    told = {name: str(value) for name, value in environment.items()}
    return f"import os, shutil; os.environ |= {told}; shutil.which = str"


def test_what_one_run_of_tests_leaves_out_is_in_another(ready: Clone) -> None:
    status, said = ready.dev("test", pretend=pretended())
    runs = [line.split() for line in said.splitlines() if "-m pytest" in line]
    asked = [word for run in runs for word in run if word.startswith("tests/")]
    ignored = [word.removeprefix("--ignore=") for run in runs for word in run if "ignore" in word]
    assert status == 0
    assert sorted(asked) == sorted(ignored)
    assert all((ROOT / path).exists() for path in asked)
    assert sum("--ignore" in line for line in said.splitlines()) == 1


@pytest.mark.parametrize(
    "part", ["tests/unit/cron", "report", "browser", "stores", "fleet", "chaos"]
)
def test_one_part_that_fails_fails_all_and_the_others_run(ready: Clone, part: str) -> None:
    status, said = ready.dev("test", pretend=pretended(FAIL=part))
    assert status == 1
    assert said.count("-m pytest") == 6


def test_what_runs_beside_is_waited_for_and_speaks_last(ready: Clone, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    process = ready.start(
        "test", pretend=pretended(FIFO=fifo, WAIT="-m pytest tests/chaos tests/apps")
    )
    assert process.stdout is not None
    with fifo.open("w"):
        before = [next(process.stdout)]
        while not before[-1].startswith("Waiting for:"):
            before.append(next(process.stdout))
    assert "python -m pytest tests/chaos tests/apps\n" not in before
    assert process.communicate()[0] == "python -m pytest tests/chaos tests/apps\n\n"
    assert process.returncode == 0


def test_an_interrupt_ends_what_runs_beside_too(ready: Clone, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    # A shell that began these tests with an `&` has them ignore it.
    hears = "; import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    pretend = pretended(FIFO=fifo, WAIT="-m pytest tests/chaos tests/apps") + hears
    process = ready.start("test", pretend=pretend, process_group=0)
    assert process.stdout is not None
    with process, fifo.open("wb", buffering=0) as held:
        while not next(process.stdout).startswith("Waiting for:"):
            pass
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait() == 130
        with pytest.raises(BrokenPipeError):  # Nobody is left who reads.
            held.write(b"go on\n")
