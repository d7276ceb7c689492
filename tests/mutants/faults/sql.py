"""Faults of the SQL stores: of their statements, locks and transactions."""

from __future__ import annotations

from tests.mutants.mutant import Mutant, Piece, Seeds, Suite, mutant, of_store, postgres, sqlite

_SQLITE = "stores/sqlite/statements"
_POSTGRES = "stores/postgres/statements"
_TALKING = "stores/postgres/talking.py"


def _faults(about: str) -> Suite:
    return of_store("test_postgres_faults.py", about)


def _contention(about: str) -> Suite:
    return of_store("test_postgres_contention.py", about)


def _tokens(about: str) -> Suite:
    return of_store("test_postgres_tokens.py", about)


def _race(about: str) -> Suite:
    return Suite("tests/stores/test_postgres.py", "races of the store", about)


SQLITE: tuple[Mutant, ...] = (
    mutant(
        "SQLite does not wake anybody as a pause ends",
        Piece(
            f"{_SQLITE}/jobs.sql",
            "    UNION ALL\n    SELECT min(paused_until) FROM job\n"
            "    WHERE program = :program AND paused_until > :after AND paused = 1 AND removed = 0\n",
            "",
        ),
        sqlite("instant_on"),
    ),
    mutant(
        "SQLite forgets a job's watermark",
        Piece(f"{_SQLITE}/jobs.sql", "    watermark = excluded.watermark,\n", ""),
        sqlite("claim"),
        Seeds(store="sqlite"),
    ),
    mutant(
        "SQLite forgets a run's token",
        Piece(f"{_SQLITE}/runs.sql", "    token = excluded.token,\n", ""),
        sqlite("start"),
        Seeds(store="sqlite"),
    ),
    mutant(
        "SQLite shows paused jobs as due",
        Piece(
            f"{_SQLITE}/jobs.sql",
            "WHERE program = :program AND paused = 0 AND expected_due > :low",
            "WHERE program = :program AND expected_due > :low",
        ),
        sqlite("pause"),
    ),
    mutant(
        "SQLite sweeps the runs of the living",
        Piece(
            f"{_SQLITE}/runs.sql",
            "WHERE NOT EXISTS (SELECT 1 FROM session WHERE session.id = holder.session)\n",
            "WHERE holder.session IS NOT NULL\n",
        ),
        sqlite("swe"),
        Seeds(store="sqlite"),
    ),
    mutant(
        "SQLite lets the newest waiting run go on",
        Piece(
            f"{_SQLITE}/runs.sql",
            "ORDER BY created_at, fire_time, number\nLIMIT 1;",
            "ORDER BY created_at DESC, fire_time DESC, number DESC\nLIMIT 1;",
        ),
        sqlite("order"),
    ),
    mutant(
        "SQLite's transactions take their lock with the first write",
        Piece(
            "stores/sqlite/connection.py",
            'self._patiently(lambda: self._sqlite.execute("BEGIN IMMEDIATE"))\n        else',
            'self._patiently(lambda: self._sqlite.execute("BEGIN"))\n        else',
        ),
        of_store("test_sqlite_race.py"),
    ),
    mutant(
        "SQLite's clock is read before the lock is there",
        Piece(
            "stores/sqlite/connection.py",
            "            self._begin(writes=writes)\n"
            "            self._file.check()  # Again: the lock may have been long in coming.\n"
            "            self._records.read_clock()\n",
            "            self._records.read_clock()\n            self._begin(writes=writes)\n",
        ),
        of_store("test_sqlite_only.py", "clock"),
    ),
    mutant(
        "SQLite does not wait for the disk",
        Piece(
            "stores/sqlite/connection.py", "PRAGMA synchronous = FULL", "PRAGMA synchronous = OFF"
        ),
        of_store("test_sqlite_only.py", "disk"),
    ),
    mutant(
        "a step of SQLite that fails takes part of what it did along",
        Piece(
            "stores/sqlite/connection.py",
            '                    self._sqlite.execute("ROLLBACK TO step")\n',
            "                    pass\n",
        ),
        of_store("test_sqlite_only.py", "fails"),
    ),
    mutant(
        "SQLite goes on in a file that was put in the place of its own",
        Piece(
            "stores/sqlite/files.py",
            "        if self._now_there() != self._identity:\n",
            "        if False:\n",
        ),
        of_store("test_sqlite_files.py"),
    ),
)

