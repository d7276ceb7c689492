"""What must hold of one run, or of one tick with its shards: a function a rule, all of them pure.

Each is given what was said of the run and what is known of its job, and tells what is wrong.
Instants of effects are of the clocks of many machines: these may differ by the tolerance.
Instants of records are of the store's clock alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from cronfleet_verify.definitions import ALWAYS, Definition
from cronfleet_verify.findings import Finding, finding, moment
from cronfleet_verify.fires import due
from cronfleet_verify.lines import WHOLE, Line, Occasion
from cronfleet_verify.reading import Export
from cronfleet_verify.spans import Known, Span

ENDED = frozenset({"succeeded", "failed", "timed_out", "cancelled", "lost", "skipped"})
SURELY_SWEPT = 60_000
"""A run that was started so long before an export was begun has an open session, or was swept."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a rule may ask beside the lines of the run itself."""

    known: Known = field(default_factory=Known)
    tolerance: int = 1000
    """By how many ms clocks may differ."""
    ttl: int = 0
    """For how long a session lives that is not renewed, in ms; 0 if nobody said."""
    exports: Sequence[Export] = ()
    logged: tuple[int, int] | None = None
    """The first and the last instant at which the logs speak of the job."""

    def policy(self, run: Occasion) -> Definition | None:
        """The definition under which the run went on from first to last, if it is known."""
        at = [line.at for line in run.lines if line.what != "run"]
        return self.known.policy(run.fire_time, max(at, default=run.fire_time))


Rule = Callable[[Occasion, Facts], Iterator[Finding]]


# --- from the effects alone ---------------------------------------------------------------------


def duplicate(run: Occasion, _: Facts) -> Iterator[Finding]:
    """No attempt is begun twice: not of a tick, nor of any other run."""
    for story in run.stories:
        first: dict[int, Line] = {}
        for line in story.began:
            before = first.setdefault(line.attempt, line)
            if before is not line:
                said = f"attempt {line.attempt} began at {moment(before.at)} and {moment(line.at)}"
                yield finding("duplicate", said, before, line)


def attempts(run: Occasion, facts: Facts) -> Iterator[Finding]:
    """A run has as many attempts as its retries and, with `rerun`, its losses give it."""
    for story in run.stories:
        last = max(story.began, key=lambda line: line.attempt, default=None)
        if last is None or last.attempt == 1:
            continue
        policy = facts.policy(run)
        if policy is not None and last.attempt > policy.most_attempts:
            said = f"attempt {last.attempt} was made where {policy.most_attempts} are allowed"
            yield finding("attempts", said, last)


def restart(run: Occasion, facts: Facts) -> Iterator[Finding]:
    """An attempt begins only when the one before it has failed, or is known to be lost."""
    policy = facts.policy(run) if any(len(story.began) > 1 for story in run.stories) else None
    for story in run.stories:
        ends = {line.attempt: line for line in reversed(story.ended)}
        for one, two in pairwise(story.began):
            if two.attempt <= one.attempt:
                continue
            said = _untimely(one, two, ends.get(one.attempt), policy, facts)
            if said:
                ended = ends.get(one.attempt)
                shown = [line for line in (one, ended, two) if line is not None]
                yield finding("restart", said, *shown)


def _untimely(
    one: Line, two: Line, ended: Line | None, policy: Definition | None, facts: Facts
) -> str:
    """Why the second attempt should not have begun then; empty if nothing speaks against it."""
    said = f"attempt {two.attempt} began at {moment(two.at)}"
    before = ended if ended is not None and ended.at <= two.at + facts.tolerance else None
    if policy is None or (before is not None and before.word != "succeeded"):
        return ""
    if policy.on_lost == "rerun":
        # What succeeded is lost, too, if its instance dies before it can say so.
        is_hasty = two.at - one.at + facts.tolerance < facts.ttl * 2 // 3
        return f"{said}, when the one before it could not be lost yet" if is_hasty else ""
    if before is not None:
        return f"{said}, though the one before it succeeded"
    if ended is None:
        return ""  # It may have failed with a process of its own, which could not say so.
    is_timed_out = policy.timeout is not None and two.at - one.at + facts.tolerance > policy.timeout
    return "" if is_timed_out else f"{said}, while the one before it was at work"


