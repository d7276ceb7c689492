"""The clock changes as the zone files list them, read here without `zoneinfo`."""

from __future__ import annotations

import struct
from functools import cache
from pathlib import Path
from typing import NamedTuple

import tzdata

FOLDER = Path(tzdata.__file__).parent / "zoneinfo"


class Change(NamedTuple):
    at_s: int
    before_s: int
    after_s: int


class ZoneFile(NamedTuple):
    changes: tuple[Change, ...]
    """Those since 1970; in most zones they end with 2037 or sooner."""
    footer: str
    """The rule for the time after; it has a comma when clocks go on changing."""


@cache
def read(key: str) -> ZoneFile:
    """RFC 9636: a block with 32-bit times, to be skipped, then one with 64-bit times."""
    data = (FOLDER / key).read_bytes()
    times, types, chars, leaps, standard, universal = _counts(data, 0)
    start = 44 + times * 5 + types * 6 + chars + leaps * 8 + standard + universal
    times, types, *_ = _counts(data, start)
    start += 44
    at = struct.unpack_from(f">{times}q", data, start)
    kind = data[start + 8 * times : start + 9 * times]
    offsets = [struct.unpack_from(">i", data, start + 9 * times + 6 * i)[0] for i in range(types)]
    after = [offsets[k] for k in kind]
    before = [offsets[0], *after][:times]
    found = (Change(*change) for change in zip(at, before, after, strict=True))
    changes = tuple(c for c in found if c.at_s >= 0 and c.before_s != c.after_s)
    return ZoneFile(changes, data.split(b"\n")[-2].decode())


def _counts(data: bytes, start: int) -> tuple[int, int, int, int, int, int]:
    universal, standard, leaps, times, types, chars = struct.unpack_from(">6I", data, start + 20)
    return times, types, chars, leaps, standard, universal
