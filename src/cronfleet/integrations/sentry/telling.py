"""Tells Sentry of attempts that failed, and of each tick that began and ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import sentry_sdk
from sentry_sdk.crons import capture_checkin

from cronfleet import Scheduler
from cronfleet.events import Attempt, AttemptEnded, AttemptStarted, Event, RunTakenBack
from cronfleet.integrations.sentry.monitors import check_in_id, monitor, slug
from cronfleet.masking import is_secret

FAILED = ("failed", "timed_out", "lost")
HIDDEN = "[Filtered]"


def listen(scheduler: Scheduler, *, check_ins: bool = True, arguments: bool = False) -> None:
    """Tell Sentry, by the SDK that the program has set up, what this instance does from now on.

    Each attempt that fails is an error with its job, run and attempt; with a retry to come it is
    a warning. Each tick of a schedule that Sentry has words for checks in, unless `check_ins` is
    off. The job's arguments are sent only with `arguments`. What is sent leaves in a thread of
    the SDK's own. What is said in the log as an error, alerts too, the SDK reports by itself.
    """
    scheduler.listen(_Telling(check_ins=check_ins, arguments=arguments))


class _Telling:
    def __init__(self, *, check_ins: bool, arguments: bool) -> None:
        self._checks_in = check_ins
        self._tells_arguments = arguments

    def __call__(self, event: Event) -> None:
        match event:
            case AttemptStarted():
                self._check_in(event.attempt, "in_progress")
            case AttemptEnded():
                self._ended(event)
            case RunTakenBack(state="lost"):
                _tell_loss(event)
            case _:
                pass  # Nothing that failed.

    def _ended(self, event: AttemptEnded) -> None:
        has_failed = event.outcome in FAILED
        if has_failed:
            self._tell_error(event)
        if event.retry_in_s is None:
            status = "ok" if event.outcome == "succeeded" else "error"
            self._check_in(event.attempt, status, event.duration_s)

    def _check_in(self, attempt: Attempt, status: str, duration_s: float | None = None) -> None:
        """A retry is the same check-in; what a person ordered is no tick that was expected."""
        if not self._checks_in or attempt.kind != "tick":
            return
        expected = monitor(attempt.job, attempt.schedule, attempt.timeout_s, attempt.jitter_s)
        if expected is not None:
            capture_checkin(
                slug(attempt.job),
                check_in_id(attempt.run),
                status,
                duration_s,
                cast("Any", expected),
            )

    def _tell_error(self, event: AttemptEnded) -> None:
        attempt = event.attempt
        with sentry_sdk.new_scope() as scope:
            scope.set_level("error" if event.retry_in_s is None else "warning")
            for name, value in _tags(attempt, event.outcome).items():
                scope.set_tag(name, value)
            scope.set_context("run", self._context(event))
            if event.raised is not None:
                scope.capture_exception(event.raised)
            else:
                # One issue for each job and outcome, whatever the words.
                scope.fingerprint = ["cronfleet", attempt.job, event.outcome]
                said = f": {event.error}" if event.error else ""
                scope.capture_message(f"{attempt.job} {event.outcome}{said}")

    def _context(self, event: AttemptEnded) -> dict[str, Any]:
        attempt = event.attempt
        context: dict[str, Any] = {
            "fire_time": attempt.fire_time.isoformat(),
            "token": attempt.token,
            "duration_s": event.duration_s,
            "retry_in_s": event.retry_in_s,
        }
        if self._tells_arguments:
            context["arguments"] = _without_secrets(attempt.args)
        return context


def _tags(attempt: Attempt, outcome: str) -> dict[str, str]:
    return {
        "job": attempt.job,
        "run": attempt.run,
        "kind": attempt.kind,
        "attempt": str(attempt.number),
        "outcome": outcome,
    }


def _without_secrets(part: Any) -> Any:
    if isinstance(part, Mapping):
        named = cast("Mapping[str, Any]", part)
        return {
            name: HIDDEN if is_secret(name) else _without_secrets(value)
            for name, value in named.items()
        }
    return part


def _tell_loss(event: RunTakenBack) -> None:
    with sentry_sdk.new_scope() as scope:
        scope.set_level("error")
        scope.set_tag("job", event.job)
        scope.set_tag("run", event.run)
        scope.fingerprint = ["cronfleet", event.job, "lost"]
        scope.capture_message(f"{event.job} lost: its instance died, and it is not run again")
