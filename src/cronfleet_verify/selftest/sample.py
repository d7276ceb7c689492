"""A clean history of one job, in memory, for a corruption to change."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable
from functools import cache

from cronfleet_verify.checking import Options, Verdict, check
from cronfleet_verify.reading import run_parts
from cronfleet_verify.selftest.clean import EFFECTS, HISTORY, Object, history

TTL = 10_000


class Sample:
    """The lines of an export and of a log, to be picked from and changed in place."""

    def __init__(self, job: str, days: int) -> None:
        told = _told(job, days)
        self.job = job
        self.history: list[Object] = copy.deepcopy([line for what, line in told if what == HISTORY])
        self.effects: list[Object] = copy.deepcopy([line for what, line in told if what == EFFECTS])
        self.later: list[Object] = []
        """The lines of a later export."""
        self.cut = 0
        """So many characters are missing at the end of the export."""

    def verdict(self) -> Verdict:
        """What the checker says of it. Raises BadInputError."""
        exported = [f"{json.dumps(line)}\n" for line in self.history]
        later = [f"{json.dumps(line)}\n" for line in self.later]
        text = "".join(exported)
        whole = text[: len(text) - self.cut].splitlines(keepends=True)
        logged = [f"{json.dumps(line)}\n" for line in self.effects]
        files: list[tuple[str, Iterable[str]]] = [("export", whole), ("log", logged)]
        return check([*files, ("later", later)], Options(ttl=TTL))

    # --- picking

    def record(self, wanted: Callable[[Object], bool] = lambda _: True) -> Object:
        """A run on record that is wanted, from the middle."""
        found = [line for line in self.history if line["line"] == "run" and wanted(line)]
        return found[len(found) // 2]

    def gap(self, wanted: Callable[[Object], bool] = lambda _: True) -> Object:
        """A gap that is wanted, from the middle."""
        found = [line for line in self.history if line["line"] == "gap" and wanted(line)]
        return found[len(found) // 2]

    def of(self, record: Object, effect: str) -> list[Object]:
        """The effects of one kind of a run."""
        wanted = (effect, record["run"])
        return [line for line in self.effects if (line["effect"], line["run"]) == wanted]

    @property
    def standing(self) -> Object:
        """The line of the job."""
        return next(line for line in self.history if line["line"] == "job")

    # --- changing

    def forget(self, *lines: Object) -> None:
        self.history = [line for line in self.history if not any(line is each for each in lines)]
        self.effects = [line for line in self.effects if not any(line is each for each in lines)]

    def forget_run(self, record: Object) -> None:
        """As if it had never been."""
        self.forget(record, *(line for line in self.effects if line["run"] == record["run"]))

    def add_record(self, like: Object, **changes: object) -> Object:
        line = {**like, **changes}
        self.history.insert(len(self.history) - 2, line)
        return line

    def add_effect(self, like: Object, **changes: object) -> Object:
        """Log something at the end."""
        line = {**like, **changes}
        self.effects.append(line)
        return line

    def export_again(self) -> list[Object]:
        """The same export an hour later, after which nothing had happened; answers its lines."""
        self.later = copy.deepcopy(self.history)
        for line in self.later:
            if line["line"] in {"header", "job"}:
                line["at"] += 3_600_000
        return self.later


def fire_time(record: Object) -> int:
    return run_parts(record["run"])[1]


@cache
def _told(job: str, days: int) -> tuple[tuple[str, Object], ...]:
    return tuple(history(7, days, job))
