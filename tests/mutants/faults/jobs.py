"""Faults of what a job is: its tokens, editions, pauses, removal; and of the orders about it."""

from __future__ import annotations

from tests.mutants.mutant import (
    Mutant,
    Piece,
    Scenario,
    Seeds,
    Suite,
    engine,
    memory,
    mutant,
    policies,
)

_JOBS = "stores/steps/jobs.py"
_ORDERS = "stores/steps/orders.py"

TOKENS: tuple[Mutant, ...] = (
    mutant(
        "a token follows the clock alone",
        Piece(
            "stores/steps/records.py", "max(last + 1, now * TOKENS_PER_MS)", "now * TOKENS_PER_MS"
        ),
        Seeds(),
        memory("token"),
    ),
    mutant(
        "a token is a plain counter",
        Piece("stores/steps/records.py", "max(last + 1, now * TOKENS_PER_MS)", "last + 1"),
        memory("token"),
        Scenario("failover/no-hybrid-tokens"),
    ),
    mutant(
        "a run that is granted again keeps its token",
        Piece(
            "stores/steps/claims.py",
            "    token = records.next_token()\n",
            "    token = run.token or records.next_token()\n",
        ),
        Seeds(),
        memory("token or swept"),
    ),
)

EDITS: tuple[Mutant, ...] = (
    mutant(
        "an edit moves a job's ticks back",
        Piece(
            _JOBS,
            "    if expected and expected.fire_time <= job.watermark:\n",
            "    if False:\n",
        ),
        Seeds(),
        memory("behind or edit"),
    ),
    mutant(
        "an edit does not raise the generation",
        Piece(_JOBS, "    generation = job.generation + 1\n", "    generation = job.generation\n"),
        Seeds(),
        memory("edit or generation or definition"),
        Scenario("definitions/no-edit-raises-generation"),
    ),
    mutant(
        "an edit forgets the tick that is owed",
        Piece(
            _JOBS,
            "    if job.expected and job.expected.due <= records.now:\n"
            "        return job.expected  # That tick is owed.\n",
            "",
        ),
        memory("owed or edit or schedule"),
        Scenario("definitions/no-owed-stays"),
    ),
    mutant(
        "an edit that keeps the schedule begins it anew",
        Piece(
            _JOBS,
            "    if job.schedule_digest == declared.schedule_digest:\n        return job.expected\n",
            "",
        ),
        memory("edit or schedule"),
    ),
    mutant(
        "an older version comes back while the newer one is declared",
        Piece(
            _JOBS,
            "    if is_older and is_declared(records, job, but=declarer.session,"
            " marked=declarer.marks):\n        return Declared.SUPERSEDED\n",
            "",
        ),
        memory("definition or roll_back"),
        policies("test_versions.py"),
        Scenario("programs/no-older-waits"),
    ),
    mutant(
        "a version that is deployed again after a roll-back waits",
        Piece(
            _JOBS,
            "is_older = edition is not None and edition < job.edition",
            "is_older = edition is not None",
        ),
        memory("roll_back"),
        policies("test_versions.py"),
        Scenario("programs/no-newest-first"),
    ),
    mutant(
        "a raised limit lets no waiting run go on",
        Piece(
            "stores/steps/overlap.py",
            "    while not (job.removed or is_full(job) or made >= MOST_MADE):\n",
            "    while not (job.removed or is_full(job) or made >= 1):\n",
        ),
        memory("room"),
        Scenario("overlap/no-promotes-as-many"),
    ),
)

