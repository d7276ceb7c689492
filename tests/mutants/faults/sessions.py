"""Faults of sessions: how long they last, who may close them, and what an instance does then."""

from __future__ import annotations

from tests.mutants.mutant import Mutant, Piece, Scenario, Seeds, engine, memory, mutant

_SESSIONS = "stores/steps/sessions.py"
_WATCH = "engine/watch.py"
_SESSION = "engine/session.py"
_RENEWAL = "engine/renewal.py"
_RECONCILING = "engine/reconciling.py"

CLOSES: tuple[Mutant, ...] = (
    mutant(
        "a session is closed whatever its counter is",
        Piece(_SESSIONS, "dead.counter != counter or ", ""),
        Seeds(),
        memory("closed"),
        Scenario("session/no-close-checks-counter"),
    ),
    mutant(
        "a session is closed whatever the epoch is",
        Piece(_SESSIONS, " or records.fleet().epoch != epoch:", ":"),
        memory("closed"),
        Scenario("session/no-close-checks-epoch"),
    ),
    mutant(
        "a session is closed before it has expired",
        Piece(
            _SESSIONS,
            "    if not dead.is_expired(records.now) and not dead.has_stale_expiry(records.now):\n"
            "        return False\n    leave",
            "    leave",
        ),
        Seeds(),
        memory("closed"),
        Scenario("session/no-close-checks-expiry"),
    ),
    mutant(
        "an expiry far ahead, of before the clock was set back, is believed",
        Piece(_SESSIONS, " and not dead.has_stale_expiry(records.now):", ":"),
        memory("expiry"),
        Scenario("session/no-far-expiry-is-expired"),
    ),
    mutant(
        "a renewal does not raise the counter",
        Piece(_SESSIONS, ", counter=mine.counter + 1)", ")"),
        Seeds(),
        memory("renewal"),
    ),
    mutant(
        "a renewal does not prolong its session",
        Piece(_SESSIONS, "expires_at=records.now + mine.ttl_ms, counter", "counter"),
        Seeds(),
        memory("renewal or revives"),
    ),
    mutant(
        "a renewal opens a closed session again",
        Piece(
            _SESSIONS,
            "    if mine is None:\n        return None\n    # The only place",
            "    if mine is None:\n"
            '        mine = SessionRecord(session, "app", "back", 10_000, "", records.now, 0)\n'
            "    # The only place",
        ),
        Seeds(),
        memory("revives"),
        Scenario("session/no-close-is-final"),
    ),
    mutant(
        "a clock that stepped back a little is followed",
        Piece(
            "stores/steps/records.py",
            "    if clock_ms < greatest_ms <= clock_ms + CLOCK_STEP_BACK_MS:\n"
            "        return greatest_ms\n",
            "",
        ),
        memory("step_back"),
    ),
)

WATCHES: tuple[Mutant, ...] = (
    mutant(
        "a session is believed dead after half a TTL",
        Piece(
            _WATCH,
            "now - sight.since >= sight.ttl_ms",
            "2 * (now - sight.since) >= sight.ttl_ms",
        ),
        Seeds(),
        engine("test_watch.py"),
    ),
    mutant(
        "the store's time alone says that a session is dead",
        Piece(_WATCH, " and now - sight.since >= sight.ttl_ms", ""),
        Seeds(),
        engine("test_watch.py"),
        Scenario("session/no-close-needs-watch"),
    ),
    mutant(
        "a watch goes on though the store gave no answer",
        Piece(
            _WATCH,
            '        """The store gave no answer: every watch begins anew."""\n'
            "        self._sights.clear()\n",
            '        """The store gave no answer: every watch begins anew."""\n',
        ),
        engine("test_watch.py", "unanswered"),
        Scenario("session/no-watch-needs-answers"),
    ),
    mutant(
        "a watch goes on though its own instance was frozen",
        Piece(_WATCH, "now - self._answered_at > self._longest_silence_ms", "False"),
        engine("test_watch.py", "silence or frozen"),
    ),
    mutant(
        "a watch goes on in another epoch",
        Piece(
            _WATCH,
            "store = (renewal.info.id, renewal.info.epoch)",
            "store = (renewal.info.id, 0)",
        ),
        engine("test_watch.py", "epoch"),
        Scenario("session/no-watch-restarts-at-epoch"),
    ),
    mutant(
        "a watch counts from before its answer was received",
        Piece(
            _SESSION,
            "self._watch.saw(renewal, news.received_at)",
            "self._watch.saw(renewal, news.sent_at)",
        ),
        Scenario("session/no-watch-from-receipt"),
        engine("test_watch.py", "slow_answer"),
    ),
    mutant(
        "nobody sweeps what a closed session held",
        Piece(_SESSION, "        if now >= self._sweep_at:\n", "        if False:\n"),
        Seeds(),
        engine("test_session.py", "dead"),
    ),
)

