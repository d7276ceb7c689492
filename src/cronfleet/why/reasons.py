"""The words for a tick that was skipped, or of which there is nothing to tell but why not."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cronfleet.model import MAX_COUNTED, Kind, RunRecord
from cronfleet.why.explanation import TickVerdict
from cronfleet.why.said import Said, Telling, since, where
from cronfleet.why.times import span, utc

_START = "start an instance of its program"


def _to_come(telling: Telling) -> Said:
    facts = telling.facts
    jitter = f", due at {utc(facts.due)} by its jitter" if facts.due != facts.fire_time else ""
    left_ms = facts.due - facts.now
    soon = f"in {span(left_ms)}" if left_ms > 0 else "at any moment"
    return Said(f"{telling.job} is still to come for {telling.tick}: {soon}{jitter}")


def _overdue(telling: Telling) -> Said:
    late = span(telling.facts.now - telling.facts.due)
    return Said(
        f"{telling.job} has not run yet for {telling.tick}: it has been due for {late}, and no "
        "instance has come to it, though some are at work",
        "see whether they are overloaded or have stopped to claim: cronfleet doctor",
    )


def _overlap(telling: Telling) -> Said:
    run = telling.facts.run
    if run is not None:
        other = telling.decided.in_the_way[:1]
        newer = f": {other[0].id}" if other and other[0].kind is Kind.TICK else ""
        return telling.did_not_run(
            f"it waited for its turn, and a newer tick took its place{newer}",
            'make the job faster or rarer, or let all ticks wait: overlap="wait_all"',
        )
    advice = 'make the job faster or rarer, or let ticks wait: overlap="wait"'
    if not telling.decided.in_the_way:
        gone = "the job was still running, and the record of that run is kept no more"
        return telling.did_not_run(gone, advice)
    other, *more = telling.decided.in_the_way
    others = f" and {len(more)} more" if more else ""
    ended = f" until {utc(other.ended_at)}" if other.ended_at is not None else ""
    if other.ended_at is None:
        advice = f"if that run hangs: cronfleet cancel {other.id}"
    return telling.did_not_run(
        f"its run {other.id} was still active{where(other)}{since(other.started_at)}{ended}{others}",
        advice,
    )


def _misfire(telling: Telling) -> Said:
    facts, definition = telling.facts, telling.facts.plan.definition
    policy = f'misfire="{definition.misfire}"'
    advice = (
        f"run it after all: cronfleet backfill {telling.job}, or give it a longer misfire_grace"
    )
    if facts.run is not None:
        return telling.did_not_run(f"it waited until it was too late for {policy}", advice)
    if stand_in := _stand_in(telling):
        return telling.did_not_run(
            f"it was late, and by {policy} only the newest of several runs: {stand_in.id}",
            'if each of them counts: misfire="all"',
        )
    witness = telling.decided.presence.witness
    at_work = (
        f"; the fleet was at work (it started {witness.id} at {utc(witness.started_at)})"
        if witness and witness.started_at is not None
        else ""
    )
    late = span(max(0, (facts.gap.recorded_at if facts.gap else facts.now) - facts.due))
    return telling.did_not_run(f"it came {late} late, too late for {policy}{at_work}", advice)


def _stand_in(telling: Telling) -> RunRecord | None:
    """The tick that ran in its place."""
    facts = telling.facts
    if facts.gap is None:
        return None
    following = facts.plan.schedule.next_after(facts.gap.gap.last)
    runs = (run for run in facts.runs if run.kind is Kind.TICK and run.id.fire_time == following)
    found = next(runs, None)
    is_so_old = found and found.created_at < facts.gap.recorded_at
    return None if is_so_old else found


def _paused(telling: Telling) -> Said:
    if telling.facts.gap is None:
        told = telling.by("pause") or _paused_by(telling)
        return telling.did_not_run(f"the job is paused{told}", _how_it_goes_on(telling))
    return telling.did_not_run(
        f"the job was paused{telling.by('pause')}{_resumed(telling)}",
        f"if the tick is still wanted: cronfleet backfill {telling.job}",
    )


def _how_it_goes_on(telling: Telling) -> str:
    until = telling.facts.job.paused_until
    if until is None:
        return f"go on with it: cronfleet resume {telling.job}"
    if until <= telling.facts.now:
        return (
            f"it was to go on by itself on {utc(until)}: an instance of its program must be at work"
        )
    return f"it goes on by itself on {utc(until)}; sooner: cronfleet resume {telling.job}"


def _paused_by(telling: Telling) -> str:
    job = telling.facts.job
    who = f" by {job.paused_by}" if job.paused_by else ""
    return who + (f" ({job.paused_why})" if job.paused_why else "")


def _poisoned(telling: Telling) -> Said:
    lost = telling.decided.in_the_way
    why = telling.facts.job.paused_why or (
        f"run {lost[0].id} lost its instance {lost[0].losses} times in a row" if lost else ""
    )
    return telling.did_not_run(
        f"the job was paused as poisoned: {why}{_resumed(telling)}",
        f"mend what kills its instance, then: cronfleet resume {telling.job}",
    )


def _resumed(telling: Telling) -> str:
    resumed = telling.by("resume")
    return f", and resumed{resumed}" if resumed else ""


def _by_hand(telling: Telling) -> Said:
    by = telling.by("skip_next")
    if adopted := telling.by("adopt"):
        return telling.did_not_run(f"it was settled when the store was adopted{adopted}")
    return telling.did_not_run(
        f"it was skipped by hand{by}", f"run it after all: cronfleet trigger {telling.job}"
    )


def _removed(telling: Telling) -> Said:
    return telling.did_not_run(
        f"the job was removed{telling.by('remove')}", "if it is wanted again, declare it again"
    )


def _no_instance(telling: Telling) -> Said:
    facts = telling.facts
    program = facts.job.program
    undeclared = since(facts.job.undeclared_since) if facts.gap is None else ""
    return telling.did_not_run(
        f"no instance at work knew the job{undeclared}{_row(telling)}",
        f"{_START}, which is {program!r}, or remove the job",
    )


def _fleet_down(telling: Telling) -> Said:
    seen = telling.decided.presence.last_seen
    last = (
        f"; the last that was: {seen.instance} started {seen.id} at {utc(seen.started_at)}"
        if seen and seen.started_at is not None
        else ""
    )
    if telling.facts.gap is None:
        return telling.did_not_run(f"no instance is at work{last}", f"{_START}: cronfleet run")
    return telling.did_not_run(
        f"nothing shows that an instance was at work from then until {_recorded(telling)}{last}"
        f"{_row(telling)}",
        f"look what stopped the fleet, or kept it from its store; if the tick is still wanted: "
        f"cronfleet backfill {telling.job}",
    )


def _store_down(telling: Telling) -> Said:
    return telling.did_not_run(
        f"{telling.decided.presence.survivor} was there, but no run on record was started until "
        f"{_recorded(telling)}: the store gave no answer, or that instance stood still"
        f"{_row(telling)}",
        f"look into the logs of both; if the tick is still wanted: cronfleet backfill {telling.job}",
    )


def _recorded(telling: Telling) -> str:
    gap = telling.facts.gap
    return utc(gap.recorded_at if gap else telling.facts.now)


def _row(telling: Telling) -> str:
    """Of several ticks that were skipped together, how many."""
    gap = telling.facts.gap and telling.facts.gap.gap
    if not gap or gap.count == 1:
        return ""
    count = f"{gap.count:,}" if gap.count <= MAX_COUNTED else f"over {MAX_COUNTED:,}"
    return f" ({count} ticks, {utc(gap.first)} to {utc(gap.last)})"


def _clock_change(telling: Telling) -> Said:
    facts = telling.facts
    asked = telling.times.wall(facts.asked.wall)
    change = facts.asked.clock_change
    if facts.fire_time is None:
        return Said(f"{telling.job} {telling.no_run} at {asked}: {change}")
    run = facts.run
    if run is None or run.started_at is None:
        what = f"it is still to come, {telling.tick}"
    else:
        what = f"it ran for {telling.tick}: {run.id} {run.state}"
    return Said(f"{telling.job} {telling.no_run} at {asked}: {change}; {what}")


def _no_fire_time(telling: Telling) -> Said:
    facts, schedule = telling.facts, telling.facts.plan.schedule
    instant = facts.asked.instant
    before, after = schedule.previous_before(instant), schedule.next_after(instant)
    near = [
        f"the last before it is {'none' if before is None else telling.times.full(before)}",
        f"the next after it {'none' if after is None else telling.times.full(after)}",
    ]
    return telling.did_not_run(
        f"that is no fire time of its schedule, {schedule.describe()}: {', '.join(near)}"
    )


def _not_in_force(telling: Telling) -> Said:
    job = telling.facts.job
    changed = telling.by("update") or telling.by("add")
    if job.since < 0 or (telling.facts.fire_time or 0) < job.since:
        first = f"; its first tick was that of {utc(job.since)}" if job.since >= 0 else ""
        return telling.did_not_run(f"the job was added later{changed}{first}")
    later = f"its schedule was changed{changed}" if changed else "its schedule was another one"
    return telling.did_not_run(f"the job expected no tick then: {later}")


def _pruned(telling: Telling) -> Said:
    history = telling.facts.plan.definition.history
    kept = f"{history.successes} successes and {history.failures} failures, {span(history.age_ms)}"
    return Said(
        f"what became of {telling.job} for {telling.tick} is not known any more: that tick was "
        f"settled, and there is no record of it in the job's history, which keeps {kept}",
        "give the job a longer history if you need to look so far back",
    )


REASONS: Mapping[TickVerdict, Callable[[Telling], Said]] = {
    TickVerdict.TO_COME: _to_come,
    TickVerdict.OVERDUE: _overdue,
    TickVerdict.OVERLAP: _overlap,
    TickVerdict.MISFIRE: _misfire,
    TickVerdict.PAUSED: _paused,
    TickVerdict.POISONED: _poisoned,
    TickVerdict.BY_HAND: _by_hand,
    TickVerdict.REMOVED: _removed,
    TickVerdict.NO_INSTANCE: _no_instance,
    TickVerdict.FLEET_DOWN: _fleet_down,
    TickVerdict.STORE_DOWN: _store_down,
    TickVerdict.CLOCK_CHANGE: _clock_change,
    TickVerdict.NO_FIRE_TIME: _no_fire_time,
    TickVerdict.NOT_IN_FORCE: _not_in_force,
    TickVerdict.PRUNED: _pruned,
}
"""How each of them is told."""
