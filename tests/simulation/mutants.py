"""Faults of the protocol that the simulator must find: one entry each.

Not every check has one. Whatever pauses a job or moves its ticks raises the generation or the
watermark, too, so a claim that looks at these two need not look at the pause or at the expected
fire time: nothing could tell the difference.
"""

from __future__ import annotations

from tests.simulation.planting import Mutant, Piece, mutant

STEPS = "cronfleet.stores.steps"
ENGINE = "cronfleet.engine"

MUTANTS: tuple[Mutant, ...] = (
    mutant(
        "a claim does not look at the generation",
        f"{STEPS}.claims",
        "        and job.generation == item.generation\n",
        "",
    ),
    mutant(
        "a claim leaves the watermark where it was",
        f"{STEPS}.claims",
        "watermark=settled, since=since)",
        "since=since)",
    ),
    mutant(
        "a claim is granted to a session that has expired",
        f"{STEPS}.claims",
        "if session is None or session.is_expired(records.now):",
        "if session is None:",
    ),
    mutant(
        "a claim does not look whether its tick is due",
        f"{STEPS}.claims",
        "max(job.expected.due, settled) > records.now",
        "settled > records.now",
    ),
    mutant(
        "a start is granted to a session that has expired",
        f"{STEPS}.runs",
        "if mine is None or mine.is_expired(records.now):",
        "if mine is None:",
    ),
    mutant(
        "a completion needs no token",
        f"{STEPS}.runs",
        "if run is None or run.token != said.token:",
        "if run is None:",
    ),
    mutant(
        "a release needs no token",
        f"{STEPS}.runs",
        "run.token == claim.token and run.state",
        "run.state",
    ),
    mutant(
        "an abandoned run runs again when it is lost",
        f"{STEPS}.runs",
        "if run.on_lost is OnLost.ABANDON or not _may_run_again(records, run):",
        "if not _may_run_again(records, run):",
    ),
    mutant(
        "a run that has ended makes no room",
        f"{STEPS}.runs",
        "promote(records, replace(job, active=job.active - 1))",
        "promote(records, job)",
    ),
    mutant(
        "a session is closed whatever its counter is",
        f"{STEPS}.sessions",
        "dead.counter != counter or ",
        "",
    ),
    mutant(
        "a token follows the clock alone",
        f"{STEPS}.records",
        "max(last + 1, now * TOKENS_PER_MS)",
        "now * TOKENS_PER_MS",
    ),
    mutant(
        "an edit moves a job's ticks back",
        f"{STEPS}.jobs",
        "if expected and expected.fire_time <= job.watermark:",
        "if False:",
    ),
    mutant(
        "late ticks leave no gap",
        "cronfleet.policy",
        "    if fire_time == expected:\n        return None\n    previous",
        "    return None\n    previous",
    ),
    mutant(
        "a session is believed dead after half a TTL",
        f"{ENGINE}.watch",
        "now - sight.since >= sight.ttl_ms",
        "2 * (now - sight.since) >= sight.ttl_ms",
    ),
    Mutant(
        "a deadline counts from the answer, without a margin",
        (
            Piece(
                f"{ENGINE}.renewal",
                "self._lease = Lease(session, self._deadline(sent_at))\n        self._in_loop",
                "self._lease = Lease(session, self._deadline(received_at))\n        self._in_loop",
            ),
            Piece(f"{ENGINE}.times", "return self.ttl_ms // 10", "return 0"),
        ),
    ),
    Mutant(
        "no look at the deadline after a start was granted",
        (
            Piece(
                f"{ENGINE}.writes",
                "self._session.holds(session) and not self._session.is_reset",
                "True",
            ),
            Piece(
                f"{ENGINE}.calls",
                "    if not may_enter():\n        return NotEnteredError()\n    me = os.getpid()\n"
                "    try:\n        await",
                "    me = os.getpid()\n    try:\n        await",
            ),
        ),
    ),
    mutant(
        "handlers that may run again are not cancelled before the deadline",
        f"{ENGINE}.session",
        "            self._fate.session_ends_soon(self._id)\n",
        "",
    ),
    mutant(
        "nobody asks what an unanswered claim has granted",
        f"{ENGINE}.reconciling",
        "        if now < max(due, self._calls_land_by):\n            return\n",
        "        return\n",
    ),
)
