"""The users of an SQLite file are looked through for expired passwords: how long, how much memory.

Of a hundred thousand and of a million the passwords of 10,000 have expired. A dry run in a process
of its own notes these, and mails nobody.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.measuring.report import Column, Report, gate, goal, ratio
from benchmarks.measuring.rounds import Contestant, Options, take_turns
from benchmarks.measuring.servers import disk_folder

SPENT, RATE, PEAK = "seconds", "users/s", "peak memory, MB"
COLUMNS = (Column(SPENT, "less is better"), Column(RATE), Column(PEAK, "less is better"))
WORKER = Path(__file__).with_name("scanning") / "worker.py"
INSERT = "INSERT INTO users VALUES (?, ?, ?, ?)"
CREATE = (
    "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, name TEXT, password_changed_at TEXT)"
)


def measure(options: Options) -> Report:
    many, most = options.size(100_000, 5_000), options.size(1_000_000, 20_000)
    expired = options.size(10_000, 500)
    names = {users: f"{users:,} users" for users in (many, most)}
    with disk_folder() as folder:
        contestants: list[Contestant] = []
        for users, name in names.items():
            database = folder / f"users-{users}.db"
            make_users(database, users, expired)
            contestants.append(Contestant(name, _scanning(database, users, expired), is_ours=True))
        rows = {row.name: row for row in take_turns(contestants, options.rounds)}
    fewer, more = rows[names[many]], rows[names[most]]
    memory = ratio(more.get(PEAK), fewer.get(PEAK))
    demands = [
        gate(f"memory with {more.name}, against {fewer.name}", memory, at_most=1.1, unit="x"),
        goal(f"{more.name}", more.get(SPENT), at_most=20, unit=" s"),
        goal(f"memory with {more.name}", more.get(PEAK), at_most=150, unit=" MB"),
    ]
    title = f"A dry run over users in SQLite, of which {expired:,} have expired"
    return Report(title, COLUMNS, list(rows.values()), demands)


def make_users(database: Path, count: int, expired: int) -> None:
    """The expired stand among the others evenly."""
    now = datetime.now(UTC)
    fresh, old = (now - timedelta(days=days) for days in (1, 1_000))
    every = count // expired

    def rows() -> Iterator[tuple[int, str, str, str]]:
        for number in range(count):
            changed = old if number % every == 0 else fresh
            yield number, f"user-{number}@example.com", f"User {number}", changed.isoformat()

    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(CREATE)
        connection.executemany(INSERT, rows())
    database.chmod(0o600)


def _scanning(database: Path, users: int, expired: int) -> Callable[[], Mapping[str, float]]:
    def once() -> Mapping[str, float]:
        with disk_folder() as folder:
            found = _scanned(database, folder)
        assert found["notices"] == expired, found
        return {
            SPENT: found["seconds"],
            RATE: users / found["seconds"],
            PEAK: found["peak_mb"],
        }

    return once


def _scanned(database: Path, folder: Path) -> dict[str, float]:
    """What the worker tells."""
    variables = {
        "PATH": os.environ["PATH"],
        "USERS_DATABASE_URL": f"sqlite:///{database}",
        "NOTICES_DATABASE_URL": f"sqlite:///{folder}/notices.db",
        "CRONFLEET_DATA_DIR": str(folder),
        "MAIL_SENDER": "mailbox",
        "DRY_RUN": "true",
    }
    command = [sys.executable, str(WORKER)]
    done = subprocess.run(command, env=variables, cwd=folder, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)
