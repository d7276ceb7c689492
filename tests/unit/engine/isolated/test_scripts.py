"""Programs whose handlers stand in the file that is run: as people write them first."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

HEAD = """
import os, sys
from datetime import timedelta
from cronfleet import RunContext, Scheduler, every

scheduler = Scheduler("memory:")

@scheduler.job(every(timedelta(seconds=1)), isolation="process")
def report(run: RunContext) -> None:
    os.write(os.open(sys.argv[1], os.O_WRONLY), f"{__name__} {os.getpid()} {scheduler._program}\\n".encode())
"""

ENDINGS = {
    "as in the readme": "scheduler.run()\n",
    "guarded": "if __name__ == '__main__':\n    scheduler.run()\n",
    "asynchronous": """
import asyncio
async def main():
    async with scheduler:
        await asyncio.Event().wait()
asyncio.run(main())
""",
    "in a thread": """
import threading
scheduler.start()
if __name__ == "__main__":
    threading.Event().wait()
""",
}


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


@dataclass(frozen=True)
class Ran:
    """A program, and what it did until it was told to stop."""

    pid: int
    name: str
    """Of the module in which its handler ran."""
    handler_pid: int
    program: str
    """As the scheduler in the handler's process names it."""
    printed: str


def run(command: list[str], fifo: Path, folder: Path, runs: int = 1) -> Ran:
    """Run the program until its handler has been entered so often."""
    command = [*command, str(fifo)]
    output = subprocess.PIPE
    process = subprocess.Popen(
        command, cwd=folder, stdout=output, stderr=subprocess.STDOUT, text=True
    )
    reader = os.open(fifo, os.O_RDWR)
    try:
        lines = [os.read(reader, 1_000).decode() for _ in range(runs)]
    finally:
        process.terminate()
        printed, _ = process.communicate(timeout=40)
        os.close(reader)
    name, pid, program = lines[-1].split()
    return Ran(process.pid, name, int(pid), program, printed)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_handler_of_a_script_runs_in_a_process_in_which_the_script_does_not_work(
    ending: str, fifo: Path, tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text(HEAD + ENDINGS[ending])
    ran = run([sys.executable, "app.py"], fifo, tmp_path)
    assert (ran.name, ran.program) == ("__mp_main__", "app")
    assert ran.handler_pid != ran.pid
    assert "Traceback" not in ran.printed


def test_a_handler_of_a_module_that_is_run_by_its_name_is_found(fifo: Path, tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__init__.py").write_text("")
    (tmp_path / "app" / "__main__.py").write_text(HEAD + ENDINGS["guarded"])
    ran = run([sys.executable, "-m", "app"], fifo, tmp_path)
    assert (ran.name, ran.program) == ("app.__main__", "app")
    assert ran.handler_pid != ran.pid
    assert "Traceback" not in ran.printed


def test_a_handler_that_starts_the_scheduler_is_told_that_this_is_not_the_place(
    fifo: Path, tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text(HEAD + "    scheduler.run()\n" + ENDINGS["guarded"])
    ran = run([sys.executable, "app.py"], fifo, tmp_path, runs=2)  # By then the first has ended.
    assert "the scheduler works in its parent" in ran.printed
