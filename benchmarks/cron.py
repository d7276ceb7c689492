"""The next fire time of a parsed expression, beside croniter and cronsim; and typed texts.

A figure of one step is the least of several tries in a round. *First* is a search in a zone of which
nothing is known yet: it looks the clock changes up. *Typed* is whatever a person types as an
expression, read or refused with nothing remembered from before: the slowest of many texts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from time import perf_counter

from croniter import croniter
from cronsim import CronSim

from benchmarks.expressions.cases import COMMON, RARE, Case
from benchmarks.expressions.typed import TYPED, slowest_ms
from benchmarks.measuring.report import Column, Report, gate, goal
from benchmarks.measuring.rounds import Contestant, Options, medians, take_turns
from cronfleet.cron.parser import parse
from cronfleet.cron.search import FireTimes
from cronfleet.cron.zones import Timeline, zone
from cronfleet.schedule import cron

OURS, FIRST, TIMES, SLOWEST = "Cronfleet, us", "first, us", "times croniter", "slowest text, ms"
RIVALS = {"croniter, us": "croniter", "cronsim, us": "cronsim"}
COLUMNS = (
    Column(OURS),
    Column(FIRST),
    *map(Column, RIVALS),
    Column(TIMES, "common expressions; more is better"),
    Column(SLOWEST),
)
TRIES = 7


def measure(options: Options) -> Report:
    tries = options.size(TRIES, 3)
    cases = [*COMMON, *RARE]
    contestants = [Contestant(_name(case), _steps(case, tries), is_ours=True) for case in cases]
    contestants += [
        Contestant(f"typed: {name}", lambda name=name: {SLOWEST: slowest_ms(name, tries)})
        for name in TYPED
    ]
    rows = take_turns(contestants, options.rounds)
    ours, first = medians(rows, OURS), medians(rows, FIRST)
    common_us = max(ours[_name(case)] for case in COMMON)
    worst_us = max(*ours.values(), *first.values())
    demands = [
        gate(
            "the least of common ones, as fast as croniter",
            min(medians(rows, TIMES).values()),
            at_least=10,
            unit="x",
        ),
        goal("the slowest of common ones", common_us, at_most=20, unit=" us"),
        goal("the slowest of all, first searches included", worst_us, at_most=200, unit=" us"),
        goal("the slowest text", max(medians(rows, SLOWEST).values()), at_most=5, unit=" ms"),
    ]
    return Report("The next fire time of an expression", COLUMNS, rows, demands)


def _name(case: Case) -> str:
    start = "" if case in COMMON else f" {case.start[:10]}"
    return f"{case.expression} {case.tz}{start}"


def _steps(case: Case, tries: int) -> Callable[[], Mapping[str, float]]:
    def once() -> Mapping[str, float]:
        start = datetime.fromisoformat(case.start).replace(tzinfo=zone(case.tz))
        found = {OURS: _ours(case, start, tries), FIRST: _first(case, start, tries)}
        for column, rival in RIVALS.items():
            if rival in case.rivals:
                found[column] = STEPS[rival](case, start, tries)
        if case in COMMON:
            found[TIMES] = found["croniter, us"] / found[OURS]
        return found

    return once


def _least_us(prepare: Callable[[], Callable[[], object]], steps: int, tries: int) -> float:
    """A step, in the best try; what `prepare` does is not counted."""
    found = float("inf")
    for _ in range(tries):
        step = prepare()
        began = perf_counter()
        for _ in range(steps):
            step()
        found = min(found, (perf_counter() - began) / steps * 1e6)
    return found


def _ours(case: Case, start: datetime, tries: int) -> float:
    next_after = cron(case.expression, case.tz).next_after
    start_ms = at = round(start.timestamp() * 1000)

    def step() -> None:
        nonlocal at
        at = next_after(at) or start_ms

    def prepare() -> Callable[[], object]:
        nonlocal at
        at = start_ms
        return step

    return _least_us(prepare, case.steps, tries)


def _first(case: Case, start: datetime, tries: int) -> float:
    start_s = round(start.timestamp()) + 1

    def prepare() -> Callable[[], object]:
        fires = FireTimes(parse(case.expression), Timeline(zone(case.tz)))
        return lambda: fires.first_from(start_s)

    return _least_us(prepare, 1, tries)


def _of_croniter(case: Case, start: datetime, tries: int) -> float:
    def prepare() -> Callable[[], object]:
        return croniter(case.expression, start, second_at_beginning=True).get_next

    return _least_us(prepare, case.steps, tries)


def _of_cronsim(case: Case, start: datetime, tries: int) -> float:
    return _least_us(lambda: CronSim(case.expression, start).__next__, case.steps, tries)


STEPS = {"croniter": _of_croniter, "cronsim": _of_cronsim}
