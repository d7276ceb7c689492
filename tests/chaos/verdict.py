"""What a run came to, in figures, and for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.chaos.figures import percentiles
from tests.chaos.judging import WITHOUT_OUTCOME, Judgement
from tests.chaos.rig import Settings


@dataclass(frozen=True)
class Deeds:
    """What was done to the fleet."""

    struck: Mapping[str, int]
    """How often each kind of fault struck."""
    tried: Mapping[str, int]
    details: Mapping[str, int]
    kills: int
    starts_of_instances: int
    crashes: Sequence[str]
    """Instances that ended by themselves."""
    unavailable: Sequence[str]
    """Kinds of faults of which there is nothing to strike here."""


@dataclass(frozen=True)
class ChaosVerdict:
    settings: Settings
    deeds: Deeds
    judgement: Judgement
    troubles: Sequence[str]
    """What did not become well in time."""
    poisoned: int
    calm_s: Mapping[str, float]
    """After how long each sign of wellness was there when the faults were over, step by step."""
    took_s: float

    @property
    def is_clean(self) -> bool:
        """Nothing was found, and there was something to look at."""
        was_at_work = self.judgement.ticks and self.judgement.counts.get("fire times")
        found = self.judgement.found or self.troubles or self.deeds.crashes
        return bool(was_at_work and not found)

    @property
    def never_struck(self) -> list[str]:
        """Kinds that were tried in vain: of those this run proves nothing."""
        return [name for name in self.deeds.tried if not self.deeds.struck.get(name)]

    @property
    def figures(self) -> dict[str, object]:
        """Flat, for tables."""
        found = self.judgement.found
        late_ms = dict(percentiles(self.judgement.lateness_ms))
        return {
            "store": self.settings.store,
            "seed": self.settings.seed,
            "instances": self.settings.instances,
            "ttl_ms": self.settings.ttl_ms,
            "ticks": self.judgement.ticks,
            "starts": self.judgement.starts,
            "fire_times_checked": self.judgement.counts.get("fire times", 0),
            "kills": self.deeds.kills,
            "freezes": self._struck("freeze"),
            "store_restarts": self._struck("store-restart"),
            "failovers": self._struck("failover"),
            "instance_starts": self.deeds.starts_of_instances,
            "duplicates": found.get("duplicate", 0),
            "ticks_without_outcome": sum(found.get(rule, 0) for rule in WITHOUT_OUTCOME),
            "findings": sum(found.values()) + len(self.troubles) + len(self.deeds.crashes),
            "late_effects_of_the_frozen": self.judgement.late_effects,
            "excused_by_the_stores_clock": self.judgement.by_the_stores_clock,
            "jobs_poisoned": self.poisoned,
            "well_again_after_s": round(sum(self.calm_s.values()), 1),
            "late_ms_p50": late_ms.get("p50", 0),
            "late_ms_p99": late_ms.get("p99", 0),
            "kinds_that_never_struck": [*self.never_struck, *self.deeds.unavailable],
            **{_key(name): self.deeds.struck.get(name, 0) for name in self.deeds.tried},
            **{_key(name): count for name, count in self.deeds.details.items() if count},
        }

    def _struck(self, beginning: str) -> int:
        return sum(n for name, n in self.deeds.struck.items() if name.startswith(beginning))


def _key(struck: str) -> str:
    return f"struck_{struck}".replace("-", "_").replace(" ", "_")


def as_text(verdict: ChaosVerdict) -> str:
    return "".join(f"{line}\n" for line in _lines(verdict))


def _lines(verdict: ChaosVerdict) -> Iterator[str]:
    settings, deeds, judged = verdict.settings, verdict.deeds, verdict.judgement
    yield f"{settings.store}, seed {settings.seed}, {verdict.took_s:.0f} s"
    yield "Struck:"
    for name in deeds.tried:
        yield f"  {name:24} {deeds.struck.get(name, 0):5} of {deeds.tried[name]}"
    for name, count in sorted(deeds.details.items()):
        yield f"    {name:22} {count:5}"
    for name in deeds.unavailable:
        yield f"  {name:24}     - there is none here"
    shown = ("ticks", "starts", "fire_times_checked", "kills", "freezes", "store_restarts")
    more = ("failovers", "instance_starts", "duplicates", "ticks_without_outcome")
    excused = ("late_effects_of_the_frozen", "excused_by_the_stores_clock")
    last = ("jobs_poisoned", "late_ms_p50", "late_ms_p99")
    for name in (*shown, *more, *excused, *last):
        yield f"{name.replace('_', ' '):28} {verdict.figures[name]}"
    for what, took_s in verdict.calm_s.items():
        yield f"in the calm, after {took_s:.1f} s: {what}"
    for why in judged.unchecked:
        yield f"Not judged, of jobs that were edited: {why}"
    for name in verdict.never_struck:
        yield f"Never struck, so nothing is proved of it: {name}"
    yield from (f"Found: {count} {rule}" for rule, count in judged.found.items())
    yield from (f"Found: {trouble}" for trouble in verdict.troubles)
    yield from (f"Found: an instance ended by itself: {crash}" for crash in deeds.crashes)
    yield "Clean: nothing was found." if verdict.is_clean else "NOT CLEAN."
