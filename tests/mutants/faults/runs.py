"""Faults of what follows a start: completed, released, lost, tried again."""

from __future__ import annotations

from tests.mutants.mutant import Mutant, Piece, Scenario, Seeds, engine, memory, mutant, policies

_RUNS = "stores/steps/runs.py"
_SESSIONS = "stores/steps/sessions.py"
_ATTEMPTS = policies("test_attempts.py")

COMPLETIONS: tuple[Mutant, ...] = (
    mutant(
        "a completion needs no token",
        Piece(_RUNS, "if run is None or run.token != said.token:", "if run is None:"),
        Seeds(),
        memory("complete or completion"),
        _ATTEMPTS,
        Scenario("attempts/no-tokens-fence"),
    ),
    mutant(
        "a completion that is repeated is refused",
        Piece(
            _RUNS,
            "    if run.outcome is said.outcome:\n        return Recorded.DONE",
            "    if False:\n        return Recorded.DONE",
        ),
        memory("complete or completion"),
    ),
    mutant(
        "an outcome that comes after the loss is not kept",
        Piece(_RUNS, "late_outcome=run.late_outcome or said.outcome", "late_outcome=None"),
        memory("late"),
    ),
    mutant(
        "an outcome that comes after the loss ends the run once more",
        Piece(
            _RUNS,
            "    if run.state is RunState.STARTED:\n        _end_attempt",
            "    if run.state in {RunState.STARTED, RunState.LOST}:\n        _end_attempt",
        ),
        Seeds(),
        memory("late or lost"),
    ),
    mutant(
        "a run that has ended makes no room",
        Piece(
            _RUNS,
            "promote(records, replace(job, active=job.active - 1))",
            "promote(records, job)",
        ),
        Seeds(),
        memory("wait or overlap"),
        Scenario("attempts/no-ends-promote"),
    ),
    mutant(
        "a run that has ended lets no waiting one go on",
        Piece(
            _RUNS,
            "promote(records, replace(job, active=job.active - 1))",
            "records.put_job(replace(job, active=job.active - 1))",
        ),
        Seeds(),
        memory("wait or overlap"),
        Scenario("session/no-promote-in-complete"),
    ),
    mutant(
        "an instance says an outcome once, answered or not",
        Piece(
            "engine/writes.py",
            "                recorded = await self._completions.write(completion)\n"
            "            except StoreError:\n                recorded = Recorded.UNANSWERED\n",
            "                recorded = await self._completions.write(completion)\n"
            "            except StoreError:\n                return Recorded.DONE\n",
        ),
        Scenario("session/no-complete-repeats+held-covers-ended"),
        engine("test_writes.py", "outcome"),
    ),
)

RELEASES: tuple[Mutant, ...] = (
    mutant(
        "a release needs no token",
        Piece(_RUNS, "run.token == claim.token and run.state", "run.state"),
        memory("release"),
    ),
    mutant(
        "a run that was started can be released",
        Piece(
            _RUNS,
            "run.token == claim.token and run.state is RunState.CLAIMED",
            "run.token == claim.token and run.session is not None",
        ),
        memory("release"),
        _ATTEMPTS,
    ),
    mutant(
        "a claim that is given back uses up its attempt",
        Piece(
            _RUNS,
            "back = replace(run, state=RunState.PENDING, session=None)",
            "back = replace(run, state=RunState.PENDING, session=None, attempt=run.attempt + 1)",
        ),
        Seeds(),
        memory("release or swept"),
        _ATTEMPTS,
        Scenario("attempts/no-returned-keeps-attempt"),
    ),
    mutant(
        "an instance that drains keeps its claims",
        Piece(
            "engine/instance.py",
            "            if self._must_not_begin(job, claim):\n"
            "                await self._writes.release([claim])\n",
            "            if self._must_not_begin(job, claim):\n",
        ),
        Seeds(60),
        engine("test_drain.py"),
    ),
)

LOSSES: tuple[Mutant, ...] = (
    mutant(
        "an abandoned run runs again when it is lost",
        Piece(
            _RUNS,
            "if run.on_lost is OnLost.ABANDON or not _may_run_again(records, run):",
            "if not _may_run_again(records, run):",
        ),
        Seeds(),
        memory("lost or swept"),
        _ATTEMPTS,
    ),
    mutant(
        "a run is lost any number of times",
        Piece(_RUNS, "if lost.losses <= LOSSES_ALLOWED:", "if lost.losses >= 0:"),
        memory("losses or poison"),
        _ATTEMPTS,
        Scenario("attempts/no-losses-are-stored"),
    ),
    mutant(
        "an outcome does not end a row of losses",
        Piece(_RUNS, "outcome=said.outcome, losses=0)", "outcome=said.outcome)"),
        memory("losses or poison"),
        _ATTEMPTS,
        Scenario("attempts/no-outcome-ends-row"),
    ),
    mutant(
        "a loss that the instance itself tells of counts",
        Piece(
            _RUNS,
            "        lose(records, run)\n    elif",
            "        lose(records, replace(run, losses=run.losses + 1))\n    elif",
        ),
        memory("losses or lost"),
        _ATTEMPTS,
        Scenario("attempts/no-own-loss-is-none"),
    ),
    mutant(
        "a claimed run of a dead session counts as lost",
        Piece(
            _SESSIONS,
            "        if run.state is RunState.CLAIMED:\n",
            "        if False:\n",
        ),
        Seeds(),
        memory("swept or sweep"),
        _ATTEMPTS,
        Scenario("attempts/no-claimed-is-no-loss"),
    ),
    mutant(
        "a poisoned job is not paused",
        Piece(_RUNS, "    _poison(records, lost)\n", ""),
        memory("poison"),
        _ATTEMPTS,
    ),
    mutant(
        "a run goes by what its job says of losses when it was made",
        Piece(
            "stores/steps/claims.py",
            "            on_lost=job.on_lost,  # As those say who are to run it, whoever it was made for.\n",
            "",
        ),
        Seeds(),
        memory("lost"),
    ),
)

RETRIES: tuple[Mutant, ...] = (
    mutant(
        "a run that was asked to cancel is tried again",
        Piece(
            _RUNS,
            "return run.cancel_asked_at is None and not job_of",
            "return not job_of",
        ),
        Seeds(),
        memory("cancel"),
        _ATTEMPTS,
        Scenario("attempts/no-asked-ends"),
    ),
    mutant(
        "a run of a removed job is tried again",
        Piece(
            _RUNS,
            "return run.cancel_asked_at is None and not job_of(records, run).removed",
            "return run.cancel_asked_at is None",
        ),
        memory("remove"),
        _ATTEMPTS,
        Scenario("attempts/no-removed-ends"),
    ),
    mutant(
        "another attempt has the number of the one before",
        Piece(_RUNS, "attempt=run.attempt + 1,", "attempt=run.attempt,"),
        Seeds(),
        memory("retry or attempt"),
        _ATTEMPTS,
        Scenario("attempts/no-attempt-is-stored"),
    ),
    mutant(
        "another attempt may begin at once",
        Piece(
            _RUNS,
            "not_before=records.now + said.retry_in_ms)",
            "not_before=records.now)",
        ),
        memory("retry"),
        _ATTEMPTS,
    ),
    mutant(
        "there is one attempt more than the policy grants",
        Piece("policy.py", "attempt >= retry.attempts", "attempt > retry.attempts"),
        _ATTEMPTS,
    ),
    mutant(
        "the first delay is twice what the policy says",
        Piece("policy.py", "retry.factor ** (attempt - 1)", "retry.factor ** attempt"),
        _ATTEMPTS,
    ),
)
