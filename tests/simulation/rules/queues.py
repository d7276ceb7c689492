"""Rules of what waits, and of what waits for its parts."""

from __future__ import annotations

from collections.abc import Iterator

from cronfleet.model import TERMINAL, RunRecord, RunState
from tests.simulation.mirror import Mirror, Step

FROM_BEST_TO_WORST = ("succeeded", "cancelled", "timed_out", "failed", "lost")


def who_waited_longest_goes_first(step: Step, mirror: Mirror) -> Iterator[str]:
    promoted = [new for old, new in step.runs.values() if _has_waited(old) and _is_next(new)]
    jobs = {run.id.job for run in promoted}
    waiting = [
        run
        for run in (mirror.runs.values() if promoted else ())
        if run.state is RunState.WAITING and run.id.job in jobs and run.id not in step.runs
    ]
    for run in promoted:
        for other in waiting:
            if other.id.job == run.id.job and other.created_at < run.created_at:
                yield f"{run.id} before {other.id}"


def a_waiting_tick_goes_on_only_while_it_is_wanted(step: Step, mirror: Mirror) -> Iterator[str]:
    for old, new in step.runs.values():
        wanted_until = old.wanted_until if old else None
        if _has_waited(old) and _is_next(new) and wanted_until and wanted_until < step.now:
            yield f"{new.id} at {step.now}, wanted until {wanted_until}"


def a_tick_ends_as_the_worst_of_its_shards(step: Step, mirror: Mirror) -> Iterator[str]:
    for old, new in step.runs.values():
        if old is None or old.state is not RunState.SHARDED or new.state is old.state:
            continue
        shards = new.id.of_shards(new.shards)
        now = [
            step.runs[each][1] if each in step.runs else mirror.runs.get(each) for each in shards
        ]
        states = [str(each.state) for each in now if each]
        if not all(each and each.state in TERMINAL for each in now) or new.state != max(
            states, key=FROM_BEST_TO_WORST.index
        ):
            yield f"{new.id} is {new.state}, its shards {states}"


def _has_waited(run: RunRecord | None) -> bool:
    return run is not None and run.state is RunState.WAITING


def _is_next(run: RunRecord) -> bool:
    return run.state in {RunState.PENDING, RunState.SHARDED}


RULES = (
    who_waited_longest_goes_first,
    a_waiting_tick_goes_on_only_while_it_is_wanted,
    a_tick_ends_as_the_worst_of_its_shards,
)
