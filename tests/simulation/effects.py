"""What handlers did, by true time; and what must hold of it, whatever the store says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from cronfleet.context import RunContext
from cronfleet.model import OnLost, RunState
from cronfleet.run_id import Instant, RunId
from tests.simulation.case import Job
from tests.simulation.mirror import Mirror, Step

RULES = (
    "a_handler_is_entered_only_while_it_is_started",
    "an_attempt_begins_when_the_one_before_it_has_ended",
    "a_handler_is_never_entered_after_a_newer_one",
    "a_token_enters_its_handler_once",
    "a_tick_is_started_at_most_once",
    "an_outcome_is_what_the_handler_did",
)


@dataclass(slots=True)
class Effect:
    """One entering of a handler."""

    run: RunId
    who: str
    token: int
    attempt: int
    entered: int
    may_not_have_heard: Callable[[], bool] = field(repr=False)
    """Whether its process could not hear that it must end."""
    cannot_be_stopped: bool
    store: int = 0
    """How often the store had been emptied when it said that it may be entered."""
    may_run_again: bool = True
    ended: int | None = None
    how: str = ""


class Effects:
    """All of them, in their order."""

    def __init__(self, mirror: Mirror, now_ms: Callable[[], int]) -> None:
        self._mirror = mirror
        self._now_ms = now_ms
        self._of: defaultdict[RunId, list[Effect]] = defaultdict(list)
        self._by_token: dict[int, Effect] = {}
        self.count = 0

    def enter(
        self, context: RunContext, who: str, job: Job, may_not_have_heard: Callable[[], bool]
    ) -> Effect:
        """A handler is entered."""
        effect = Effect(
            RunId.parse(context.run_id),
            who,
            context.token,
            context.attempt,
            self._now_ms(),
            may_not_have_heard,
            cannot_be_stopped=job.stubborn or job.plain,
        )
        self._of[effect.run].append(effect)
        self._by_token[context.token] = effect
        self.count += 1
        return effect

    def end(self, effect: Effect, how: str) -> None:
        effect.ended, effect.how = self._now_ms(), how

    def of(self, token: int) -> Effect | None:
        return self._by_token.get(token)

    def broken(
        self, effect: Effect, *, has_seen: Callable[[int], Instant], has_slept: bool
    ) -> Iterator[tuple[str, str]]:
        """The rules that it breaks to enter it now, and how."""
        stored = self._mirror.runs.get(effect.run)
        is_forgotten = stored is None and self._mirror.emptied > 0
        effect.store = self._mirror.emptied - is_forgotten
        before = _known_before(effect, self._of[effect.run][:-1], has_seen)
        told = f"{effect.run} attempt {effect.attempt} on {effect.who}, after {before}"
        is_started = stored and (stored.state, stored.token) == (RunState.STARTED, effect.token)
        if not is_started and not has_slept and not is_forgotten:
            yield "a_handler_is_entered_only_while_it_is_started", f"{told}: {stored}"
        if stored and self._mirror.on_lost.get(effect.token) is OnLost.ABANDON:
            effect.may_run_again = False
        if any(_still_runs(each) for each in before if each.token < effect.token):
            yield "an_attempt_begins_when_the_one_before_it_has_ended", told
        yield from _again(effect, before, told)
        # Whose clocks slept, too, cannot know that its session has ended.
        if not has_slept and any(each.token > effect.token for each in before):
            yield "a_handler_is_never_entered_after_a_newer_one", told


def _known_before(
    effect: Effect, before: list[Effect], has_seen: Callable[[int], Instant]
) -> list[Effect]:
    """The effects before it of which its instance can know.

    Of a store that has lost all nothing is known but the time that it was seen to show; whoever
    orders a run gives it an id that may have been given there. An attempt follows those before it
    in its own store, where somebody who knew even less may have made the first.
    """
    in_its_store = [each for each in before if each.store == effect.store]
    was_seen = effect.run.fire_time <= has_seen(effect.store)
    return before if was_seen and not in_its_store and not effect.run.number else in_its_store


def _again(effect: Effect, before: list[Effect], told: str) -> Iterator[tuple[str, str]]:
    if any(each.token == effect.token for each in before):
        yield "a_token_enters_its_handler_once", told
    if not effect.may_run_again and any(each.attempt >= effect.attempt for each in before):
        yield "a_tick_is_started_at_most_once", told


def _still_runs(earlier: Effect) -> bool:
    """Without an excuse: its handler takes no notice, or could not be told to end."""
    if earlier.ended is not None or earlier.cannot_be_stopped:
        return False
    return not (earlier.may_run_again and earlier.may_not_have_heard())


_ENDS = {
    RunState.SUCCEEDED: "succeeded",
    RunState.FAILED: "failed",
    RunState.TIMED_OUT: "cancelled",
    RunState.CANCELLED: "cancelled",
}
"""How a handler ends whose run has this outcome; one that was lost may have ended anyhow."""


def misreported(step: Step, effects: Effects) -> Iterator[tuple[str, str]]:
    """Outcomes that are not what the handler did."""
    for old, new in step.runs.values():
        if old is None or old.state is not RunState.STARTED or new.outcome is None:
            continue
        how = _ENDS.get(RunState(new.outcome))
        effect = effects.of(new.token)
        if how == "cancelled" and (effect is None or effect.cannot_be_stopped):
            continue  # It was not entered yet, or takes no notice.
        if how and new.state is not RunState.STARTED and (effect is None or effect.how != how):
            yield "an_outcome_is_what_the_handler_did", f"{new.id}: {new.outcome}, {effect}"
