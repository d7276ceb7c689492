"""How often the ticks of a trial ran: counted by the checker from the log of effects alone.

- A tick has run when its handler was entered, whatever became of it then.
- Its fire time is the one that the scheduler told its handler. Who tells none has the last fire
  time that was at most `TOLERANCE_MS` later than the handler was entered: the checker's own rule.
- So one run is the run of one tick: who catches up ten missed ticks by one late run has missed nine.
- A tick runs more than once if its handler was entered more than once, however much later.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from cronfleet_verify.checking import Options, Verdict, check
from cronfleet_verify.definitions import by_hand
from cronfleet_verify.reading import run_parts, texts_of

TOLERANCE_MS = 400
"""More than clocks are off, and little enough for those who do not tell their fire times."""
SECOND_MS = 1000


@dataclass(frozen=True, slots=True)
class Cell:
    """Ticks that were due, by how often they ran."""

    never: int
    once: int
    more: int
    runs: int
    """Of these ticks, all of them."""
    late_p50_ms: int | None
    """Of the first run of each: entered minus fire time, by the machine's clock."""

    def __str__(self) -> str:
        return f"{self.never}/{self.once}/{self.more}"


def count(effects: Path, first_ms: int, ticks: int) -> tuple[Cell, Verdict]:
    """The cell of a log in which a tick was due each second from the first on."""
    last_ms = first_ms + (ticks - 1) * SECOND_MS
    verdict = check([(str(effects), texts_of(str(effects)))], _options(effects, first_ms, last_ms))
    never = verdict.findings.counts["gap"]
    doubled = {
        fire_time
        for _, fire_time, _, _ in (
            run_parts(each.run) for each in verdict.findings.kept if each.rule == "duplicate"
        )
        if first_ms <= fire_time <= last_ms
    }
    runs = [each for each in begun(effects) if first_ms <= each[0] <= last_ms]
    more = len(doubled)
    cell = Cell(never, ticks - never - more, more, len(runs), _late_p50_ms(runs))
    return cell, verdict


def _options(effects: Path, first_ms: int, last_ms: int) -> Options:
    """The schedule is kept beside the log, for whoever wants to check it again."""
    schedule = {"name": "work", "every_s": 1, "from": first_ms, "until": last_ms}
    path = effects.with_suffix(".schedules.json")
    path.write_text(json.dumps({"job": [{**schedule, "overlap": "allow"}]}) + "\n")
    return Options(given=by_hand(str(path)), tolerance=TOLERANCE_MS, most=1_000_000)


def begun(effects: Path) -> Iterator[tuple[int, int]]:
    """Fire time and instant of each beginning."""
    for text in texts_of(str(effects)):
        line = json.loads(text) if text.endswith("\n") else {}
        if line.get("effect") == "began":
            at = line["at"]
            told = line.get("fire_time")
            yield (at + TOLERANCE_MS) // SECOND_MS * SECOND_MS if told is None else told, at


def _late_p50_ms(runs: list[tuple[int, int]]) -> int | None:
    first: dict[int, int] = {}
    for fire_time, at in runs:
        first[fire_time] = min(at, first.get(fire_time, at))
    late = [at - fire_time for fire_time, at in first.items()]
    return round(median(late)) if late else None


def as_figures(cell: Cell) -> dict[str, int | None]:
    return asdict(cell)