def early(run: Occasion, facts: Facts) -> Iterator[Finding]:
    """Nothing begins before the tick is due: by the log within the tolerance, by the record at all."""
    if not run.is_tick:
        return
    at = _due(run, facts.known.span(run.fire_time, run.fire_time))
    for story in run.stories:
        for line in story.began[:1]:
            if line.at < at - facts.tolerance:
                yield finding("early", f"it began at {moment(line.at)}, due {moment(at)}", line)
        for line in story.records[-1:]:
            started = line.fields["started_at"]
            if started is not None and started < at:
                said = f"by the store's own clock it started at {moment(started)}, due {moment(at)}"
                yield finding("early", said, line)


def _due(run: Occasion, span: Span | None) -> int:
    """When the tick was due, as far as that is known."""
    if span is None or not span.definition.jitter:
        return run.fire_time
    schedule, jitter = span.definition.schedule, span.definition.jitter
    # The tick that was expected when the jitter was changed is due as it was before.
    if span.after > -ALWAYS and next(schedule.fires(span.after, run.fire_time), 0) == run.fire_time:
        return run.fire_time
    return due(schedule, run.job, run.fire_time, jitter)


def stale(run: Occasion, facts: Facts) -> Iterator[Finding]:
    """An attempt has no effect once a later one has begun, nor once its run is known as lost."""
    for story in run.stories:
        for line in (*story.did, *(each for each in story.ended if each.word == "succeeded")):
            by = next((b for b in story.began if b.attempt > line.attempt), None)
            if by is not None and _is_after(line, by, facts):
                said = f"attempt {line.attempt} went on at {moment(line.at)}, after"
                yield finding("stale", f"{said} attempt {by.attempt} had begun", line, by)
        for line in story.did:
            record = story.records[-1] if story.records else None
            if record is None or record.word != "lost" or line.attempt != record.attempt:
                continue
            lost = record.fields["ended_at"]
            if lost is not None and line.at > lost + facts.tolerance:
                said = f"it had an effect at {moment(line.at)}, and was lost at {moment(lost)}"
                yield finding("stale", said, line, record)


def _is_after(line: Line, other: Line, facts: Facts) -> bool:
    """By their order where both stand in one log, else by their clocks."""
    if line.file == other.file:
        return line.place > other.place
    return line.at > other.at + facts.tolerance


def token(run: Occasion, _: Facts) -> Iterator[Finding]:
    """Of the attempts of a run, a later one has the higher token."""
    for story in run.stories:
        told = [line for line in story.began if line.token]
        for one, two in pairwise(sorted(told, key=lambda line: line.attempt)):
            if one.attempt < two.attempt and two.token <= one.token:
                said = f"attempt {two.attempt} has token {two.token}, the one before {one.token}"
                yield finding("token", said, one, two)


# --- from the records ---------------------------------------------------------------------------


def outcome(run: Occasion, facts: Facts) -> Iterator[Finding]:
    """What was started has an outcome, or belongs to a session that is open."""
    for story in run.stories:
        for line in story.records[-1:]:
            if line.word not in {"claimed", "started"} or not facts.exports:
                continue
            export = facts.exports[line.export - 1]
            fields = line.fields
            held_at = fields["started_at"] or fields["claimed_at"]
            if fields["session"] not in export.sessions and held_at < export.at - SURELY_SWEPT:
                said = f"it is {line.word} since {moment(held_at)}, and its session is not open"
                yield finding("outcome", said, line)


