"""Faults of the claim, and of the start that follows it."""

from __future__ import annotations

from tests.mutants.mutant import Mutant, Piece, Scenario, Seeds, engine, memory, mutant, of_store

_CLAIMS = "stores/steps/claims.py"
_RUNS = "stores/steps/runs.py"

CLAIMS: tuple[Mutant, ...] = (
    mutant(
        "a claim does not look at the generation",
        Piece(_CLAIMS, "        and job.generation == item.generation\n", ""),
        Seeds(),
        memory("claim or generation"),
        Scenario("session/no-edit-raises-generation"),
    ),
    mutant(
        "a claim does not look at the expected fire time",
        Piece(_CLAIMS, "        and job.expected.fire_time == item.expected\n", ""),
        memory("claim"),
    ),
    mutant(
        "a claim does not look at the pause",
        Piece(_CLAIMS, "        and not job.paused\n", ""),
        memory("claim and paused"),
    ),
    mutant(
        "a claim does not look at the watermark",
        Piece(_CLAIMS, "        and item.expected > job.watermark\n", ""),
        of_store("test_checking.py", "granted_to_nobody"),
    ),
    mutant(
        "a claim leaves the watermark where it was",
        Piece(_CLAIMS, "watermark=settled, since=since)", "since=since)"),
        Seeds(),
        memory("claim"),
        Scenario("session/no-watermark"),
    ),
    mutant(
        "a claim leaves the expected fire time where it was",
        Piece(_CLAIMS, "replace(job, expected=item.following, ", "replace(job, "),
        Seeds(),
        memory("claim"),
    ),
    mutant(
        "a claim is granted to a session that has expired",
        Piece(
            _CLAIMS,
            "if session is None or session.is_expired(records.now):",
            "if session is None:",
        ),
        Seeds(),
        memory("claim or expired"),
    ),
    mutant(
        "a claim does not look whether its tick is due",
        Piece(_CLAIMS, "max(job.expected.due, settled) > records.now", "settled > records.now"),
        Seeds(),
        memory("claim or due"),
        Scenario("session/no-store-time-only"),
    ),
    mutant(
        "a claim does not count the active runs",
        Piece(
            _CLAIMS,
            "    if is_full(moved):\n        records.put_job(moved)\n"
            "        return hold_back(records, job, item, item.fire_time)\n",
            "",
        ),
        Seeds(),
        memory("limit or overlap or active"),
        Scenario("session/no-claim-checks-overlap"),
    ),
    mutant(
        "a tick whose run is on record is claimed again",
        Piece(
            _CLAIMS,
            "    if records.run(run):\n        records.put_job(moved)"
            "  # The record proves that somebody settled it.\n        return NotGranted.LOST\n",
            "",
        ),
        of_store("test_checking.py", "ran_while"),
    ),
    mutant(
        "after a refused tick the next one of its job is claimed",
        Piece(
            _CLAIMS,
            "            if isinstance(answer, NotGranted):\n"
            "                refused.add(item.job)\n",
            "",
        ),
        memory("refused or several or rest"),
    ),
    mutant(
        "a run is claimed that somebody else has claimed",
        Piece(_CLAIMS, " or run.state is not RunState.PENDING:", ":"),
        Seeds(),
        memory("claim"),
    ),
    mutant(
        "a run is claimed before its back-off is over",
        Piece(
            _CLAIMS,
            "    if run.not_before > records.now:\n        return NotGranted.NOT_DUE\n",
            "",
        ),
        Seeds(60),
        memory("claim or retry or before"),
        Scenario("attempts/no-back-off-is-kept"),
    ),
    mutant(
        "the gap before a late tick is not recorded",
        Piece(
            _CLAIMS,
            "    if item.gap:\n        add_gap(records, job, item.gap)\n",
            "",
        ),
        Seeds(),
        memory("gap"),
    ),
)

STARTS: tuple[Mutant, ...] = (
    mutant(
        "a start is granted to a session that has expired",
        Piece(_RUNS, "if mine is None or mine.is_expired(records.now):", "if mine is None:"),
        Seeds(),
        memory("start"),
    ),
    mutant(
        "a start needs no token",
        Piece(_RUNS, "run is None or run.token != asked.token or ", "run is None or "),
        memory("start"),
    ),
    mutant(
        "a start may come from another session",
        Piece(_RUNS, " or run.session != session:", ":"),
        memory("start"),
    ),
    mutant(
        "a start is granted again under another start id",
        Piece(
            _RUNS,
            "return run.state is RunState.STARTED and run.start_id == asked.start_id",
            "return run.state is RunState.STARTED",
        ),
        memory("start"),
        Scenario("session/no-start-id-checked"),
    ),
    mutant(
        "a start that is repeated is refused",
        Piece(
            _RUNS,
            "return run.state is RunState.STARTED and run.start_id == asked.start_id",
            "return False",
        ),
        memory("start"),
    ),
    Mutant(
        "no look at the deadline after a start was granted",
        (
            Piece(
                "engine/writes.py",
                "self._session.holds(session) and not self._session.is_reset",
                "True",
            ),
            Piece(
                "engine/calls.py",
                "    if not may_enter():\n        return NotEnteredError()\n    me = os.getpid()\n"
                "    try:\n        await",
                "    me = os.getpid()\n    try:\n        await",
            ),
        ),
        (
            Seeds(),
            engine("test_writes.py", "deadline"),
            Scenario("session/no-second-look-at-deadline"),
        ),
    ),
    Mutant(
        "an unanswered start counts as granted",
        (
            Piece(
                "engine/instance.py",
                "                case Entry.GRANTED:\n",
                "                case Entry.GRANTED | Entry.UNANSWERED:\n",
            ),
            Piece(
                "engine/calls.py",
                "    if not may_enter():\n        return NotEnteredError()\n    me = os.getpid()\n"
                "    try:\n        await",
                "    me = os.getpid()\n    try:\n        await",
            ),
        ),
        (Seeds(), engine("test_writes.py", "start")),
    ),
    mutant(
        "a refused start counts as granted",
        Piece(
            "engine/writes.py",
            "            if not granted:\n                return Entry.REFUSED\n",
            "",
        ),
        Seeds(),
        engine("test_writes.py", "start"),
    ),
)
