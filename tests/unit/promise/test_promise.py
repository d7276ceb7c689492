"""From facts about a store to what is said of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cronfleet import Failure, Promise, Verdict
from cronfleet.promise import (
    PostgresFacts,
    RedisFacts,
    SqliteFacts,
    memory_promise,
    postgres_promise,
    redis_promise,
    sqlite_promise,
)

SQLITE = SqliteFacts("3.40.1", "persist", 2, "ext4")
SAFEST = RedisFacts(
    version="7.0.15", aof=True, appendfsync="always", save="", replicas=0, eviction="noeviction"
)


def settings(promise: Promise) -> list[str]:
    return [each.setting for each in promise.downgrades]


ALL = [
    memory_promise(),
    sqlite_promise(SQLITE),
    redis_promise(SAFEST),
    redis_promise(RedisFacts()),
    postgres_promise(PostgresFacts("16")),
]


@pytest.mark.parametrize("promise", ALL)
def test_every_kind_of_failure_has_its_answer(promise: Promise) -> None:
    assert set(promise.holds) == set(Failure)
    assert all(held.said for held in promise.holds.values())


@pytest.mark.parametrize("promise", ALL)
def test_what_may_break_has_a_setting_that_lifts_it(promise: Promise) -> None:
    assert bool(promise.breaks_when) <= bool(promise.downgrades)


def test_each_failure_and_verdict_is_said_in_words() -> None:
    assert all(" " in failure.said for failure in Failure)
    assert all(verdict.said for verdict in Verdict)


def test_a_store_that_keeps_all_says_so_in_one_line() -> None:
    (line,) = sqlite_promise(SQLITE).lines
    assert line.startswith("SQLite 3.40.1 with journal_mode persist: a tick is started at most")


def test_a_weaker_one_names_the_failure_and_the_setting() -> None:
    promise = redis_promise(RedisFacts(aof=True, appendfsync="everysec", replicas=0))
    first, *rest = promise.lines
    assert "unless the store's process is killed and starts again, or the store's mach" in first
    assert any("two seconds of claims" in line and "appendfsync always" in line for line in rest)


# --- SQLite


def test_a_write_ahead_log_is_named() -> None:
    assert "a write-ahead log" in sqlite_promise(SqliteFacts("3.53.0", "wal", 2, "ext4")).lines[0]


@pytest.mark.parametrize(
    ("facts", "setting"),
    [
        (SqliteFacts("3", "persist", 1, "ext4"), "PRAGMA synchronous = FULL"),
        (SqliteFacts("3", "delete", 2, "ext4"), "PRAGMA journal_mode = PERSIST"),
    ],
)
def test_a_commit_that_may_not_be_on_the_disk_is_weaker(facts: SqliteFacts, setting: str) -> None:
    promise = sqlite_promise(facts)
    assert promise.breaks_when == [Failure.POWER]
    assert settings(promise) == [setting]


def test_a_file_system_that_cannot_be_told_is_said() -> None:
    promise = sqlite_promise(SqliteFacts("3", "persist", 2, ""))
    assert (promise.breaks_when, settings(promise)) == ([], ["a path on a disk of this machine"])


# --- Redis


def test_redis_that_syncs_always_and_has_no_replica_has_nothing_to_lift() -> None:
    promise = redis_promise(SAFEST)
    assert (promise.breaks_when, promise.downgrades) == ([], ())
    assert promise.configuration == (
        "Redis 7.0.15, append-only file with appendfsync always, no replicas"
    )


@pytest.mark.parametrize(
    ("facts", "said", "when", "setting"),
    [
        (
            RedisFacts(aof=True, appendfsync="no", replicas=0, eviction="noeviction"),
            "appendfsync no",
            [Failure.POWER],
            "appendfsync always",
        ),
        (
            RedisFacts(aof=True, replicas=0, eviction="noeviction"),
            "appendfsync unknown",
            [Failure.STORE_PROCESS, Failure.POWER],
            "ACL +config|get",
        ),
        (
            RedisFacts(aof=False, save="3600 1", replicas=0, eviction="noeviction"),
            "snapshots alone",
            [Failure.STORE_PROCESS, Failure.POWER],
            "appendonly yes with appendfsync always",
        ),
        (
            RedisFacts(aof=False, replicas=0, eviction="noeviction"),
            "snapshots unknown",
            [Failure.STORE_PROCESS, Failure.POWER],
            "appendonly yes with appendfsync always",
        ),
    ],
)
def test_what_redis_keeps_on_disk_decides_what_a_crash_forgets(
    facts: RedisFacts, said: str, when: list[Failure], setting: str
) -> None:
    promise = redis_promise(facts)
    assert said in promise.configuration
    assert (promise.breaks_when, settings(promise)) == (when, [setting])


def test_redis_without_a_disk_stops_rather_than_runs_twice() -> None:
    promise = redis_promise(RedisFacts(aof=False, save="", replicas=0, eviction="noeviction"))
    assert promise.breaks_when == []
    assert promise.holds[Failure.STORE_PROCESS].verdict is Verdict.STOPS
    assert "nothing on disk" in promise.configuration
    assert settings(promise) == ["appendonly yes with appendfsync always"]


@pytest.mark.parametrize(
    "facts",
    [
        RedisFacts(aof=True, appendfsync="always", replicas=1, eviction="noeviction"),
        RedisFacts(
            aof=True, appendfsync="always", replicas=2, eviction="noeviction", is_sentinel=True
        ),
        RedisFacts(
            aof=True, appendfsync="always", replicas=0, eviction="noeviction", is_cluster=True
        ),
    ],
)
def test_a_failover_may_forget_unless_writes_wait_for_the_replicas(facts: RedisFacts) -> None:
    promise = redis_promise(facts)
    assert promise.breaks_when == [Failure.FAILOVER]
    assert settings(promise) == ["durability=wait in the store's URL"]
    waiting = redis_promise(replace(facts, waits=True))
    assert (waiting.breaks_when, waiting.downgrades) == ([], ())
    assert "waited for with every write" in waiting.configuration
    for_some = redis_promise(replace(facts, waits_for_some=True))
    assert for_some.breaks_when == [Failure.FAILOVER]
    assert settings(for_some) == ["replicas=N in the store's URL, for all that may be promoted"]


def test_waiting_does_not_help_a_server_that_comes_back_with_less() -> None:
    facts = RedisFacts(
        aof=True, appendfsync="everysec", replicas=1, eviction="noeviction", waits=True
    )
    promise = redis_promise(facts)
    assert promise.breaks_when == [Failure.STORE_PROCESS, Failure.POWER]
    assert "before a replica takes over" in promise.holds[Failure.POWER].said


def test_what_may_not_be_asked_counts_as_the_weaker() -> None:
    promise = redis_promise(RedisFacts(tells_scripts=False))
    assert promise.breaks_when == [Failure.STORE_PROCESS, Failure.POWER, Failure.FAILOVER]
    assert promise.configuration == "Redis, persistence unknown, replicas unknown"
    assert settings(promise) == ["ACL +info +config|get", "ACL +info", "ACL +info", "ACL +info"]


def test_a_server_that_would_evict_if_it_had_a_limit_is_told() -> None:
    promise = redis_promise(
        RedisFacts(aof=True, appendfsync="always", replicas=0, eviction="allkeys-lru")
    )
    assert (promise.breaks_when, settings(promise)) == ([], ["maxmemory-policy noeviction"])


# --- PostgreSQL


@pytest.mark.parametrize(
    ("facts", "when", "setting"),
    [
        (
            PostgresFacts("16", synchronous_commit="off"),
            [Failure.STORE_PROCESS, Failure.POWER],
            "synchronous_commit = on",
        ),
        (PostgresFacts("16", fsync=False), [Failure.POWER], "fsync = on"),
        (PostgresFacts("16", full_page_writes=False), [Failure.POWER], "full_page_writes = on"),
        (PostgresFacts("16", standbys=1), [Failure.FAILOVER], "synchronous_standby_names"),
        (PostgresFacts("16", standbys=None), [Failure.FAILOVER], "synchronous_standby_names"),
        (
            PostgresFacts("16", "local", synchronous_standby_names="b"),
            [Failure.FAILOVER],
            "synchronous_commit = on",
        ),
        (
            PostgresFacts(
                "16", "remote_write", synchronous_standby_names="b", standbys=1, waited_for=1
            ),
            [Failure.FAILOVER],
            "synchronous_commit = on",
        ),
        *(
            (
                PostgresFacts(
                    "16", synchronous_standby_names="b", standbys=standbys, waited_for=waited_for
                ),
                [Failure.FAILOVER],
                "synchronous_standby_names",
            )
            for standbys, waited_for in ((2, 1), (2, None), (1, 0), (0, 0), (None, None))
        ),
    ],
)
def test_what_postgresql_waits_for_decides_what_it_forgets(
    facts: PostgresFacts, when: list[Failure], setting: str
) -> None:
    promise = postgres_promise(facts)
    assert (promise.breaks_when, settings(promise)) == (when, [setting])


def test_a_synchronous_standby_keeps_all_and_counts_as_the_store() -> None:
    facts = PostgresFacts("16", synchronous_standby_names="b", standbys=1, waited_for=1)
    promise = postgres_promise(facts)
    assert (promise.breaks_when, promise.downgrades) == ([], ())
    assert "with a synchronous standby" in promise.configuration
    assert "standby that is away" in promise.holds[Failure.AWAY].said
