"""All that a store shows, as a picture in words; and what changed from one to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeAlias

from cronfleet.model import (
    HELD,
    Instant,
    JobRecord,
    JobState,
    RunRecord,
    RunState,
    SessionId,
)
from cronfleet.store import Store
from cronfleet.testing.conformance.matrix.request import LATEST
from cronfleet.testing.conformance.matrix.scenes import BYSTANDER, JOB
from cronfleet.testing.samples import HOUR_MS, NOON, PROGRAM, report

EDITIONS = {report().digest: "1"} | {
    report(edition=n, schedule="daily").digest: str(n) for n in (2, 3)
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A record as it is, and what of it is said in words."""

    record: object
    words: Mapping[str, str]


Picture: TypeAlias = dict[str, Shown]

NOTHING = Shown(None, {})


async def picture(store: Store, sessions: Mapping[SessionId, str]) -> Picture:
    """All that the store shows. Fails if its views of one thing do not agree."""
    jobs = await store.jobs()
    runs = {job.name: await store.runs(job.name) for job in jobs}
    await _assert_that_views_agree(store, jobs, [run for each in runs.values() for run in each])
    shown = {job.name: Shown(job, _job_in_words(job)) for job in jobs}
    shown |= {name: _run_shown(name, run, sessions) for name, run in _named(runs[JOB]).items()}
    shown |= {f"run {run.id}": Shown(run, {}) for run in runs[BYSTANDER]}
    shown |= await _lists(store)
    for each in await store.instances():
        name = sessions.get(each.session, each.label)
        shown[name] = Shown(replace(each, held=0), {name: f"until {at(each.expires_at)}"})
    return shown


async def _lists(store: Store) -> Picture:
    gaps, filled = await store.gaps(JOB), await store.backfills(JOB)
    audit = await store.audit()
    gap_words = [f"{at(each.gap.first)} {each.gap.reason}" for each in gaps]
    return {
        "gaps": Shown(gaps, {"gaps": ", ".join(gap_words)}),
        "filled": Shown(filled, {"filled": ", ".join(at(each.first) for each in filled)}),
        "gaps of the bystander": Shown(await store.gaps(BYSTANDER), {}),
        "audit": Shown(audit, {"audit": ", ".join(each.verb for each in audit)}),
    }


def changes(before: Picture, after: Picture) -> dict[str, str]:
    """All that changed, in words: name and what it is now."""
    changed = {key for key in before | after if before.get(key) != after.get(key)}
    found: dict[str, str] = {}
    for key in sorted(changed):
        was = before.get(key, NOTHING).words
        now = after[key].words if key in after else dict.fromkeys(was, "gone")
        different = {name: word for name, word in now.items() if was.get(name) != word}
        found |= different or {key: f"not as it was: {before.get(key)}, and now {after.get(key)}"}
    return found


def assert_that_tokens_rise(before: Picture, after: Picture) -> None:
    """Whatever was granted between the two has a token above all that were there."""
    old, new = _tokens(before), _tokens(after)
    fresh = [token for run, token in new.items() if token != old.get(run, 0)]
    assert all(token > max(old.values()) for token in fresh), f"{new} after {old}"


def _tokens(shown: Picture) -> dict[str, int]:
    runs = (each.record for each in shown.values() if isinstance(each.record, RunRecord))
    return {str(run.id): run.token for run in runs}


def at(instant: Instant | None) -> str:
    """An instant of the matrix: the time of day, or the bounds by their names."""
    if instant is None or instant == LATEST:
        return "never" if instant is None else "2^53"
    if abs(instant - NOON) > 12 * HOUR_MS:
        return str(instant)
    time = datetime.fromtimestamp(instant / 1000, UTC).time()
    return time.isoformat("auto").removesuffix(":00")


# --- words ------------------------------------------------------------------------------------


def _job_in_words(job: JobRecord) -> dict[str, str]:
    if job.name != JOB:
        return {job.name: f"expects {at(job.expected.fire_time if job.expected else None)}"}
    return {
        "expected": at(job.expected.fire_time if job.expected else None),
        "watermark": at(job.watermark),
        "generation": str(job.generation),
        "active": str(job.active),
        "state": job.state.value,
        "edition": EDITIONS[job.digest],
        "undeclared": f"since {at(job.undeclared_since)}",
    }


def _named(runs: list[RunRecord]) -> dict[str, RunRecord]:
    """The tick's run, the runs by hand in the order in which they were made; shards after a /."""
    by_hand = sorted(run.id for run in runs if run.id.number and not run.id.is_shard)
    names = {run: f"manual_{n}" for n, run in enumerate(by_hand, 1)}
    shard = {run.id: f"/{run.id.shard}" for run in runs if run.id.is_shard}
    return {names.get(run.id.whole, "tick") + shard.get(run.id, ""): run for run in runs}


def _standing(run: RunRecord, sessions: Mapping[SessionId, str]) -> str:
    if run.session:
        return f"{run.state} by {sessions.get(run.session, run.session)}"
    return f"{run.state} ({run.reason})" if run.reason else run.state.value


def _run_shown(name: str, run: RunRecord, sessions: Mapping[SessionId, str]) -> Shown:
    words = [_standing(run, sessions)]
    if run.tally is not None:
        words.append(f"{run.tally.ended} of {run.shards} ended")
    if run.attempt > 1:
        words.append(f"attempt {run.attempt}")
    if run.state is RunState.PENDING and run.not_before > run.created_at:
        words.append(f"from {at(run.not_before)}")
    if run.wanted_until is not None:
        words.append(f"wanted until {at(run.wanted_until)}")
    if run.cancel_asked_at is not None and run.session:
        words.append("asked to cancel")
    if run.late_outcome:
        words.append(f"late {run.late_outcome}")
    return Shown(run, {name: ", ".join(words)})


# --- one thing, seen from several sides -----------------------------------------------------------


async def _assert_that_views_agree(
    store: Store, jobs: list[JobRecord], runs: list[RunRecord]
) -> None:
    """A store that keeps lists beside its records keeps them in step."""
    seen = await store.peek(PROGRAM, limit=20)
    due = {j.name for j in jobs if not j.paused and j.expected and j.expected.due <= seen.now}
    assert {each.job for each in seen.due} == due, "peek lists other jobs than are due"
    over = {j.name for j in jobs if j.paused_until is not None and j.paused_until <= seen.now}
    assert set(seen.resuming) == over, "peek lists other jobs to resume than are to be resumed"
    pending = {r.id for r in runs if r.state is RunState.PENDING and r.not_before <= seen.now}
    assert {each.run for each in seen.pending} == pending, "peek lists other runs than pend"
    for job in jobs:
        active = sum(run.is_active for run in runs if run.id.job == job.name)
        assert job.active == active, f"{job.name}: the active count is not that of its runs"
        has_ended = job.state in {JobState.FINISHED, JobState.REMOVED}
        assert (job.expected is None) is has_ended or job.paused
    tokens = [run.token for run in runs if run.token]
    assert sorted(set(tokens)) == sorted(tokens), "two runs share a token"
    for session in {run.session for run in runs if run.session}:
        held = {run.id for run in runs if run.session == session and run.state in HELD}
        assert {each.claim.run for each in await store.held(session)} == held