LEASES: tuple[Mutant, ...] = (
    Mutant(
        "a deadline counts from the answer, without a margin",
        (
            Piece(
                _RENEWAL,
                "self._lease = Lease(session, self._deadline(sent_at))\n        self._in_loop",
                "self._lease = Lease(session, self._deadline(received_at))\n        self._in_loop",
            ),
            Piece("engine/times.py", "return self.ttl_ms // 10", "return 0"),
        ),
        (Seeds(100), engine("test_renewal.py", "lease"), Scenario("session/no-deadline-from-send")),
    ),
    mutant(
        "a deadline counts from the answer, less its margin",
        Piece(
            _RENEWAL,
            "self._lease = Lease(session, self._deadline(sent_at))\n        self._in_loop",
            "self._lease = Lease(session, self._deadline(received_at))\n        self._in_loop",
        ),
        engine("test_renewal.py", "lease"),
    ),
    mutant(
        "handlers that may run again are not cancelled before the deadline",
        Piece(_SESSION, "            self._fate.session_ends_soon(self._id)\n", ""),
        Seeds(),
        engine("test_session.py", "repeatable"),
    ),
    mutant(
        "handlers that may run again go on when their session is lost",
        Piece(
            "engine/runner.py",
            "                self._cancel(entered, Outcome.LOST)\n"
            "                entered.call.hurry(0)\n",
            "                pass\n",
        ),
        Seeds(),
        engine("test_session.py", "repeatable"),
    ),
    mutant(
        "a handler that has ended is cancelled",
        Piece("engine/runner.py", " and not self.call.ended.done()\n", "\n"),
        engine("test_runner.py", "ended"),
    ),
    mutant(
        "an instance claims although the store's clock leapt",
        Piece(
            _SESSION,
            '            return "the store\'s clock leapt"\n',
            '            return ""\n',
        ),
        engine("test_session.py", "leap"),
    ),
    mutant(
        "an instance that drains goes on claiming",
        Piece(
            "engine/instance.py",
            "while not self._stopping.is_set():",
            "while not self._hurry.is_set():",
        ),
        engine("test_drain.py", "nothing_more"),
    ),
)

RECONCILIATIONS: tuple[Mutant, ...] = (
    mutant(
        "nobody asks what an unanswered claim has granted",
        Piece(
            _RECONCILING,
            "        if now < max(due, self._calls_land_by):\n            return\n",
            "        return\n",
        ),
        Seeds(),
        engine("test_writes.py", "held"),
        Scenario("session/no-held-reconciles"),
    ),
    mutant(
        "what an unanswered claim has granted is asked before it can have arrived",
        Piece(
            _RECONCILING,
            "self._due = self._clock.boot_ms() + 2 * self._times.call_ms",
            "self._due = self._clock.boot_ms()",
        ),
        engine("test_writes.py"),
        Scenario("session/no-held-waits-for-call"),
    ),
    mutant(
        "what was started by an unanswered call is left as it is",
        Piece("engine/writes.py", "        if started:\n", "        if False:\n"),
        Seeds(),
        engine("test_writes.py", "stray"),
        Scenario("session/no-held-covers-ended"),
    ),
    mutant(
        "runs in hand are given back as strays",
        Piece(
            "engine/writes.py",
            " if (each.claim.run, each.claim.token) not in ours]",
            "]",
        ),
        Seeds(),
        engine("test_writes.py", "hand"),
        Scenario("session/no-held-spares-start"),
    ),
    mutant(
        "a run that the store holds for an instance unasked is not noticed",
        Piece(_RECONCILING, "        if self._exceeded >= 2:\n", "        if False:\n"),
        engine("test_writes.py", "unasked"),
    ),
)
