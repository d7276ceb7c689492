"""What a test reads of simulated time: what ran and when, and of what did not run, why."""

from __future__ import annotations

from datetime import datetime

from cronfleet.definition import decode
from cronfleet.errors import UnknownJobError
from cronfleet.info import GapInfo, RunInfo, moment
from cronfleet.model import MAX_COUNTED, Instant, JobRecord, RunRecord
from cronfleet.policy import Plan
from cronfleet.schedule import schedule_from_definition
from cronfleet.testing.simulation.world import World, instant

IN_WORDS = {
    "misfire": "it came too late, or a newer one stood for it",
    "overlap": "the job was active when it was due",
    "paused": "the job was paused",
    "by_hand": "it was skipped by hand",
    "no_instance": "no instance declared the job",
    "poisoned": "the job was paused as poisoned",
    "removed": "the job was removed",
}


class Told:
    """What there is to read. Nothing is forgotten, whatever the jobs' histories keep."""

    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def now(self) -> datetime:
        """The simulated time, in UTC."""
        return moment(self._world.now)

    def runs(self, job: str) -> list[RunInfo]:
        """All runs of a job, the oldest first. Raises UnknownJobError."""
        self._job(job)
        return [RunInfo.of(run) for run in self._world.store.all_runs(job)]

    def gaps(self, job: str) -> list[GapInfo]:
        """All gaps of a job, the oldest first. Raises UnknownJobError."""
        self._job(job)
        return [GapInfo.of(gap) for gap in self._world.store.all_gaps(job)]

    def why_not(self, job: str, fire_time: datetime) -> str:
        """What became of a job's tick at that time, in a sentence, and why.

        Raises UnknownJobError, and SimulationError for a time without a zone.
        """
        return _Question(self._world, self._job(job), instant("fire_time", fire_time)).answer()

    def _job(self, name: str) -> JobRecord:
        records = self._world.store.step(lambda records: records.jobs(10_000, ""))
        for record in records:
            if record.name == name:
                return record
        raise UnknownJobError(name, [record.name for record in records])


class _Question:
    """Why a tick did not run."""

    def __init__(self, world: World, job: JobRecord, at: Instant) -> None:
        self._world = world
        self._job = job
        self._at = at

    def answer(self) -> str:
        return self._ran() or self._was_skipped() or self._is_none() or self._is_open()

    def _ran(self) -> str:
        for run in self._world.store.all_runs(self._job.name):
            if run.id.fire_time == self._at and run.id.number == 0:
                return f"it ran: {_said_of(run)}"
        return ""

    def _was_skipped(self) -> str:
        for record in self._world.store.all_gaps(self._job.name):
            gap = record.gap
            if gap.first <= self._at <= gap.last and self._is_fire_time():
                count = str(gap.count) if gap.count <= MAX_COUNTED else f"over {MAX_COUNTED}"
                row = f", as one of {count} from {_clock(gap.first)} to {_clock(gap.last)}"
                why = IN_WORDS[gap.reason.value]
                return f"it was skipped ({gap.reason}): {why}{row if gap.count > 1 else ''}"
        return ""

    def _is_none(self) -> str:
        if self._is_fire_time():
            return ""
        plan = self._plan
        before = plan.schedule.previous_before(self._at)
        following = plan.schedule.next_after(self._at)
        return (
            f"it is no fire time of {plan.schedule.describe()!r}: "
            f"the last before it is {_clock(before)}, the next after it {_clock(following)}"
        )

    def _is_open(self) -> str:
        expected = self._job.expected
        if self._job.paused:
            return f"the job is paused{_by(self._job)}"
        if expected is None or self._at < expected.fire_time:
            return "it was over when the job was first declared"
        due = self._plan.fire(self._at).due
        if due > self._world.now:
            return f"it is still to come: it is due at {_clock(due)}"
        return f"it is due since {_clock(due)}, and no instance has claimed it"

    def _is_fire_time(self) -> bool:
        return self._plan.schedule.next_after(self._at - 1) == self._at

    @property
    def _plan(self) -> Plan:
        text = self._world.store.step(lambda records: records.definition(self._job.digest)) or ""
        definition = decode(text)
        return Plan(definition, schedule_from_definition(definition.schedule))


def _said_of(run: RunRecord) -> str:
    when = f" at {_clock(run.started_at)}" if run.started_at is not None else ""
    error = f": {run.error.splitlines()[0]}" if run.error else ""
    return f"{run.state}, attempt {run.attempt}{when}{error}"


def _by(job: JobRecord) -> str:
    why = f": {job.paused_why}" if job.paused_why else ""
    return f" by {job.paused_by}{why}" if job.paused_by else why


def _clock(at: Instant | None) -> str:
    return "none" if at is None else moment(at).isoformat(" ").replace("+00:00", " UTC")
