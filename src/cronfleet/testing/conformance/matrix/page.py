"""The matrix as a page for people: `python -m cronfleet.testing.conformance.matrix`."""

from __future__ import annotations

from collections.abc import Iterable

from cronfleet.testing.conformance.matrix.cells import Apart, Cell, Operation
from cronfleet.testing.conformance.matrix.conditions import ABOUT, THING, Condition, Thing
from cronfleet.testing.conformance.matrix.tables import OPERATIONS

HEAD = """# What every store answers

Every operation that changes something, under every condition that applies to it: what is answered, and all that changes.
What is not named stays as it was; the suite compares everything that a store shows before and after.
This page is printed from the tables that `cronfleet.testing.conformance.StoreConformance` asks of a store, by `python -m cronfleet.testing.conformance.matrix`.

Each time there are two instances, Anna and Ben, and an hourly job whose tick of 12:00 is due and whose limit is 1.
A question comes a second after what stands before it, so at 12:00:01 unless the condition lets more time pass.
`tick` is the run of 12:00, `tick/0` its first shard, `manual_1` the first run by hand, `anna` a session; `expected`, `watermark`, `generation`, `active`, `state` and `edition` are the job's.
What is granted has a token above all that were there before.
An answer `done` may be the answer to what was done before: then nothing changes.

The conditions, by the thing that each is about:
"""


def page() -> str:
    """All tables, as Markdown."""
    return "\n".join([HEAD, *map(_condition, Thing), "", *map(_section, OPERATIONS)])


def _section(operation: Operation) -> str:
    cells = {condition: operation.cell(condition) for condition in Condition}
    rows = [_row(condition, cell) for condition, cell in operation.applied()]
    apart = {each: cell.why for each, cell in cells.items() if isinstance(cell, Apart)}
    return "\n".join(
        [
            f"## {operation.name}\n",
            f"{operation.scene}\n",
            "| when | answer | what changes |",
            "|---|---|---|",
            *rows,
            "",
            "What does not apply, and why:\n",
            *_reasons(apart, operation.takes),
            "",
        ]
    )


def _row(condition: Condition, cell: Cell) -> str:
    changes = ", ".join(f"`{name}` {new}" for name, new in cell.changes.items())
    return f"| {condition} | {cell.answer} | {changes or 'nothing'} |"


def _reasons(apart: dict[Condition, str], takes: frozenset[Thing]) -> Iterable[str]:
    """Of things that it does not take, their names; else the conditions that have one reason."""
    things = [thing for thing in Thing if thing not in takes]
    rest = {each: why for each, why in apart.items() if THING[each] in takes}
    if things:
        yield f"- it takes no {', no '.join(things)}"
    for why in dict.fromkeys(rest.values()):
        conditions = "; ".join(each for each, reason in rest.items() if reason == why)
        yield f"- {conditions}: {why}"


def _condition(thing: Thing) -> str:
    return f"- {thing}: {'; '.join(ABOUT[thing])}"