POSTGRES: tuple[Mutant, ...] = (
    mutant(
        "PostgreSQL forgets a job's watermark",
        Piece(f"{_POSTGRES}/jobs.sql", "    watermark = excluded.watermark,\n", ""),
        postgres("claim"),
    ),
    mutant(
        "PostgreSQL forgets a run's token",
        Piece(f"{_POSTGRES}/runs.sql", "    token = excluded.token,\n", ""),
        postgres("start"),
    ),
    mutant(
        "PostgreSQL sweeps the runs of the living",
        Piece(
            f"{_POSTGRES}/runs.sql",
            "WHERE NOT EXISTS (SELECT 1 FROM {schema}.session WHERE session.id = holder.session)\n",
            "WHERE holder.session IS NOT NULL\n",
        ),
        postgres("swe"),
    ),
    mutant(
        "PostgreSQL does not lock the jobs of a claim",
        Piece(
            f"{_POSTGRES}/jobs.sql",
            "WHERE name = ANY(%(names)s::text[]) ORDER BY name FOR UPDATE SKIP LOCKED;",
            "WHERE name = ANY(%(names)s::text[]) ORDER BY name;",
        ),
        _race("rounds or crowd"),
    ),
    mutant(
        "PostgreSQL does not lock the runs of a claim",
        Piece(
            f"{_POSTGRES}/runs.sql",
            "WHERE id = ANY(%(ids)s::text[]) ORDER BY id FOR UPDATE SKIP LOCKED\n",
            "WHERE id = ANY(%(ids)s::text[]) ORDER BY id\n",
        ),
        _contention("run_that_two_want"),
    ),
    mutant(
        "PostgreSQL's claims wait for the jobs that others have in hand",
        Piece(
            f"{_POSTGRES}/jobs.sql",
            "WHERE name = ANY(%(names)s::text[]) ORDER BY name FOR UPDATE SKIP LOCKED;",
            "WHERE name = ANY(%(names)s::text[]) ORDER BY name FOR UPDATE;",
        ),
        _contention("passes_over_a_job"),
    ),
    mutant(
        "PostgreSQL takes a run that another has in hand for one that is not there",
        Piece(
            "stores/postgres/loaded.py",
            '            if not row["is_free"] and row["job"] in self._jobs:\n',
            "            if False:\n",
        ),
        _contention("not_made_a_second_time"),
    ),
    mutant(
        "PostgreSQL's tokens are not drawn anew after a later lock",
        Piece(_TALKING, "    if loaded.tokens:\n", "    if False:\n"),
        _tokens("above_all"),
    ),
    mutant(
        "PostgreSQL closes a session under a claim that relies on it",
        Piece(
            f"{_POSTGRES}/fleet.sql",
            "SELECT * FROM {schema}.session WHERE id = %(id)s FOR KEY SHARE;",
            "SELECT * FROM {schema}.session WHERE id = %(id)s;",
        ),
        _faults("closed_under"),
    ),
    mutant(
        "PostgreSQL's renewals wait for claims",
        Piece(
            f"{_POSTGRES}/fleet.sql",
            "SELECT * FROM {schema}.session WHERE id = %(id)s FOR NO KEY UPDATE;",
            "SELECT * FROM {schema}.session WHERE id = %(id)s FOR UPDATE;",
        ),
        _faults("renewal"),
    ),
    mutant(
        "PostgreSQL's clock is read before the locks are held",
        Piece(
            _TALKING,
            "[BEGIN, self.bounds, *_first(needed), CLOCK]",
            "[BEGIN, self.bounds, CLOCK, *_first(needed)]",
        ),
        of_store("test_postgres_answers.py", "own_time"),
    ),
    mutant(
        "PostgreSQL's looks all see the moment of the first",
        Piece(
            f"{_POSTGRES}/transactions.sql",
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;",
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE;",
        ),
        _race("rounds or crowd"),
    ),
    mutant(
        "PostgreSQL does not wait for the disk where a role says so",
        Piece(
            f"{_POSTGRES}/transactions.sql",
            "THEN current_setting('synchronous_commit') ELSE 'on' END,",
            "THEN current_setting('synchronous_commit') ELSE"
            " current_setting('synchronous_commit') END,",
        ),
        _faults("disk"),
    ),
    mutant(
        "a warning at PostgreSQL's COMMIT is passed over",
        Piece(
            "stores/postgres/links.py",
            'if status != "COMMIT" or self._warnings:',
            'if status != "COMMIT":',
        ),
        _faults("standby"),
    ),
    mutant(
        "a commit of PostgreSQL whose answer was lost is tried again",
        Piece(
            "stores/postgres/links.py",
            "if is_undone(error) or (is_lost(error) and not self._ends):",
            "if is_undone(error) or is_lost(error):",
        ),
        of_store("test_postgres_answers.py", "answer_was_lost"),
    ),
    mutant(
        "a commit of PostgreSQL that wrote nothing is not waited for",
        Piece(
            _TALKING,
            "        if not written and needed.may_undo:\n",
            "        if not written:\n",
        ),
        _faults("repeated"),
    ),
    mutant(
        "a restarted PostgreSQL goes on in the same epoch",
        Piece(
            f"{_POSTGRES}/fleet.sql",
            "SET epoch = epoch + 1, server_started_at",
            "SET server_started_at",
        ),
        _faults("epoch or restart"),
    ),
    mutant(
        "PostgreSQL's tokens do not follow the clock",
        Piece(
            _TALKING,
            '            if each.statement == "tokens":\n',
            '            if each.statement == "no tokens":\n',
        ),
        _tokens(""),
    ),
    mutant(
        "PostgreSQL's tokens are not lifted after a failover",
        Piece(
            _TALKING,
            "yield Batch([put, *_lift_tokens(loaded.now), COMMIT], ends=True)",
            "yield Batch([put, COMMIT], ends=True)",
        ),
        _tokens("standby"),
    ),
    mutant(
        "who lets PostgreSQL's tokens follow the clock does not look again",
        Piece(
            f"{_POSTGRES}/fleet.sql",
            "    WHERE last_value < held.token - 65536\n) FROM (",
            "    WHERE held.token > 0\n) FROM (",
        ),
        _tokens(""),
    ),
)
