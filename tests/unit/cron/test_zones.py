"""Rule R19, and that a zone is cut where its clocks change, until 2199."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronfleet.cron import zones
from cronfleet.cron.zones import timeline, tzdata_version, zone, zone_names
from cronfleet.errors import InvalidScheduleError
from tests.unit.cron import tzif
from tests.unit.cron.oracle import changes, wall_at

NAMES = sorted(zone_names())
DAY = 86_400
PROBE_S = zones._PROBE_S
LAST_S = 7_258_118_400  # 2200 begins.


@pytest.fixture
def lying_system(tmp_path: Path) -> Iterator[None]:
    """A machine whose own zone files say that Berlin keeps Tokyo's time."""
    (tmp_path / "Europe").mkdir()
    (tmp_path / "Europe/Berlin").write_bytes((tzif.FOLDER / "Asia/Tokyo").read_bytes())
    zoneinfo.reset_tzpath(to=[str(tmp_path)])
    zoneinfo.ZoneInfo.clear_cache()
    yield
    zoneinfo.reset_tzpath()
    zoneinfo.ZoneInfo.clear_cache()


@pytest.mark.usefixtures("lying_system")
def test_r19_zones_come_from_the_wheel_whatever_the_system_says() -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert noon.astimezone(zoneinfo.ZoneInfo("Europe/Berlin")).hour == 21
    assert noon.astimezone(zone.__wrapped__("Europe/Berlin")).hour == 13


def test_r19_every_zone_of_the_wheel_is_known_by_its_key() -> None:
    files = {str(p.relative_to(tzif.FOLDER)) for p in tzif.FOLDER.rglob("*") if p.is_file()}
    assert {name for name in NAMES if zone(name).key == name} == set(NAMES)
    assert set(NAMES) <= files


def test_r19_a_zone_is_read_once() -> None:
    assert zone("Asia/Tokyo") is zone("Asia/Tokyo")
    assert timeline("Asia/Tokyo") is timeline("Asia/Tokyo")


def test_r19_the_version_names_the_release_and_newer_is_greater() -> None:
    assert re.fullmatch(r"20[0-9]{2}[a-z]+", tzdata_version())
    assert (tzif.FOLDER / "tzdata.zi").read_text().startswith(f"# version {tzdata_version()}\n")
    releases = ["2025b", "2025c", "2026a", "2026z", "2026za", "2027a"]
    assert sorted(releases) == releases


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("europe/berlin", "did you mean Europe/Berlin?"),
        ("Berlin", "did you mean Europe/Berlin?"),
        ("America/New York", "did you mean America/New_York?"),
        ("Europe/Londn", "did you mean Europe/London?"),
        ("Asia/Kolkatta", "did you mean Asia/Kolkata?"),
        ("Mars/Zzz", "write an IANA name, such as Europe/Berlin, or UTC"),
        ("CE", "write an IANA name, such as Europe/Berlin, or UTC"),
        ("", "write an IANA name, such as Europe/Berlin, or UTC"),
        ("../zones", "write an IANA name, such as Europe/Berlin, or UTC"),
        ("/etc/localtime", "write an IANA name, such as Europe/Berlin, or UTC"),
        ("x" * 10_000, "write an IANA name, such as Europe/Berlin, or UTC"),
    ],
)
def test_an_unknown_zone_is_refused_with_names_like_it(key: str, hint: str) -> None:
    with pytest.raises(InvalidScheduleError) as caught:
        zone(key)
    assert (caught.value.field, caught.value.text) == ("tz", key)
    assert caught.value.hint.endswith(hint)


@pytest.mark.parametrize("names", [NAMES[part::4] for part in range(4)])
def test_every_change_that_a_zone_file_lists_begins_a_segment(names: list[str]) -> None:
    for name in names:
        for change in tzif.read(name).changes:
            segment = timeline(name).segment_at(change.at_s)
            assert (segment.start, segment.offset) == (change.at_s, change.after_s), name
            before = timeline(name).segment_at(change.at_s - 1)
            assert (before.end, before.offset) == (change.at_s, change.before_s), name


def test_no_zone_has_two_changes_within_a_probe() -> None:
    """Else a pair of them could be overlooked: the probe must then be made smaller."""
    for name in NAMES:
        for first, second in pairwise(tzif.read(name).changes):
            assert second.at_s - first.at_s > PROBE_S, name


def test_no_rule_for_the_years_to_come_has_two_changes_within_a_probe() -> None:
    by_footer = {tzif.read(name).footer: name for name in NAMES if "," in tzif.read(name).footer}
    for name in by_footer.values():
        found = changes(zone(name), LAST_S - 5 * 365 * DAY, LAST_S)
        assert len(found) == 10
        assert min(second - first for first, second in pairwise(found)) > 20 * DAY


@given(st.sampled_from(NAMES), st.integers(-DAY, LAST_S + DAY))
def test_a_segment_has_the_offset_of_its_zone_at_both_ends(name: str, at: int) -> None:
    segment = timeline(name).segment_at(at)
    assert segment.start <= at < segment.end
    for instant in (segment.start, at, segment.end - 1):
        wall = wall_at(zone(name), instant).replace(tzinfo=UTC)
        assert round(wall.timestamp()) - instant == segment.offset


def test_a_change_shortly_before_a_chunk_begins_is_still_known_in_it() -> None:
    """Else the second pass of repeated times would not be known as one."""
    chunk_s = 1 << zones._CHUNK_BITS
    every = ((name, change.at_s) for name in NAMES for change in tzif.read(name).changes)
    near = [(name, at) for name, at in every if chunk_s - at % chunk_s < PROBE_S]
    for name, at in near:
        assert timeline(name).segment_at((at // chunk_s + 1) * chunk_s).start == at
    assert near
