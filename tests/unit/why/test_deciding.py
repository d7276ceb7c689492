"""Every verdict, from the facts that lead to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from cronfleet import TickVerdict, every
from cronfleet.info import moment
from cronfleet.model import (
    AuditRecord,
    Fire,
    Gap,
    GapRecord,
    History,
    InstanceRecord,
    JobDefinition,
    JobRecord,
    Kind,
    Misfire,
    OnLost,
    Outcome,
    Reason,
    RunId,
    RunRecord,
    RunState,
    SessionId,
)
from cronfleet.policy import Plan
from cronfleet.why.asking import asked_of
from cronfleet.why.deciding import WELL, decide
from cronfleet.why.explanation import Explanation
from cronfleet.why.facts import Facts
from cronfleet.why.wording import explained

HOUR = 3_600_000
SECOND = 1_000
TICK = 500_000 * HOUR
"""2027-01-15 08:00 UTC, a fire time of the hourly job."""

NOW = TICK + 5 * HOUR
SCHEDULE = every(timedelta(hours=1))
PLAN = Plan(JobDefinition("report", SCHEDULE.to_definition()), SCHEDULE)
JOB = JobRecord(
    name="report",
    program="office",
    digest="d",
    schedule_digest="s",
    limit=1,
    on_lost=OnLost.ABANDON,
    generation=3,
    expected=Fire(NOW + HOUR, NOW + HOUR),
    watermark=NOW,
    active=0,
    since=TICK - 100 * HOUR,
)


def run(fire_time: int = TICK, state: RunState = RunState.SUCCEEDED, **fields: Any) -> RunRecord:
    """A run that was started at its fire time and took a minute."""
    is_begun = state not in (RunState.WAITING, RunState.PENDING, RunState.CLAIMED)
    made = RunRecord(
        id=RunId("report", fire_time),
        kind=Kind.TICK,
        state=state,
        attempt=1,
        token=1,
        on_lost=OnLost.ABANDON,
        losses=0,
        created_at=fire_time,
        not_before=fire_time,
        instance="anna:1" if is_begun else "",
        started_at=fire_time if is_begun else None,
        ended_at=fire_time + 60 * SECOND if is_begun and state is not RunState.STARTED else None,
    )
    return replace(made, **fields)


def other(fire_time: int, **fields: Any) -> RunRecord:
    return run(fire_time, id=RunId("other", fire_time), **fields)


def gap(reason: Reason, recorded_at: int = TICK + 10 * SECOND, last: int = TICK) -> GapRecord:
    count = (last - TICK) // HOUR + 1
    return GapRecord("report", Gap(TICK, last, count, reason), 2, recorded_at)


def order(verb: str, at: int, who: str = "anna") -> AuditRecord:
    return AuditRecord(at, verb, "report", who, "stocktaking")


def instance(joined_at: int, program: str = "office") -> InstanceRecord:
    return InstanceRecord(SessionId("s"), "carl:7", program, joined_at, NOW + HOUR, 0)


def facts(**known: Any) -> Facts:
    asked = asked_of(SCHEDULE, moment(known.get("fire_time") or TICK))
    runs = [run(NOW - n * HOUR) for n in range(3)]
    usual = Facts(JOB, PLAN, NOW + SECOND, asked, TICK, runs=runs)
    return replace(usual, **known)


def explanation(found: Facts) -> Explanation:
    return explained(found, decide(found))


@dataclass(frozen=True)
class Case:
    """Facts, and what is to be made of them."""

    verdict: TickVerdict
    facts: Facts
    says: str
    advises: str = ""


V, S = TickVerdict, RunState
PLANNED = PLAN.definition
LATE = TICK + 3 * HOUR
HELD = run(state=S.STARTED, session=SessionId("s"), instance="carl:7")
SILENT = replace(instance(TICK), expires_at=TICK + HOUR)

ON_RECORD = [
    Case(V.SUCCEEDED, facts(run=run()), "was started on time on anna:1 and succeeded after 1 min"),
    Case(
        V.SUCCEEDED,
        facts(run=run(started_at=TICK + 90 * SECOND, ended_at=TICK + 91 * SECOND)),
        "was started 1 min late on anna:1 and succeeded after 1 s",
    ),
    Case(
        V.FAILED, facts(run=run(state=S.FAILED, error="no ink\nat line 3")), "1 min: no ink.", "tri"
    ),
    Case(
        V.FAILED,
        facts(run=run(state=S.FAILED, attempt=3)),
        "was started at 2027-01-15 08:00 UTC on anna:1, as attempt 3, and failed",
        "cronfleet trigger report",
    ),
    Case(V.TIMED_OUT, facts(run=run(state=S.TIMED_OUT)), "over its time limit", "longer timeout"),
    Case(
        V.CANCELLED,
        facts(
            run=run(state=S.CANCELLED, cancel_asked_at=TICK + SECOND),
            orders=[
                order("cancel", TICK - HOUR, "carl"),
                order("cancel", TICK + SECOND),
                order("cancel", TICK + 2 * SECOND, "dora"),
            ],
        ),
        "was stopped for Friday 2027-01-15 08:00 UTC: it was cancelled by anna",
        "cronfleet trigger",
    ),
    Case(
        V.CANCELLED,
        facts(
            run=run(
                state=S.CANCELLED,
                cancel_asked_at=TICK + SECOND,
                error="asked to cancel, replaced by report@1",
            ),
            orders=[order("cancel", TICK - HOUR, "carl")],
        ),
        "it was cancelled: asked to cancel, replaced by report@1",
        "cronfleet trigger",
    ),
    Case(
        V.CANCELLED,
        facts(run=run(state=S.CANCELLED, started_at=None, error="by ben")),
        "did not run for Friday 2027-01-15 08:00 UTC: it was cancelled: by ben",
        "cronfleet trigger",
    ),
    Case(
        V.LOST,
        facts(run=run(state=S.LOST)),
        "its instance was gone",
        "cronfleet trigger report, or",
    ),
    Case(
        V.LOST,
        facts(run=run(state=S.LOST, late_outcome=Outcome.SUCCEEDED)),
        "its outcome came too late: succeeded",
    ),
    Case(V.RUNNING, facts(run=run(state=S.STARTED)), "is running for Friday"),
    Case(
        V.RUNNING,
        facts(run=run(state=S.STARTED, cancel_asked_at=TICK)),
        "it was asked to end since 2027-01-15 08:00 UTC",
    ),
    Case(
        V.RUNNING,
        facts(run=HELD, silent=[SILENT]),
        "carl:7 has not been heard of, and its lease ended 2027-01-15 09:00 UTC; no "
        "instance is at work to take its runs back",
        "start an instance",
    ),
    Case(
        V.RUNNING,
        facts(run=HELD, silent=[SILENT], instances=[instance(NOW)]),
        "its lease ended 2027-01-15 09:00 UTC; its runs are to be taken back",
        "see whether carl:7 is alive",
    ),
    Case(
        V.RUNNING,
        facts(run=HELD, silent=[replace(SILENT, session=SessionId("other"))]),
        "is running for Friday",
    ),
    Case(V.RUNNING, facts(run=run(state=S.SHARDED, shards=4)), "0 of its 4 shards have ended"),
    Case(V.WAITING, facts(run=run(state=S.PENDING)), "an instance that has a free seat", "doctor"),
    Case(V.WAITING, facts(run=run(state=S.CLAIMED, instance="anna:1")), "a seat on anna:1"),
    Case(
        V.WAITING,
        facts(run=run(state=S.PENDING, attempt=2, not_before=NOW + HOUR, error="no ink")),
        "attempt 2, at 2027-01-15 14:00 UTC: no ink",
    ),
    Case(
        V.WAITING,
        facts(run=run(state=S.WAITING), runs=[run(TICK - HOUR, S.STARTED)]),
        "its turn, behind report@1799996400000 on anna:1 since 2027-01-15 07:00 UTC",
        "cronfleet cancel report@1799996400000",
    ),
    Case(
        V.OVERLAP,
        facts(run=run(state=S.SKIPPED, reason=Reason.OVERLAP)),
        "a newer tick took its place",
        "wait_all",
    ),
    Case(
        V.MISFIRE,
        facts(run=run(state=S.SKIPPED, reason=Reason.MISFIRE)),
        'it waited until it was too late for misfire="latest"',
        "backfill",
    ),
    Case(
        V.REMOVED,
        facts(run=run(state=S.SKIPPED, reason=Reason.REMOVED), orders=[order("remove", TICK)]),
        "the job was removed by anna on 2027-01-15 08:00 UTC (stocktaking)",
        "declare it again",
    ),
    Case(
        V.OVERLAP,
        facts(gap=gap(Reason.OVERLAP), runs=[run(TICK - HOUR, S.STARTED)]),
        "its run report@1799996400000 was still active on anna:1 since 2027-01-15 07:00 UTC.",
        "cronfleet cancel report@1799996400000",
    ),
    Case(V.OVERLAP, facts(gap=gap(Reason.OVERLAP), runs=[]), "is kept no more", 'overlap="wait"'),
    Case(
        V.PAUSED,
        facts(
            gap=gap(Reason.PAUSED, LATE),
            orders=[order("pause", TICK - HOUR), order("resume", LATE, "ben")],
        ),
        "paused by anna on 2027-01-15 07:00 UTC (stocktaking), and resumed by ben",
        "backfill",
    ),
    Case(V.PAUSED, facts(gap=gap(Reason.PAUSED, LATE)), "the job was paused.", "backfill"),
    Case(
        V.PAUSED,
        facts(job=replace(JOB, expected=Fire(TICK, TICK), watermark=TICK - HOUR, paused=True)),
        "the job is paused.",
        "cronfleet resume report",
    ),
    Case(
        V.PAUSED,
        facts(fire_time=NOW + HOUR, job=replace(JOB, paused=True)),
        "report will not run for Friday 2027-01-15 14:00 UTC: the job is paused.",
        "cronfleet resume report",
    ),
    Case(
        V.POISONED,
        facts(
            gap=gap(Reason.PAUSED, LATE),
            runs=[run(TICK - HOUR, S.LOST, losses=3)],
            orders=[order("pause", 0), order("resume", 1), order("resume", LATE, "ben")],
        ),
        "poisoned: run report@1799996400000 lost its instance 3 times in a row, and resumed by ben",
        "cronfleet resume",
    ),
    Case(
        V.BY_HAND,
        facts(gap=gap(Reason.BY_HAND, TICK - 5), orders=[order("skip_next", TICK - 5)]),
        "skipped by hand by anna",
        "cronfleet trigger",
    ),
    Case(
        V.BY_HAND,
        facts(gap=gap(Reason.BY_HAND, LATE), orders=[replace(order("adopt", LATE + 1), job="")]),
        "it was settled when the store was adopted by anna",
    ),
    Case(V.REMOVED, facts(gap=gap(Reason.REMOVED)), "the job was removed", "declare it again"),
    Case(
        V.NO_INSTANCE,
        facts(gap=gap(Reason.NO_INSTANCE, LATE, TICK + HOUR)),
        "no instance at work knew the job (2 ticks, 2027-01-15 08:00 UTC to 2027-01-15 09:00 UTC)",
        "'office'",
    ),
    Case(
        V.MISFIRE,
        facts(gap=gap(Reason.MISFIRE, LATE), others=[other(TICK + HOUR)]),
        'it came 3 h late, too late for misfire="latest"; the fleet was at work (it started '
        "other@1800003600000 at 2027-01-15 09:00 UTC)",
        "misfire_grace",
    ),
    Case(
        V.MISFIRE,
        facts(
            gap=gap(Reason.MISFIRE, LATE, LATE - HOUR),
            others=[other(TICK + HOUR)],
            runs=[run(LATE)],
        ),
        "only the newest of several runs: report@1800010800000",
        'misfire="all"',
    ),
    Case(
        V.FLEET_DOWN,
        facts(
            gap=gap(Reason.MISFIRE, LATE),
            runs=[run(TICK - HOUR)],
            instances=[instance(LATE)],
            others=[other(LATE - 10 * SECOND)],
        ),
        "nothing shows that an instance was at work from then until 2027-01-15 11:00 UTC; the last "
        "that was: anna:1 started report@1799996400000",
        "backfill",
    ),
    Case(
        V.STORE_DOWN,
        facts(gap=gap(Reason.MISFIRE, LATE), runs=[], instances=[instance(TICK - HOUR)]),
        "carl:7 was there, but no run on record was started until 2027-01-15 11:00 UTC",
        "the logs of both",
    ),
    Case(
        V.STORE_DOWN,
        facts(
            gap=gap(Reason.MISFIRE, LATE),
            runs=[],
            others=[other(TICK - HOUR, ended_at=LATE + HOUR)],
        ),
        "anna:1 was there",
        "the logs of both",
    ),
]

OPEN = replace(JOB, expected=Fire(TICK, TICK), watermark=TICK - HOUR)
COMING = replace(JOB, expected=Fire(NOW + HOUR, NOW + HOUR))
NOT_ON_RECORD = [
    Case(
        V.TO_COME, facts(fire_time=NOW + HOUR), "is still to come for Friday 2027-01-15 14:00 UTC"
    ),
    Case(
        V.TO_COME,
        facts(
            fire_time=NOW + HOUR,
            plan=replace(PLAN, definition=replace(PLANNED, jitter_ms=HOUR)),
        ),
        "by its jitter",
    ),
    Case(V.TO_COME, facts(job=OPEN, now=TICK + SECOND), "at any moment"),
    Case(
        V.OVERDUE,
        facts(job=OPEN, instances=[instance(TICK)]),
        "it has been due for 5 h, and no instance has come to it, though some are at work",
        "cronfleet doctor",
    ),
    Case(
        V.NO_INSTANCE,
        facts(job=replace(OPEN, undeclared_since=TICK), instances=[instance(TICK)]),
        "no instance at work knew the job since 2027-01-15 08:00 UTC",
        "start an instance of its program",
    ),
    Case(
        V.NO_INSTANCE,
        facts(job=OPEN, instances=[instance(TICK, "kitchen")]),
        "no instance at work knew the job",
        "'office'",
    ),
    Case(V.FLEET_DOWN, facts(job=OPEN, runs=[]), "no instance is at work.", "cronfleet run"),
    Case(
        V.REMOVED,
        facts(job=replace(OPEN, removed=True), orders=[order("remove", TICK - 1)]),
        "the job was removed by anna",
        "declare it again",
    ),
    Case(
        V.POISONED,
        facts(
            job=replace(
                OPEN, paused=True, paused_reason=Reason.POISONED, paused_why="run x lost it all"
            )
        ),
        "the job was paused as poisoned: run x lost it all",
        "cronfleet resume",
    ),
    Case(
        V.NOT_IN_FORCE,
        facts(job=replace(JOB, since=TICK + HOUR), orders=[order("add", TICK + 1)]),
        "the job was added later by anna on 2027-01-15 08:00:00 UTC (stocktaking); its first tick "
        "was that of 2027-01-15 09:00 UTC",
    ),
    Case(
        V.NOT_IN_FORCE,
        facts(job=replace(JOB, since=-1, watermark=-1)),
        "the job was added later",
    ),
    Case(
        V.NOT_IN_FORCE,
        facts(job=JOB, orders=[order("update", TICK + HOUR)]),
        "its schedule was changed by anna",
    ),
    Case(
        V.PRUNED,
        facts(plan=replace(PLAN, definition=replace(PLANNED, history=History(2, 2)))),
        "which keeps 2 successes and 2 failures, 30 days",
        "longer history",
    ),
    Case(V.NO_FIRE_TIME, facts(fire_time=None), "the last before it is"),
]

CASES = [*ON_RECORD, *NOT_ON_RECORD]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.verdict}: {case.says[:40]}")
def test_the_verdict_follows_from_the_facts(case: Case) -> None:
    found = explanation(case.facts)
    assert found.verdict is case.verdict
    assert case.says in found.sentence
    assert case.advises in found.advice
    assert bool(found.advice) == bool(case.advises)
    assert found.is_well == (case.verdict in WELL and case.facts.gone is None)


def test_no_verdict_is_left_out() -> None:
    """But the change of clocks, which has its own tests."""
    assert {case.verdict for case in CASES} == set(TickVerdict) - {TickVerdict.CLOCK_CHANGE}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.verdict}: {case.says[:40]}")
def test_every_sentence_names_the_job_and_the_time(case: Case) -> None:
    found = explanation(case.facts)
    assert "report" in found.sentence
    assert " UTC" in found.sentence
    assert found.sentence.endswith(".")
    assert "\n" not in found.sentence + found.advice


def test_the_start_of_what_is_only_catching_up_proves_nothing() -> None:
    """A fleet that is back starts one job after the other."""
    late = gap(Reason.MISFIRE, LATE)
    back = facts(gap=late, runs=[], others=[other(LATE - 20 * SECOND)])
    at_work = facts(gap=late, runs=[], others=[other(LATE - 40 * SECOND)])
    assert decide(back).verdict is TickVerdict.FLEET_DOWN
    assert decide(at_work).verdict is TickVerdict.MISFIRE


def test_a_lost_run_does_not_prove_that_its_instance_lived() -> None:
    """It ended when it was swept, by others."""
    lost = other(TICK - HOUR, state=S.LOST, ended_at=LATE)
    assert (
        decide(facts(gap=gap(Reason.MISFIRE, LATE), runs=[], others=[lost])).verdict is V.FLEET_DOWN
    )


def test_what_is_on_record_goes_before_what_the_schedule_says() -> None:
    """The tick of a schedule that was in force before."""
    odd = TICK + 17
    asked = asked_of(SCHEDULE, moment(odd))
    ran = facts(fire_time=odd, asked=asked, run=run(odd))
    assert decide(ran).verdict is TickVerdict.SUCCEEDED


def test_the_policy_is_told_by_its_name() -> None:
    plan = replace(PLAN, definition=replace(PLANNED, misfire=Misfire.SKIP))
    found = facts(plan=plan, gap=gap(Reason.MISFIRE, LATE), others=[other(TICK + HOUR)])
    assert 'misfire="skip"' in explanation(found).sentence
