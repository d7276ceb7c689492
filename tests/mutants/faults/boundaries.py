"""Faults of one millisecond or one piece: the instant itself, the last one allowed."""

from __future__ import annotations

from tests.mutants.mutant import (
    Mutant,
    Piece,
    engine,
    memory,
    mutant,
    policies,
    redis,
    sqlite,
)

_LUA = "stores/redis/lua"
_RECORDS = "stores/steps/records.py"

BOUNDARIES: tuple[Mutant, ...] = (
    mutant(
        "a session holds at the instant of its expiry",
        Piece(_RECORDS, "return self.expires_at <= now", "return self.expires_at < now"),
        memory("expire or expiry"),
    ),
    mutant(
        "an expiry a TTL ahead, as a renewal has just made it, counts as expired",
        Piece(
            _RECORDS,
            "return self.expires_at > now + self.ttl_ms",
            "return self.expires_at >= now + self.ttl_ms",
        ),
        memory("closed"),
    ),
    mutant(
        "a tick is due a millisecond after its time",
        Piece(
            "stores/steps/claims.py",
            "max(job.expected.due, settled) > records.now",
            "max(job.expected.due, settled) >= records.now",
        ),
        memory("claim"),
    ),
    mutant(
        "a back-off is over a millisecond after its end",
        Piece(
            "stores/steps/claims.py",
            "if run.not_before > records.now:",
            "if run.not_before >= records.now:",
        ),
        memory("pending"),
    ),
    mutant(
        "a waiting tick is not wanted any more at the last instant at which it is",
        Piece(
            "stores/steps/overlap.py",
            "run.wanted_until < records.now:",
            "run.wanted_until <= records.now:",
        ),
        memory("wanted or too_late"),
    ),
    mutant(
        "one loss fewer poisons a job",
        Piece(
            "stores/steps/runs.py",
            "if lost.losses <= LOSSES_ALLOWED:",
            "if lost.losses < LOSSES_ALLOWED:",
        ),
        memory("loss or poison"),
        policies("test_attempts.py"),
    ),
    mutant(
        "ticks may be moved to a fire time that is settled",
        Piece(
            "stores/steps/orders.py",
            "moved.following.fire_time <= settled)",
            "moved.following.fire_time < settled)",
        ),
        memory("skip or resume"),
    ),
    mutant(
        "a lock is held at the instant of its expiry",
        Piece(
            "stores/steps/locks.py",
            "held.expires_at <= records.now:",
            "held.expires_at < records.now:",
        ),
        memory("lock"),
    ),
    mutant(
        "one run more may be active than the limit allows",
        Piece(
            "stores/steps/overlap.py",
            "return bool(job.limit) and job.active >= job.limit",
            "return bool(job.limit) and job.active > job.limit",
        ),
        memory("limit"),
    ),
    mutant(
        "an edit forgets the tick that is due at that instant",
        Piece(
            "stores/steps/jobs.py",
            "job.expected.due <= records.now:",
            "job.expected.due < records.now:",
        ),
        memory("edit or owed or schedule"),
    ),
    mutant(
        "a session is believed dead a millisecond late",
        Piece(
            "engine/watch.py",
            "now - sight.since >= sight.ttl_ms",
            "now - sight.since > sight.ttl_ms",
        ),
        engine("test_watch.py"),
    ),
    mutant(
        "an instance holds its session at the deadline",
        Piece(
            "engine/session.py",
            "self._clock.boot_ms() < lease.deadline",
            "self._clock.boot_ms() <= lease.deadline",
        ),
        engine("test_session.py"),
    ),
    mutant(
        "of SQLite's jobs those are not due whose time it is",
        Piece(
            "stores/sqlite/statements/jobs.sql",
            "expected_due <= :high",
            "expected_due < :high",
        ),
        sqlite("due"),
    ),
    mutant(
        "a session of Redis holds at the instant of its expiry",
        Piece(
            f"{_LUA}/shared/sessions.lua",
            "session.expires_at > now and session",
            "session.expires_at >= now and session",
        ),
        redis("expire or expiry"),
    ),
    mutant(
        "a session of Redis is closed only after the instant of its expiry",
        Piece(f"{_LUA}/close.lua", "dead.expires_at <= now or", "dead.expires_at < now or"),
        redis("closed or close"),
    ),
    mutant(
        "an expiry in Redis a TTL ahead counts as expired",
        Piece(
            f"{_LUA}/close.lua",
            "dead.expires_at > now + dead.ttl",
            "dead.expires_at >= now + dead.ttl",
        ),
        redis("closed"),
    ),
    mutant(
        "a back-off in Redis is over a millisecond after its end",
        Piece(
            f"{_LUA}/claim.lua",
            "elseif run.not_before > now then",
            "elseif run.not_before >= now then",
        ),
        redis("pending"),
    ),
    mutant(
        "one loss fewer poisons a job in Redis",
        Piece(
            f"{_LUA}/shared/runs.lua",
            "elseif run.losses <= LOSSES_ALLOWED then",
            "elseif run.losses < LOSSES_ALLOWED then",
        ),
        redis("loss or poison"),
    ),
    mutant(
        "ticks in Redis may be moved to a fire time that is settled",
        Piece(
            f"{_LUA}/shared/orders.lua",
            "moved.following and moved.following <= settled then",
            "moved.following and moved.following < settled then",
        ),
        redis("skip or resume"),
    ),
    mutant(
        "a waiting tick in Redis is not wanted any more at the last instant at which it is",
        Piece(
            f"{_LUA}/shared/runs.lua",
            "run.wanted_until < now then",
            "run.wanted_until <= now then",
        ),
        redis("wanted or too_late"),
    ),
    mutant(
        "a lock in Redis is held at the instant of its expiry",
        Piece(
            f"{_LUA}/shared/locks.lua",
            "(expires_at <= now or",
            "(expires_at < now or",
        ),
        redis("lock"),
    ),
)
