"""Schedules written by hand: to judge another system's log, or what an export cannot know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cronfleet_verify.definitions import by_hand
from cronfleet_verify.reading import BadInputError
from tests.verify.auditing import MINUTE, NOON, audit, began, broken, export, job, run, write

TEN_MINUTES = """
[[job]]
name = "report"
every_s = 60
from = 2027-01-15T08:00:00Z
until = 2027-01-15T08:09:00Z
"""


def schedules(folder: Path, text: str = TEN_MINUTES) -> Any:
    path = folder / "jobs.toml"
    path.write_text(text)
    return by_hand(str(path))


def test_a_log_alone_is_judged_by_its_schedule(tmp_path: Path) -> None:
    log = [began(number) for number in range(10)]
    given = schedules(tmp_path)
    assert audit(write(tmp_path / "a", log), given=given).is_clean
    assert broken(audit(write(tmp_path / "b", log[:7] + log[8:]), given=given)) == {"gap": 1}
    twice = [*log, {**log[3], "token": 5000}]
    assert broken(audit(write(tmp_path / "c", twice), given=given)) == {"duplicate": 1}
    hasty = [*log[:5], {**log[5], "at": log[5]["at"] - 3000}, *log[6:]]
    assert broken(audit(write(tmp_path / "d", hasty), given=given)) == {"early": 1}


def test_a_job_that_no_line_speaks_of_has_missed_each_fire_time(tmp_path: Path) -> None:
    verdict = audit(write(tmp_path / "a", []), given=schedules(tmp_path))
    assert broken(verdict) == {"gap": 10}
    assert verdict.counts["jobs"] == 1


def test_each_shard_must_begin(tmp_path: Path) -> None:
    given = schedules(tmp_path, TEN_MINUTES + "shards = 2\n")
    shards = [(began(n), k) for n in range(10) for k in range(2)]
    log = [{**one, "run": f"{one['run']}/{k}", "token": 2 * one["token"] + k} for one, k in shards]
    assert audit(write(tmp_path / "a", log), given=given).is_clean
    (found,) = audit(write(tmp_path / "b", log[:-1]), given=given).findings.kept
    assert found.said.endswith("has not begun in shard 1 of 2")


@pytest.mark.parametrize(("timeout", "found"), [("", {"restart": 1}), ("timeout_s = 9", {})])
def test_an_attempt_may_begin_beside_one_that_took_no_notice_of_its_time_limit(
    tmp_path: Path, timeout: str, found: dict[str, int]
) -> None:
    given = schedules(tmp_path, f'[[job]]\nname = "report"\nevery_s = 60\nattempts = 2\n{timeout}')
    two = began(0, attempt=2, token=2000, at=NOON + 10_000)
    ended = {**began(0), "effect": "ended", "outcome": "cancelled", "at": NOON + 15_000}
    verdict = audit(write(tmp_path / "a", [began(0), two, ended]), given=given)
    assert broken(verdict) == found


def test_a_system_that_does_not_tell_its_fire_times_is_given_the_last_before(
    tmp_path: Path,
) -> None:
    log = [{"effect": "began", "job": "report", "at": NOON + n * MINUTE + 200} for n in range(10)]
    log += [{"effect": "ended", "job": "report", "at": NOON + n * MINUTE + 900} for n in range(10)]
    given = schedules(tmp_path)
    assert audit(write(tmp_path / "a", log), given=given).is_clean
    second = {"effect": "began", "job": "report", "instance": "b", "at": NOON + MINUTE + 300}
    found = audit(write(tmp_path / "b", [*log[:4], *log[5:], second]), given=given)
    assert broken(found) == {"duplicate": 1, "gap": 1}


def test_what_began_before_the_time_that_is_judged_is_no_run_of_its_first_tick(
    tmp_path: Path,
) -> None:
    log = [{"effect": "began", "job": "report", "at": NOON + n * MINUTE} for n in range(-5, 10)]
    assert audit(write(tmp_path / "a", log), given=schedules(tmp_path)).is_clean
    found = audit(write(tmp_path / "b", log[:5] + log[6:]), given=schedules(tmp_path))
    assert broken(found) == {"gap": 1}


def test_what_does_not_tell_its_fire_time_and_has_no_schedule_is_said(tmp_path: Path) -> None:
    log = [{"effect": "began", "job": "report", "at": NOON + n * MINUTE} for n in range(3)]
    mails = [{"effect": "did", "job": "report", "key": "7", "at": NOON} for _ in range(2)]
    verdict = audit(write(tmp_path / "a", [*log, *mails]))
    assert broken(verdict) == {"twice": 1}
    note = "its effects do not tell their fire times, and --schedules does not have it"
    assert verdict.unchecked[note] == ["report"]


def test_a_log_of_mails_needs_no_runs(tmp_path: Path) -> None:
    mails = [{"effect": "did", "key": f"user {n % 4}", "at": NOON + n} for n in range(6)]
    assert broken(audit(write(tmp_path / "a", mails))) == {"twice": 2}


def test_without_a_from_and_an_until_no_fire_time_is_claimed(tmp_path: Path) -> None:
    given = schedules(tmp_path, '[[job]]\nname = "report"\nevery_s = 60\n')
    verdict = audit(write(tmp_path / "a", [began(0), began(5)]), given=given)
    assert verdict.is_clean
    assert verdict.unchecked["--schedules does not say `from` and `until`: no gaps"] == ["report"]


def test_a_person_knows_since_when_a_schedule_was_in_force(tmp_path: Path) -> None:
    standing = job(NOON + 9 * MINUTE, 9, generation=4)
    lines = export(NOON + 9 * MINUTE, *(run(n) for n in range(9) if n != 4), standing)
    path = write(tmp_path / "a", lines)
    assert audit(path).is_clean
    assert broken(audit(path, given=schedules(tmp_path))) == {"gap": 1}


def test_all_that_a_job_may_say_is_understood(tmp_path: Path) -> None:
    given = schedules(
        tmp_path,
        """
        [[job]]
        name = "nightly"
        fleet = "north"
        cron = "30 2 * * *"
        tz = "Europe/Berlin"
        on_lost = "rerun"
        overlap = "allow"
        attempts = 3
        timeout_s = 1.5
        jitter_s = 20
        shards = 4

        [[job]]
        name = "once"
        at = 2027-01-01T00:00:00Z
        max_active = 2
        """,
    )
    nightly = given["north", "nightly"].definition
    assert (nightly.limit, nightly.most_attempts, nightly.timeout) == (0, 5, 1500)
    assert (nightly.jitter, nightly.shards, nightly.zoned) == (20_000, 4, True)
    assert given["default", "once"].definition.limit == 2


def test_json_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "jobs.json"
    path.write_text('{"job": [{"name": "a", "every_s": 5, "from": "2027-01-01"}]}')
    assert by_hand(str(path))["default", "a"].after == 1_798_761_600_000 - 1


@pytest.mark.parametrize(
    "text",
    [
        "[[job]]\nname = 'a'\n",
        "[[job]]\nname = 'a'\ncron = '* * * *'\n",
        "[[job]]\nname = 'a'\ncron = '* * * * *'\ntz = 'Mars/Olympus'\n",
        "[[job]]\nname = 'a'\nevery_s = 5\ntimeout = 3\n",
        "[[job]]\nname = 'a'\nat = 'noon'\n",
        "[[job]]\nname = 'a'\nevery_s = 0\n",
        "job = 3\n",
        "[[job]\n",
    ],
)
def test_a_file_that_cannot_be_understood_is_bad_input(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadInputError, match=r"jobs\.toml: "):
        schedules(tmp_path, text)


@pytest.mark.parametrize(("on_lost", "found"), [("rerun", {}), ("abandon", {"restart": 1})])
def test_what_succeeded_may_be_lost_before_it_can_say_so(
    tmp_path: Path, on_lost: str, found: dict[str, int]
) -> None:
    job = f'[[job]]\nname = "report"\nevery_s = 60\nattempts = 2\non_lost = "{on_lost}"\n'
    ended = {**began(0), "effect": "ended", "outcome": "succeeded", "at": NOON + 1000}
    two = began(0, attempt=2, token=2000, at=NOON + 15_000)
    verdict = audit(write(tmp_path / "a", [began(0), ended, two]), given=schedules(tmp_path, job))
    assert broken(verdict) == found
