"""Faults of the policies, and of what is made of one tick: shards, waiting runs, locks."""

from __future__ import annotations

from tests.mutants.mutant import (
    Mutant,
    Piece,
    Scenario,
    Seeds,
    engine,
    memory,
    mutant,
    policies,
    policy,
)

_POLICY = "policy.py"
_OVERLAP = "stores/steps/overlap.py"
_SHARDS = "stores/steps/shards.py"
_LOCKS = "stores/steps/locks.py"
_MISFIRE = policies("test_misfire.py")
_TIMETABLE = policies("test_timetable.py")

MISFIRES: tuple[Mutant, ...] = (
    mutant(
        "late ticks leave no gap",
        Piece(
            _POLICY,
            "    if fire_time == expected:\n        return None\n    previous",
            "    return None\n    previous",
        ),
        Seeds(),
        _TIMETABLE,
    ),
    mutant(
        "of late ticks the oldest runs",
        Piece(
            _POLICY,
            "    return [Settled(expected, newest, plan.first_after(newest),"
            " _gap_below(plan, expected, newest))]",
            "    return [Settled(expected, expected, plan.first_after(newest), None)]",
        ),
        _MISFIRE,
        policy(),
        Seeds(),
    ),
    mutant(
        "a tick is too late at the last instant at which it is wanted",
        Piece(
            _POLICY,
            "return now > plan.wanted_until(fire_time)",
            "return now >= plan.wanted_until(fire_time)",
        ),
        _MISFIRE,
        policy(),
    ),
    mutant(
        "a tick is never too late",
        Piece(_POLICY, "return now > plan.wanted_until(fire_time)", "return False"),
        _MISFIRE,
        policy(),
    ),
    mutant(
        "one more late tick runs than may be caught up",
        Piece(
            _POLICY,
            "while len(wanted) < plan.definition.max_catch_up",
            "while len(wanted) <= plan.definition.max_catch_up",
        ),
        _MISFIRE,
        policy(),
    ),
    mutant(
        "jitter reaches beyond the next fire time",
        Piece(
            "schedule.py",
            "        jitter_ms = min(jitter_ms, following_ms - fire_time_ms)\n",
            "        pass\n",
        ),
        _TIMETABLE,
    ),
    mutant(
        "an instance claims a definition that is not its own",
        Piece("engine/choice.py", "job is None or job.digest != thing.digest", "job is None"),
        Seeds(),
        engine("test_choice.py"),
        Scenario("definitions/no-runs-only-what-it-knows"),
    ),
    mutant(
        "an instance claims without a free seat",
        Piece(
            "engine/choice.py",
            "    if free.of(job) <= 0:\n        return ()\n",
            "",
        ),
        engine("test_choice.py"),
    ),
)

OVERLAPS: tuple[Mutant, ...] = (
    mutant(
        "of the ticks that wait the oldest stays",
        Piece(
            _OVERLAP,
            "            skip(records, run, Reason.OVERLAP)\n    if item",
            "            return Skipped(Reason.OVERLAP)\n    if item",
        ),
        Seeds(),
        memory("waited_before or wait"),
        Scenario("overlap/no-newest-waits"),
    ),
    mutant(
        "a waiting tick goes on although it is not wanted any more",
        Piece(
            _OVERLAP,
            "        if run.wanted_until is not None and run.wanted_until < records.now:\n"
            "            skip(records, run, Reason.MISFIRE)\n            continue\n",
            "",
        ),
        Seeds(),
        memory("too_late or wanted"),
    ),
    mutant(
        "the newest of the waiting runs goes on",
        Piece(
            "stores/memory.py",
            "return min(waiting, key=lambda run: (run.created_at, run.id), default=None)",
            "return max(waiting, key=lambda run: (run.created_at, run.id), default=None)",
        ),
        Seeds(),
        memory("order"),
        Scenario("overlap/no-promotes-oldest"),
    ),
    mutant(
        "a tick that was asked to end makes room for a second one",
        Piece(
            "stores/steps/replacing.py",
            " + 1 - (len(ticks) - len(unasked))",
            " + 1",
        ),
        memory("replac or asked or limit"),
        Scenario("overlap/no-asked-make-room"),
    ),
    mutant(
        "a tick takes the place of what a person asked for",
        Piece(
            "stores/steps/replacing.py",
            "if run.is_active and not run.id.number]",
            "if run.is_active]",
        ),
        memory("person"),
        Scenario("session/no-replace-cancels-ticks-only"),
    ),
    mutant(
        "any number of ticks may wait",
        Piece(_OVERLAP, " or records.count_waiting(job.name) >= MOST_WAITING:", ":"),
        memory("so_many"),
    ),
)

SHARDS: tuple[Mutant, ...] = (
    mutant(
        "each shard that ends makes room",
        Piece(_SHARDS, "return counted.ended_at is not None", "return True"),
        Seeds(),
        memory("shard"),
        policies("test_attempts.py", "shard"),
        Scenario("shards/no-counts-as-one"),
    ),
    mutant(
        "a tick ends one shard too early",
        Piece(_SHARDS, "if tally.ended < tick.shards:", "if tally.ended < tick.shards - 1:"),
        Seeds(),
        memory("shard"),
        policies("test_attempts.py", "shard"),
        Scenario("shards/no-only-ends-count"),
    ),
    mutant(
        "the best outcome of its shards is the tick's",
        Piece(
            "model.py",
            "for outcome, count in counted if count][-1])",
            "for outcome, count in counted if count][0])",
        ),
        Seeds(),
        memory("worst"),
        policies("test_attempts.py", "shard"),
        Scenario("shards/no-worst-wins"),
    ),
    mutant(
        "a tick is made without its last shard",
        Piece(
            _SHARDS,
            "    for shard in shards:\n        records.put_run(shard)\n",
            "    for shard in shards[:-1]:\n        records.put_run(shard)\n",
        ),
        Seeds(),
        memory("shard"),
        Scenario("shards/no-made-at-once"),
    ),
)

LOCKS: tuple[Mutant, ...] = (
    mutant(
        "a lock is granted while another holds it",
        Piece(
            _LOCKS,
            "    if held is None and (following is None or following.owner == owner):\n",
            "    if following is None or following.owner == owner:\n",
        ),
        memory("lock"),
    ),
    mutant(
        "whoever asks for a free lock goes before those who wait",
        Piece(
            _LOCKS,
            "held is None and (following is None or following.owner == owner)",
            "held is None",
        ),
        memory("came_first or place"),
    ),
    mutant(
        "a lock has the token of the grant before",
        Piece(
            _LOCKS,
            "    token = records.next_token()\n    records.drop_waiter",
            "    last = records.lock(name)\n"
            "    token = last.token if last else records.next_token()\n    records.drop_waiter",
        ),
        memory("token"),
    ),
    mutant(
        "a lock that has expired is renewed",
        Piece(
            _LOCKS,
            "    held = _held(records, name)\n    if held is None or held.owner != owner:",
            "    held = records.lock(name)\n    if held is None or held.owner != owner:",
        ),
        memory("lock"),
    ),
    mutant(
        "anybody gives a lock back",
        Piece(
            _LOCKS,
            "was_held = known is not None and known.owner == owner",
            "was_held = known is not None",
        ),
        memory("lock"),
    ),
    mutant(
        "a waiter that fell silent keeps its place",
        Piece(_LOCKS, "    records.drop_waiters_but(name, records.now, high)\n", "    _ = high\n"),
        memory("silent or waiter"),
    ),
)
