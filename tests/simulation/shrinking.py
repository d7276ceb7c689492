"""From a case that breaks a rule to a small one that breaks the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from tests.simulation.case import Case
from tests.simulation.running import run

Thing = TypeVar("Thing")

Told = Callable[[Case], object]


def shrunk(case: Case, rule: str, told: Told = lambda _: None) -> Case:
    """The smallest case found that breaks the rule; `told` hears of each smaller one."""

    def breaks(smaller: Case) -> bool:
        violation = run(smaller).violation
        is_as_bad = violation is not None and violation.rule == rule
        if is_as_bad:
            told(smaller)
        return is_as_bad

    before = None
    while case != before:
        before = case
        for smaller in (_with_fewer_faults, _with_fewer_jobs, _with_fewer_instances, _shorter):
            case = smaller(case, breaks)
    return case


def _with_fewer_faults(case: Case, breaks: Callable[[Case], bool]) -> Case:
    faults = fewer(case.faults, lambda left: breaks(replace(case, faults=tuple(left))))
    return replace(case, faults=tuple(faults))


def _with_fewer_jobs(case: Case, breaks: Callable[[Case], bool]) -> Case:
    jobs = fewer(case.jobs, lambda left: bool(left) and breaks(_with_jobs(case, left)))
    return _with_jobs(case, jobs)


def _with_jobs(case: Case, jobs: Sequence[object]) -> Case:
    """Without the orders about jobs that are gone."""
    names = {job.name for job in case.jobs if job in jobs}
    kept = [job for job in case.jobs if job in jobs]
    faults = [each for each in case.faults if each.kind != "order" or each.who in names]
    return replace(case, jobs=tuple(kept), faults=tuple(faults))


def _with_fewer_instances(case: Case, breaks: Callable[[Case], bool]) -> Case:
    for instances in range(1, case.fleet.instances):
        smaller = replace(case, fleet=replace(case.fleet, instances=instances))
        if breaks(smaller):
            return smaller
    return case


def _shorter(case: Case, breaks: Callable[[Case], bool]) -> Case:
    faulty = max((fault.at for fault in case.faults), default=0) + 1_000
    smaller = replace(case, fleet=replace(case.fleet, faulty=faulty))
    return smaller if faulty < case.fleet.faulty and breaks(smaller) else case


def fewer(things: Sequence[Thing], is_enough: Callable[[Sequence[Thing]], bool]) -> list[Thing]:
    """Delta debugging: the things of which none can be left out. They are enough as they stand."""
    left, parts = list(things), 2
    while left:
        for smaller in _without_one_part(left, parts):
            if is_enough(smaller):
                left, parts = smaller, max(2, parts - 1)
                break
        else:
            if parts >= len(left):
                return left
            parts = min(len(left), 2 * parts)
    return left


def _without_one_part(things: list[Thing], parts: int) -> Iterator[list[Thing]]:
    size = max(1, -(-len(things) // parts))
    for start in range(0, len(things), size):
        yield things[:start] + things[start + size :]
