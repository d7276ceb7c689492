"""The next fire time of a parsed expression, beside croniter and cronsim in one run.

A figure is the least of several rounds, in microseconds for one step. *first* is a search in a zone
of which nothing is known yet: it looks the clock changes up. Both gates are printed at the end:
common expressions at 10 times croniter's speed, and no search above 200 us.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from time import perf_counter
from typing import NamedTuple

from croniter import croniter
from cronsim import CronSim

from cronfleet.cron.parser import parse
from cronfleet.cron.search import FireTimes
from cronfleet.cron.zones import Timeline, zone
from cronfleet.schedule import cron

ROUNDS = 15
LEAST_RATIO = 10
MOST_US = 200


class Case(NamedTuple):
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


def least(prepare: Callable[[], Callable[[], object]], steps: int) -> float:
    """Microseconds a step, in the best round; what `prepare` does is not counted."""
    found = float("inf")
    for _ in range(ROUNDS):
        step = prepare()
        began = perf_counter()
        for _ in range(steps):
            step()
        found = min(found, (perf_counter() - began) / steps * 1e6)
    return found


def ours(case: Case, start: datetime) -> float:
    next_after = cron(case.expression, case.tz).next_after
    start_ms = at = round(start.timestamp() * 1000)

    def step() -> None:
        nonlocal at
        at = next_after(at) or start_ms

    def prepare() -> Callable[[], object]:
        nonlocal at
        at = start_ms
        return step

    return least(prepare, case.steps)


def first(case: Case, start: datetime) -> float:
    start_s = round(start.timestamp()) + 1

    def prepare() -> Callable[[], object]:
        fires = FireTimes(parse(case.expression), Timeline(zone(case.tz)))
        return lambda: fires.first_from(start_s)

    return least(prepare, 1)


def of_croniter(case: Case, start: datetime) -> float:
    def prepare() -> Callable[[], object]:
        return croniter(case.expression, start, second_at_beginning=True).get_next

    return least(prepare, case.steps)


def of_cronsim(case: Case, start: datetime) -> float:
    return least(lambda: CronSim(case.expression, start).__next__, case.steps)


RIVALS = {"croniter": of_croniter, "cronsim": of_cronsim}


def measured(case: Case) -> dict[str, float]:
    start = datetime.fromisoformat(case.start).replace(tzinfo=zone(case.tz))
    figures = {"ours": ours(case, start), "first": first(case, start)}
    return figures | {name: RIVALS[name](case, start) for name in case.rivals}


def row(case: Case, figures: dict[str, float]) -> str:
    cells = [figures.get(name) for name in ("ours", "first", "croniter", "cronsim")]
    shown = "".join("        -" if cell is None else f"{cell:9.1f}" for cell in cells)
    ratio = f"{figures['croniter'] / figures['ours']:7.0f}x" if "croniter" in figures else ""
    return f"{case.expression:23}{case.tz:21}{shown}{ratio}"


def main() -> None:
    """Print the table, and whether the gates hold."""
    ratios: list[float] = []
    most = 0.0
    print(f"{'us a step':44}     ours    first croniter  cronsim   ratio")
    for case in COMMON + RARE:
        figures = measured(case)
        most = max(most, figures["ours"], figures["first"])
        if case in COMMON:
            ratios.append(figures["croniter"] / figures["ours"])
        print(row(case, figures), flush=True)
    print(f"common: {min(ratios):.0f} to {max(ratios):.0f} times croniter (gate: {LEAST_RATIO})")
    print(f"at most {most:.0f} us, the first search in a zone included (gate: {MOST_US})")


if __name__ == "__main__":
    main()
