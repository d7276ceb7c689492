"""A case as text, and what is left of one that fails."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cronfleet.model import JobRecord
from cronfleet.stores.steps import runs
from cronfleet.stores.steps.overlap import promote
from cronfleet.stores.steps.records import Records
from tests.simulation.case import Case, Fleet, Job, parse
from tests.simulation.drawing import drawn
from tests.simulation.running import run
from tests.simulation.shrinking import fewer, shrunk


@pytest.mark.parametrize("seed", range(50))
def test_a_case_is_read_as_it_was_written(seed: int) -> None:
    case = drawn(seed)
    assert parse(str(case)) == case


def test_what_follows_a_hash_is_passed_over() -> None:
    assert parse("# why\n\nfleet seed=3 # so\njob name=a\n") == Case(Fleet(3), (Job("a"),), ())


def test_what_is_no_line_of_a_case_is_refused() -> None:
    with pytest.raises(ValueError, match="neither fleet nor job nor fault"):
        parse("fleet seed=3\nfauld at=3")


def test_of_many_things_those_are_left_that_are_needed() -> None:
    asked: list[int] = []

    def is_enough(left: object) -> bool:
        asked.append(1)
        return {3, 70} <= set(left)  # pyright: ignore[reportArgumentType]

    assert fewer(range(100), is_enough) == [3, 70]
    assert len(asked) < 100


def makes_no_room(records: Records, job: JobRecord) -> None:
    promote(records, replace(job, active=job.active + 1))


def test_a_case_that_fails_shrinks_to_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as faulty:
        faulty.setattr(runs, "promote", makes_no_room)
        case = drawn(4, "memory")
        violation = run(case).violation
        assert violation is not None
        small = shrunk(case, violation.rule)
        again = run(small).violation
    assert (len(small.jobs), len(small.faults), small.fleet.instances) == (1, 0, 1)
    assert again is not None
    assert again.rule == violation.rule
    assert run(small).violation is None