ORDERS: tuple[Mutant, ...] = (
    mutant(
        "a pause does not raise the generation",
        Piece(
            _ORDERS,
            "            job,\n            generation=job.generation + 1,\n            paused=True,",
            "            job,\n            paused=True,",
        ),
        Seeds(),
        memory("pause"),
    ),
    Mutant(
        "a paused job makes ticks",
        (
            Piece(
                _ORDERS,
                "            job,\n            generation=job.generation + 1,\n"
                "            paused=True,",
                "            job,\n            paused=True,",
            ),
            Piece("stores/steps/claims.py", "        and not job.paused\n", ""),
        ),
        (Seeds(), memory("pause"), Scenario("session/no-check-of-pause")),
    ),
    mutant(
        "what is due since a pause has ended counts as its own",
        Piece("pausing.py", "min(now, job.resumes_at - 1)", "now"),
        engine("test_resuming.py", "late"),
        Seeds(),
    ),
    mutant(
        "a pause swallows what is due as it ends",
        Piece("pausing.py", "min(now, job.resumes_at - 1)", "min(now, job.resumes_at)"),
        engine("test_resuming.py", "end"),
    ),
    mutant(
        "a job is resumed that was given another end meanwhile",
        Piece("pausing.py", " or job.resumes_at > now:", ":"),
        Suite("tests/unit/test_verbs.py", "tests of the verbs", "end"),
    ),
    mutant(
        "nobody resumes a job when its pause has ended",
        Piece("engine/resuming.py", "        if self._since:\n", "        if not self._since:\n"),
        Seeds(),
        engine("test_resuming.py"),
    ),
    mutant(
        "a pause until further notice leaves the end of the one before",
        Piece(_ORDERS, " or job.paused_until == until\n", " or job.paused\n"),
        memory("end"),
    ),
    mutant(
        "a poisoned job is given an end",
        Piece(_ORDERS, "job.paused_reason is Reason.POISONED or ", ""),
        memory("end"),
    ),
    mutant(
        "ticks are moved of a job that is not as it was seen",
        Piece(
            _ORDERS,
            "    if job.generation != moved.generation or expected != moved.expected:\n"
            "        return Ordered.CHANGED\n",
            "",
        ),
        Seeds(),
        memory("resume or skip"),
        Scenario("session/no-resume-checks-generation"),
    ),
    mutant(
        "ticks are moved back, behind the watermark",
        Piece(
            _ORDERS,
            "    if settled < job.watermark or (moved.following and"
            " moved.following.fire_time <= settled):\n        return Ordered.CHANGED\n",
            "",
        ),
        memory("resume or skip or settle"),
    ),
    mutant(
        "an order is done once more under the same key",
        Piece(
            "stores/steps/answers.py",
            '    return records.answer_to(f"{verb} {about} {order.key}")\n',
            "    return None\n",
        ),
        memory("key or repeated"),
        Scenario("session/no-trigger-has-key"),
    ),
    mutant(
        "a trigger does not wait at the limit",
        Piece(_ORDERS, "    waits = is_full(job)\n", "    waits = False\n"),
        Seeds(),
        memory("limit or wait"),
        Scenario("session/no-trigger-checks-limit"),
    ),
    mutant(
        "a back-fill runs what has run",
        Piece(
            "stores/steps/backfills.py",
            "if again or not _has_run(records, name, each)]",
            "]",
        ),
        memory("back_fill"),
    ),
    mutant(
        "a cancelled run goes on",
        Piece(
            "stores/steps/cancels.py",
            '    ended = end_unstarted(records, run, f"cancelled{by_whom}")\n',
            "    ended = run\n",
        ),
        Seeds(),
        memory("cancel"),
    ),
    mutant(
        "a cancelled run makes no room",
        Piece(
            "stores/steps/cancels.py",
            "    if run.state in ACTIVE:\n        make_room(records, ended)\n",
            "",
        ),
        Seeds(),
        memory("cancel"),
        Scenario("session/no-promote-in-cancel"),
    ),
)

REMOVALS: tuple[Mutant, ...] = (
    mutant(
        "a job that is created again begins behind its watermark",
        Piece(
            _JOBS,
            "    if declared.first and declared.first.fire_time <= job.watermark:\n"
            "        return Behind(job.watermark)\n",
            "",
        ),
        Seeds(),
        memory("watermark or created_again"),
        Scenario("definitions/no-tombstone-keeps-watermark"),
    ),
    mutant(
        "an instance at work brings a removed job back",
        Piece(_JOBS, "    if not declared.revives:\n        return Declared.REMOVED\n", ""),
        memory("removed"),
        Scenario("definitions/no-revived-by-start-only"),
    ),
    mutant(
        "what waits behind a removed job goes on",
        Piece(
            "stores/steps/overlap.py",
            "    while not (job.removed or is_full",
            "    while not (is_full",
        ),
        memory("place"),
    ),
    mutant(
        "a job is removed although somebody declares it",
        Piece(
            "stores/steps/defining.py",
            "return is_long_so and not is_declared(records, job)",
            "return is_long_so",
        ),
        memory("undeclared or declared"),
    ),
    mutant(
        "a claim that goes back to a removed job is pending for ever",
        Piece("stores/steps/runs.py", "    if job_of(records, run).removed:\n", "    if False:\n"),
        memory("given_back"),
    ),
)
