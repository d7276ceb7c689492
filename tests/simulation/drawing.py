"""From a seed to a case. Each seed draws which faults there are at all, and how often (swarm)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random

from tests.simulation.case import NAMES, Case, Fault, Fleet, Job
from tests.simulation.faults import KINDS
from tests.simulation.orders import ORDERS

OPERATIONS = {
    "claim": 6,
    "start": 6,
    "complete": 6,
    "renew": 6,
    "join": 2,
    "sync_jobs": 2,
    "close": 2,
    "sweep": 2,
    "release": 2,
    "held": 1,
    "leave": 1,
    "peek": 1,
}
"""Which a fault of one call strikes, and how often."""
REPEATED = ("claim", "start", "complete", "renew", "release", "close", "sweep")
"""What may arrive twice: whatever else is not repeated travels once."""
VERBS = tuple(ORDERS)
LEAPS = (300, 4_000, 6_000, 11_000, 30_000, 90_000, 3_600_000)
PERIODS = (10_000, 15_000, 20_000, 30_000, 60_000, 120_000, 300_000)
MINUTES = (1, 2, 5)
LONGEST_MS = 120_000
"""How long a handler may take: all must be well two such times after the last fault."""
JOBS = 8
MOST_FAULTS = 40
CHAINED = 0.3
"""How often another fault follows one, within a TTL."""


def drawn(seed: int, store: str | None = None) -> Case:
    """The case of this seed, on this store or on the one that it draws."""
    chance = Random(f"case {seed}")
    fleet = _fleet(seed, chance)
    fleet = replace(fleet, store=store or fleet.store, poll=min(fleet.poll, fleet.ttl // 2))
    jobs = tuple(_jobs(chance))
    return Case(fleet, jobs, tuple(sorted(_faults(fleet, jobs, chance), key=_when)))


def _fleet(seed: int, chance: Random) -> Fleet:
    return Fleet(
        seed=seed,
        store=chance.choices(("memory", "sqlite"), (11, 1))[0],
        instances=chance.choice((1, 2, 3, 3, 3, 3, 4, 5)),
        ttl=chance.choices((4_000, 10_000, 20_000), (1, 1, 4))[0],
        poll=chance.choices((1_000, 5_000, 10_000), (1, 3, 12))[0],  # Looks in vain take time.
        alarm=chance.choice((1_000, 5_000, 5_000, 5_000)),
        drain=chance.choice((2_000, 25_000)),
        latency=chance.choice((0, 2, 5, 40)),
        hints_lost=chance.choice((0.0, 0.0, 0.5)),
        drift=chance.choice((0.0, 0.0001, 0.002)),
    )


def _jobs(chance: Random) -> Iterator[Job]:
    for number in range(chance.randint(3, JOBS)):
        job = _job(chance, f"job-{number}")
        yield job
        if chance.random() < 0.4:
            yield replace(_edited(chance, job), edition=1)


def _job(chance: Random, name: str) -> Job:
    overlap = chance.choice(("skip", "skip", "wait", "wait_all", "replace", "allow"))
    misfires = ("latest", "skip", "all") if overlap in {"wait_all", "allow"} else ("latest", "skip")
    period = chance.choice(PERIODS)
    plain = chance.random() < 0.25 and overlap != "replace"
    job = Job(
        name=name,
        period=period,
        phase=chance.randrange(period),
        on_lost=chance.choice(("abandon", "rerun")),
        overlap=overlap,
        max_active=1 if overlap == "allow" else chance.choice((1, 1, 1, 2, 3)),
        misfire=chance.choice(misfires),
        grace=chance.choice((20_000, 60_000, 3_600_000)),
        catch_up=chance.choice((3, 100)),
        retries=chance.choice((0, 0, 1, 3)),
        retry_after=chance.choice((1_000, 10_000)),
        timeout=0 if plain else chance.choice((0, 0, 2_000, 20_000)),
        jitter=chance.choice((0, 0, 3_000)),
        shards=chance.choice((1, 1, 1, 1, 3)),
        plain=plain,
        takes=min(chance.choice((0, 500, 20_000, period // 2, 2 * period)), LONGEST_MS),
        fails=chance.choice((0.0, 0.1, 0.5)),
        stubborn=chance.random() < 0.1,
    )
    return _by_cron(chance, job) if chance.random() < 0.2 else job


def _by_cron(chance: Random, job: Job) -> Job:
    minutes = chance.choice(MINUTES)
    phase = chance.randrange(minutes)
    return replace(job, cron=True, period=minutes * 60_000, phase=phase * 60_000)


def _edited(chance: Random, job: Job) -> Job:
    """Another schedule, other policies, or a handler of another kind."""
    other = _job(chance, job.name)
    match chance.randrange(3):
        case 0:
            return replace(job, cron=other.cron, period=other.period, phase=other.phase)
        case 1:
            return replace(other, cron=job.cron, period=job.period, phase=job.phase)
        case _:
            return other


def _faults(fleet: Fleet, jobs: tuple[Job, ...], chance: Random) -> Iterator[Fault]:
    names = sorted({job.name for job in jobs})
    kinds = [kind for kind in KINDS if chance.random() < 0.5]
    draw = _Draw(fleet, names, chance)
    for kind in kinds:
        most = 2 if kind == "empty" else MOST_FAULTS
        for _ in range(min(most, chance.choice((2, 5, 15, MOST_FAULTS)))):
            fault = draw.fault(kind, chance.randrange(1_000, fleet.faulty))
            yield fault
            if chance.random() < CHAINED:  # Misfortunes do not come singly.
                at = fault.at + chance.randrange(fleet.ttl)
                yield draw.fault(chance.choice(kinds), at, fault.who)


@dataclass(frozen=True, slots=True)
class _Draw:
    """Draws single faults."""

    fleet: Fleet
    jobs: list[str]
    chance: Random

    def fault(self, kind: str, at: int, who: str = "") -> Fault:
        if kind == "order":
            return Fault(at, kind, self.chance.choice(self.jobs), self.chance.choice(VERBS))
        if who not in NAMES:
            who = self.chance.choice(NAMES[: self.fleet.instances])
        what, ms = _DRAWN.get(kind, _Draw._calamity)(self)
        return Fault(at, kind, who, what, ms)

    def _span(self) -> int:
        """Around what makes a difference: a third of a TTL, a TTL, much more."""
        ttl = self.fleet.ttl
        return self.chance.choice((ttl // 3, ttl, ttl * 3 // 2, 2 * ttl, 4 * ttl))

    def _calamity(self) -> tuple[str, int]:
        return "", self._span()

    def _rest(self) -> tuple[str, int]:
        return "", self.chance.choice((0, 500, self._span()))

    def _deploy(self) -> tuple[str, int]:
        return str(self.chance.randrange(2)), self.chance.choice((0, 500, 5_000))

    def _partition(self) -> tuple[str, int]:
        return self.chance.choice(("requests", "answers", "both")), self._span()

    def _slow(self) -> tuple[str, int]:
        call = self.fleet.ttl // 4
        return str(self.chance.choice((call // 4, call, 2 * call))), self._span()

    def _step(self) -> tuple[str, int]:
        return "", self.chance.choice((-1, 1)) * self.chance.choice(LEAPS)

    def _late(self) -> int:
        ttl = self.fleet.ttl
        return self.chance.choice((ttl // 40, ttl // 8, ttl // 5, ttl // 4, ttl // 2, 3 * ttl))

    def _trap(self) -> tuple[str, int]:
        return self._operation(), self._late()

    def _duplicate(self) -> tuple[str, int]:
        return self.chance.choice(REPEATED), self._late()

    def _kill_at(self) -> tuple[str, int]:
        when = self.chance.choice(("before", "applied", "answered"))
        return f"{self._operation()}:{when}", self._rest()[1]

    def _freeze_at(self) -> tuple[str, int]:
        when = self.chance.choice(("before", "applied", "answered"))
        return f"{self._operation()}:{when}", self._span()

    def _zombie(self) -> tuple[str, int]:
        late = self.chance.choice((0.3, 0.9, 1.0, 1.05, 1.1, 1.2, 1.5))
        return self._operation(), int(self.fleet.ttl * late)

    def _race(self) -> tuple[str, int]:
        op = self.chance.choice(("claim", "claim", "start", "complete"))
        return f"{op}:{self.chance.choice(VERBS)}", 16 * self.fleet.latency + 20

    def _operation(self) -> str:
        return self.chance.choices(*zip(*OPERATIONS.items(), strict=True))[0]


_DRAWN: dict[str, Callable[[_Draw], tuple[str, int]]] = {
    "kill": _Draw._rest,
    "stop": _Draw._rest,
    "deploy": _Draw._deploy,
    "partition": _Draw._partition,
    "slow": _Draw._slow,
    "step": _Draw._step,
    "kill-at": _Draw._kill_at,
    "freeze-at": _Draw._freeze_at,
    "zombie": _Draw._zombie,
    "race": _Draw._race,
    "duplicate": _Draw._duplicate,
    "delay-answer": _Draw._trap,
    "delay-request": _Draw._trap,
    "drop-answer": _Draw._trap,
    "drop-request": _Draw._trap,
}


def _when(fault: Fault) -> tuple[int, str, str, str]:
    return fault.at, fault.kind, fault.who, fault.what
