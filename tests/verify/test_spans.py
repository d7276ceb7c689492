"""What is claimed of a history, and what is not: what nobody can know is no finding."""

from __future__ import annotations

from pathlib import Path

from tests.verify.auditing import (
    EVERY_MINUTE,
    MINUTE,
    NOON,
    Object,
    audit,
    broken,
    export,
    job,
    run,
    write,
)

HOUR = 60 * MINUTE
FIVE_MINUTES: Object = {"kind": "every", "interval_ms": 5 * MINUTE, "anchor_ms": 0}
EDITED: Object = {"name": "report", "schedule": FIVE_MINUTES}


def some(*numbers: int) -> list[Object]:
    return [run(number) for number in numbers]


def order(at: int, verb: str) -> Object:
    return {"line": "audit", "at": at, "verb": verb, "job": "report", "who": "", "why": ""}


def test_before_what_was_deleted_nothing_is_claimed(tmp_path: Path) -> None:
    whole_after = NOON + 5 * MINUTE
    standing = job(NOON + HOUR, 10, whole_after=whole_after)
    path = write(tmp_path / "a", export(NOON + HOUR, *some(3, 6, 8, 9), standing))
    verdict = audit(path)
    assert broken(verdict) == {"gap": 1}
    assert verdict.counts["fire times"] == 4
    assert "records of its oldest ticks had been deleted before they were exported" in (
        verdict.unchecked
    )


def test_of_a_job_that_was_edited_once_the_time_before_the_export_is_not_judged(
    tmp_path: Path,
) -> None:
    standing = job(NOON + HOUR, 10, generation=2, definition=EDITED)
    verdict = audit(write(tmp_path / "a", export(NOON + HOUR, *some(3), standing)))
    assert verdict.is_clean
    assert verdict.unchecked["since when its schedule was in force is not known; see --schedules"]


def test_orders_that_are_on_record_explain_a_generation(tmp_path: Path) -> None:
    standing = job(NOON + HOUR, 4, generation=3)
    orders = [order(NOON + MINUTE, "pause"), order(NOON + 2 * MINUTE, "resume")]
    path = write(tmp_path / "a", export(NOON + HOUR, *some(0, 1, 3), standing, *orders))
    assert broken(audit(path)) == {"gap": 1}


def test_orders_that_may_have_been_deleted_explain_nothing(tmp_path: Path) -> None:
    standing = job(NOON + HOUR, 4, generation=3)
    orders = [order(NOON + MINUTE, "pause"), order(NOON + 2 * MINUTE, "resume")]
    lines = export(NOON + HOUR, *some(0, 1, 3), standing, *orders, audit_after=NOON)
    assert audit(write(tmp_path / "a", lines)).is_clean


def test_between_two_exports_with_one_generation_the_schedule_was_the_same(tmp_path: Path) -> None:
    first = export(NOON + MINUTE, *some(0, 1), job(NOON + MINUTE, 2, generation=7))
    later = NOON + HOUR
    second = export(later, *some(2, 4), job(later, 5, generation=7, whole_after=NOON + MINUTE))
    verdict = audit(write(tmp_path / "a", [*first, *second]))
    assert broken(verdict) == {"gap": 1}
    assert verdict.findings.kept[0].run == f"report@{NOON + 3 * MINUTE}"


def test_what_was_deleted_between_two_exports_is_not_claimed(tmp_path: Path) -> None:
    first = write(tmp_path / "a", export(NOON + MINUTE, *some(0, 1), job(NOON + MINUTE, 2)))
    later = NOON + HOUR
    deleted = job(later, 9, whole_after=NOON + 6 * MINUTE)
    second = write(tmp_path / "b", export(later, *some(7, 8), deleted))
    verdict = audit(first, second)
    assert verdict.is_clean
    assert verdict.counts["fire times"] == 4
    assert "records of some of its ticks were deleted between two exports" in verdict.unchecked


def test_a_job_that_had_no_tick_in_the_export_before_has_lost_no_record(tmp_path: Path) -> None:
    """The age that its history is kept for lies before its first tick."""
    idle: Object = {"since": -1, "watermark": -1, "whole_after": NOON - HOUR}
    first = write(tmp_path / "a", export(NOON, job(NOON, 0, **idle)))
    again = write(tmp_path / "c", export(NOON + 1, job(NOON + 1, 0, **idle)))
    standing = job(NOON + HOUR, 2, whole_after=NOON - HOUR)
    second = write(tmp_path / "b", export(NOON + HOUR, *some(0, 1), standing))
    verdict = audit(first, again, second)
    assert verdict.is_clean
    assert not [why for why in verdict.unchecked if "deleted" in why]


def test_two_exports_of_one_time_count_each_tick_once(tmp_path: Path) -> None:
    first = write(tmp_path / "a", export(NOON + HOUR, *some(0, 1, 2), job(NOON + HOUR, 3)))
    second = write(tmp_path / "b", export(NOON + HOUR, *some(0, 1, 2), job(NOON + HOUR, 3)))
    verdict = audit(first, second)
    assert verdict.is_clean
    assert verdict.counts["fire times"] == 3


def test_after_an_edit_each_span_is_judged_by_its_own_schedule(tmp_path: Path) -> None:
    t1, t2, t3 = NOON + 2 * MINUTE, NOON + 10 * MINUTE, NOON + 20 * MINUTE
    first = export(t1, *some(0, 1, 2), job(t1, 3))
    edited = {"generation": 2, "digest": "two", "definition": EDITED}
    second = export(t2, *some(5, 10), job(t2, 11, **edited))
    third = export(t3, *some(15, 20), job(t3, 21, **edited))
    verdict = audit(write(tmp_path / "a", [*first, *second, *third]))
    assert verdict.is_clean
    assert verdict.counts["fire times"] == 3 + 2  # Between the first two nobody knows.


def test_what_was_expected_before_a_jitter_was_known_may_be_due_without_it(
    tmp_path: Path,
) -> None:
    definition = {"name": "report", "schedule": EVERY_MINUTE, "jitter_ms": 50_000}
    edited = {"generation": 5, "definition": definition}
    at = NOON + HOUR
    first = export(NOON, job(NOON, 1, **edited))
    second = export(at, run(0), run(1), run(2), job(at, 3, **edited))
    found = audit(write(tmp_path / "a", [*first, *second])).findings.kept
    assert [each.run for each in found] == [f"report@{NOON + 2 * MINUTE}"]


def test_a_job_of_a_newer_version_hides_no_other(tmp_path: Path) -> None:
    unknown = job(NOON + HOUR, 2, definition={"name": "report", "schedule": {"kind": "moon"}})
    verdict = audit(write(tmp_path / "a", export(NOON + HOUR, *some(0), unknown)))
    assert verdict.is_clean
    assert verdict.unchecked["its schedule is of a kind that this checker does not know"]


def test_a_job_without_any_tick_is_clean(tmp_path: Path) -> None:
    fresh = job(NOON, 0, since=-1, watermark=-1)
    verdict = audit(write(tmp_path / "a", export(NOON, fresh)))
    assert verdict.is_clean
    assert list(verdict.unchecked) == [
        "there is no log of effects: only what the store says is checked",
        *(note for note in verdict.unchecked if note.startswith("zone rules")),
    ]


def test_a_run_that_is_listed_twice_in_one_export_is_one(tmp_path: Path) -> None:
    going = run(1, state="started", ended_at=None, session="s")
    at = NOON + 2 * MINUTE
    lines = export(at, going, run(0), run(1), job(at, 2))
    assert audit(write(tmp_path / "a", lines)).is_clean