def changed(run: Occasion, _: Facts) -> Iterator[Finding]:
    """What has ended stays as it is."""
    for story in run.stories:
        for one, two in pairwise(story.records):
            if one.word in ENDED and (one.word, one.attempt) != (two.word, two.attempt):
                said = f"it was {one.word} at {moment(one.at)}, and is {two.word} later"
                yield finding("changed", said, one, two)


def shards(run: Occasion, facts: Facts) -> Iterator[Finding]:
    """A tick that has ended has all of its shards on record, and each of them has ended."""
    whole = run.stories[0].records[-1:] if run.stories[0].shard == WHOLE else []
    for line in whole:
        many = line.fields["shards"]
        if many < 2 or line.word not in ENDED - {"skipped", "cancelled"}:
            continue
        found = {s.shard: s.records[-1] for s in run.stories if s.records and s.shard != WHOLE}
        for shard in range(many):
            if shard not in found:
                yield finding("shards", f"shard {shard} of {many} has no record", line)
            elif found[shard].word not in ENDED and found[shard].export == line.export:
                said = f"shard {shard} is {found[shard].word}"
                yield finding("shards", said, line, found[shard])


# --- one against the other ----------------------------------------------------------------------


def differs(run: Occasion, _: Facts) -> Iterator[Finding]:
    """Of an attempt the log does not say that it failed where the record says that it did not."""
    for story in run.stories:
        record = story.records[-1] if story.records else None
        if record is None or record.word not in {"succeeded", "failed"}:
            continue
        for line in story.ended:
            is_same = line.attempt == record.attempt and line.token in {0, record.token}
            if is_same and {line.word, record.word} == {"succeeded", "failed"}:
                said = f"the handler {line.word}, on record it {record.word}"
                yield finding("differs", said, line, record)


def unrecorded(run: Occasion, facts: Facts) -> Iterator[Finding]:
    """What began is on record, with no lower attempt and, of the same attempt, with its token."""
    for story in run.stories:
        for line in story.began:
            if story.records:
                said = _unknown(line, story.records[-1], facts)
                if said:
                    yield finding("unrecorded", said, line, story.records[-1])
                    break
            elif _must_be_recorded(run, line, facts):
                yield finding("unrecorded", "the export has no such run", line)
                break


def _unknown(line: Line, record: Line, facts: Facts) -> str:
    if facts.exports[record.export - 1].at < line.at + facts.tolerance:
        return ""  # It began after the export.
    if line.attempt > record.attempt:
        return f"attempt {line.attempt} began, the record knows {record.attempt}"
    if line.attempt < record.attempt:
        return ""
    if line.token not in {0, record.token}:
        return f"it began with token {line.token}, the record has {record.token}"
    is_started = record.fields["started_at"] is not None
    return "" if is_started else "it began, and on record it was never started"


def _must_be_recorded(run: Occasion, line: Line, facts: Facts) -> bool:
    if run.is_tick:
        return any(seen.is_whole_at(run.fire_time) for seen in facts.known.seen)
    return any(
        seen.whole_after < run.fire_time and line.at + facts.tolerance < seen.at
        for seen in facts.known.seen[-1:]
    )


def unlogged(run: Occasion, facts: Facts) -> Iterator[Finding]:
    """What succeeded while the logs speak of its job has begun in one of them."""
    if facts.logged is None:
        return
    first, last = facts.logged
    for story in run.stories:
        for line in story.records[-1:]:
            if line.word != "succeeded" or story.began:
                continue
            fields = line.fields
            is_within = first + facts.tolerance < fields["started_at"] < last - facts.tolerance
            if is_within and (fields["shards"] == 1 or line.shard != WHOLE):
                yield finding("unlogged", "it succeeded, and no log shows that it began", line)


OF_A_RUN: Sequence[Rule] = (
    duplicate,
    attempts,
    restart,
    early,
    stale,
    token,
    outcome,
    changed,
    shards,
    differs,
    unrecorded,
    unlogged,
)
"""Every rule about one run."""
