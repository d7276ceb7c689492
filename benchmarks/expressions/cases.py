"""Common expressions, and rare ones around clock changes and at the ends of time."""

from __future__ import annotations

from typing import NamedTuple


class Case(NamedTuple):
    """Steps from an instant on; who else reads the expression as we do."""

    expression: str
    tz: str
    start: str
    steps: int = 200
    rivals: tuple[str, ...] = ("croniter", "cronsim")


COMMON = [
    Case(expression, tz, "2026-11-24 10:11:12")
    for expression in (
        "* * * * *",
        "*/5 * * * *",
        "0 * * * *",
        "0 */2 * * *",
        "30 2 * * *",
        "0 9-17 * * MON-FRI",
        "0 0 * * 0",
        "0 0 1 * *",
    )
    for tz in ("UTC", "Europe/Berlin")
]
ONLY_CRONITER = ("croniter",)
RARE = [
    Case("30 2 * * *", "Europe/Berlin", "2026-03-28 12:00", 3),
    Case("30 2 * * *", "Europe/Berlin", "2026-10-24 12:00", 3),
    Case("*/30 2 * * *", "Europe/Berlin", "2026-03-28 12:00", 3),
    Case("*/30 2 * * *", "Europe/Berlin", "2026-10-24 12:00", 6),
    Case("0-59 0-23 * * *", "Europe/Berlin", "2026-10-25 01:50", 120),
    Case("30 * * * *", "Australia/Lord_Howe", "2026-10-04 00:00", 6),
    Case("*/10 1 * * *", "Australia/Lord_Howe", "2026-04-05 00:00", 10),
    Case("30 0,23 * * *", "America/St_Johns", "2010-11-06 20:00", 4),
    Case("15 */2 * * *", "America/St_Johns", "2010-11-06 22:00", 4, ONLY_CRONITER),
    Case("30 2 * * *", "Africa/Casablanca", "2026-02-14 12:00", 3),
    Case("0 12 30 12 *", "Pacific/Apia", "2011-12-29 12:00", 2),
    Case("30 0 * * SUN", "America/Santiago", "2026-09-05 12:00", 3),
    Case("0 0 29 2 *", "Europe/Berlin", "2096-03-01 00:00", 3),
    Case("0 0 */29,29 2 MON", "Europe/Berlin", "2072-03-01 00:00", 3, ()),
    Case("0 0 31 2 1", "America/New_York", "2026-03-01 00:00", 5),
    Case("0 0 LW * *", "America/New_York", "2026-03-01 00:00", 24, ("cronsim",)),
    Case("0 0 15W */6 ?", "Asia/Gaza", "2040-03-01 00:00", 5, ONLY_CRONITER),
    Case("0 0 * 2 MON#5", "Asia/Gaza", "2026-03-01 00:00", 3),
    Case("59 59 23 31 12 * 2199", "Asia/Gaza", "1970-01-01 00:00", 1, ()),
    Case("0 0 0 1 1 * 1970", "America/New_York", "2026-01-01 00:00", 1, ()),
    Case("* * * * * *", "Europe/Berlin", "2026-10-25 02:59:50", 30),
]
