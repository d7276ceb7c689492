"""Search the models: `run.py` all scenarios, `run.py NAME...` some, with traces, `run.py --small`.

NAME is a scenario (`session/core`, or `core` in any model) or a model (`outbox`). The exit status is
0 if and only if each verdict is the expected one and each decision is shown to be needed or named as
spare. `--small` leaves out what takes long, and the controls.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import attempts
import definitions
import outbox
import overlap
import programs
import redlock
import shards
from failover import scenarios as failover
from scenario import Verdict, judge, unshown
from session import scenarios as session

MODELS = (session, failover, outbox, redlock, shards, overlap, attempts, programs, definitions)
SCENARIOS = {scenario.name: scenario for model in MODELS for scenario in model.SCENARIOS}
PROCESSES_AT_MOST = 4  # A large scenario takes half a gigabyte.


def main(arguments: list[str]) -> int:
    is_small = arguments == ["--small"]
    names = [] if is_small else arguments
    chosen = [name for name in SCENARIOS if is_chosen(name, names, small=is_small)]
    if not chosen:
        print(f"no scenario or model is called {' or '.join(names)}; there are:")
        print(*SCENARIOS, sep="\n")
        return 2
    begin = time.monotonic()
    print(f"{'scenario':46} {'states':>9} {'s':>6}  {'verdict':16} found (steps); what is asked")
    are_as_expected = True
    for verdict in verdicts(chosen, with_control=not is_small):
        print(line(verdict), flush=True)
        are_as_expected &= verdict.is_as_expected
        if names or not verdict.is_as_expected:
            print_traces(verdict)
    took = f"{len(chosen)} scenarios, {time.monotonic() - begin:.0f} s"
    print(f"{took}: {'all as expected' if are_as_expected else 'NOT as expected'}")
    is_shown = names or decisions_are_shown(chosen)
    return 0 if are_as_expected and is_shown else 1


def is_chosen(full_name: str, names: list[str], *, small: bool) -> bool:
    if small:
        return SCENARIOS[full_name].is_small
    return not names or not {full_name, *full_name.split("/")}.isdisjoint(names)


def verdicts(chosen: list[str], *, with_control: bool) -> Iterator[Verdict]:
    with ProcessPoolExecutor(min(processors(), PROCESSES_AT_MOST)) as pool:
        yield from pool.map(partial(judge_by_name, with_control=with_control), chosen)


def judge_by_name(name: str, *, with_control: bool) -> Verdict:
    return judge(SCENARIOS[name], with_control=with_control)


def processors() -> int:
    """How many this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def line(verdict: Verdict) -> str:
    scenario, findings = verdict.scenario, verdict.findings
    return (
        f"{scenario.name:46} {findings.states:9,} {verdict.seconds:6.1f}  "
        f"{word(verdict):16} {verdict.found}; {scenario.says}"
    )


def word(verdict: Verdict) -> str:
    scenario = verdict.scenario
    if not verdict.is_control_clean:
        return "CONTROL BREAKS"
    if not verdict.is_as_expected:
        return "UNEXPECTED"
    if not scenario.without:
        return "a limit" if scenario.violates else "holds"
    return "needed" if scenario.violates else "not needed alone"


def print_traces(verdict: Verdict) -> None:
    control = verdict.control.traces if verdict.control else {}
    for kind, traces in (("", verdict.findings.traces), (" in the control", control)):
        for name, steps in traces.items():
            print(f"    shortest way to break {name}{kind}")
            for number, step in enumerate(steps, start=1):
                print(f"    {number:3} {step}")


def decisions_are_shown(chosen: list[str]) -> bool:
    """Every decision has a counterexample among those chosen, or stands among the spare ones."""
    scenarios = [SCENARIOS[name] for name in chosen]
    are_shown = True
    for model in MODELS:
        mine = [scenario for scenario in scenarios if scenario in model.SCENARIOS]
        missing = unshown(model.DECISIONS, mine)
        for flag in sorted(missing & set(model.SPARE)):
            print(f"spare in {model.__name__}: {flag}: {model.SPARE[flag]}")
        for flag in sorted(missing - set(model.SPARE)):
            print(f"NOT SHOWN in {model.__name__}: {flag}")
            are_shown = False
    return are_shown


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
