"""The words for what became of a tick, and for what to do. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from cronfleet.info import AuditInfo, GapInfo, RunInfo, moment
from cronfleet.model import Instant, RunRecord
from cronfleet.why.deciding import Decided
from cronfleet.why.explanation import Explanation, TickVerdict
from cronfleet.why.facts import Facts
from cronfleet.why.reasons import REASONS
from cronfleet.why.runs import RUNS
from cronfleet.why.said import Said, Telling
from cronfleet.why.times import Times, utc

_SAY: Mapping[TickVerdict, Callable[[Telling], Said]] = {**RUNS, **REASONS}


def explained(facts: Facts, decided: Decided) -> Explanation:
    """The decision in words, with the facts that it rests on."""
    telling = Telling(facts, decided, Times(facts.asked.zone))
    said = _SAY[decided.verdict](telling)
    schedule, asked = facts.plan.schedule, facts.asked.instant
    return Explanation(
        job=facts.job.name,
        verdict=decided.verdict,
        is_well=decided.is_well,
        sentence=_sentence(telling, said),
        advice=said.advice,
        asked=moment(asked),
        fire_time=None if facts.fire_time is None else moment(facts.fire_time),
        before=_moment(schedule.previous_before(asked)),
        after=_moment(schedule.next_after(asked)),
        clock_change=facts.asked.clock_change,
        run=facts.run and RunInfo.of(facts.run),
        gap=facts.gap and GapInfo.of(facts.gap),
        in_the_way=_infos(decided.in_the_way),
        by_hand=_infos(facts.by_hand),
        orders=[AuditInfo.of(each) for each in decided.orders],
        last_seen=decided.presence.last_seen and RunInfo.of(decided.presence.last_seen),
    )


def _sentence(telling: Telling, said: Said) -> str:
    facts, decided = telling.facts, telling.decided
    parts = [said.what]
    if facts.asked.clock_change and decided.verdict is not TickVerdict.CLOCK_CHANGE:
        parts.append(f"({facts.asked.clock_change})")
    if facts.is_doubtful:
        parts.append("(the schedule was another one then, and may have had no such tick)")
    filled = next((run for run in facts.by_hand if run.started_at is not None), None)
    if filled and filled.started_at is not None:
        parts.append(f"(it was back-filled: {filled.id} {filled.state} {utc(filled.started_at)})")
    return " ".join(parts) + "."


def _infos(runs: Sequence[RunRecord]) -> list[RunInfo]:
    return [RunInfo.of(run) for run in runs]


def _moment(instant: Instant | None) -> datetime | None:
    return None if instant is None else moment(instant)
