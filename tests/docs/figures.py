"""What was measured, as docs/guarantees.md shows it: made from the results in docs/results/.

python3 dev.py figures     # writes it anew
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from tests.docs.guarantee_table import PAGE
from tests.docs.made import Made
from tests.results import RESULTS

MADE = Made(
    PAGE, "<!-- made by tests/docs/figures.py from docs/results -->\n", "<!-- end of figures -->\n"
)

Figures: TypeAlias = Mapping[str, Any]

STORES = {
    "sqlite": "SQLite",
    "redis": "Redis",
    "valkey-sentinel": "Valkey, Sentinel",
    "postgres": "PostgreSQL",
}
CHAOS = (
    "ticks",
    "kills",
    "freezes",
    "store_restarts",
    "failovers",
    "late_effects_of_the_frozen",
    "excused_by_the_stores_clock",
)
FOUND = ("duplicates", "ticks_without_outcome", "findings")


def results() -> dict[str, Any]:
    """All that is kept, by name."""
    found = (json.loads(path.read_text("utf-8")) for path in sorted(RESULTS.glob("*.json")))
    return {each["name"]: each for each in found}


def section(kept: Mapping[str, Any]) -> str:
    """All figures, each with what was run for it."""
    figures: dict[str, Figures] = {name: each["figures"] for name, each in kept.items()}
    lines = [""]
    for name, told in (("simulation", _simulation), ("mutants", _mutants)):
        if name in figures:
            lines += [*told(figures[name]), ""]
    lines += [*_chaos(figures), ""]
    for name, told in (
        ("chaos-outbox", _outbox),
        ("chaos-postfix", _postfix),
        ("takeover", _takeover),
        ("starvation", _starvation),
    ):
        if name in figures:
            lines += [*told(figures[name]), ""]
    return "\n".join([*lines, *_sources(kept), "", ""])


def _simulation(figures: Figures) -> Iterator[str]:
    fleets = {int(size): count for size, count in figures["fleets_of"].items()}
    cells = sum(map(len, figures["struck"].values()))
    strikes = sum(sum(each.values()) for each in figures["struck"].values())
    yield (
        f"**Simulator.** {figures['seeds']:,} seeds in which a fault struck, "
        "each the life of a fleet for half an hour or more of virtual time; the fleets are of "
        f"{min(fleets)} to {max(fleets)} instances, {fleets[3]:,} of them of three. "
        f"{figures['instance_years']:.2f} years of instances: "
        f"{figures['ticks']:,} ticks, {figures['handlers_entered']:,} handlers entered, "
        f"{figures['store_calls']:,} calls of a store, {strikes:,} strikes of "
        f"{len(figures['struck'])} kinds of faults in {cells} cells of kind and operation. "
        f"**{figures['failed']} seeds broke a rule.**{_at_several(figures['sources'])}"
    )


def _at_several(sources: Mapping[str, int]) -> str:
    """What is to be said where the source changed on the way."""
    if len(sources) == 1:
        return ""
    counts = ", ".join(f"{count:,} on `{source[:10]}`" for source, count in sources.items())
    return f" The product's source changed on the way: {counts} (the tree of `src`)."


def _mutants(figures: Figures) -> Iterator[str]:
    yield (
        f"**Mutants.** {figures['found']} of {figures['mutants']} faults that were planted in the "
        "protocol, in Python, Lua and SQL, were found: "
        f"{figures['found_by_simulator']} by the simulator (after "
        f"{figures['median_seeds_until_found']:g} seeds at the median, "
        f"{figures['most_seeds_until_found']} at the most), "
        f"{figures['found_by_tests']} by the conformance suite and other tests of rules; "
        f"{figures['shown_by_models']} are shown by a model. "
        "[mutants.md](mutants.md) has the table."
    )


def _chaos(figures: Mapping[str, Figures]) -> Iterator[str]:
    rows = {name: figures[f"chaos-{name}"] for name in STORES if f"chaos-{name}" in figures}
    if not rows:
        return
    yield "**Chaos with real processes**, judged by the checker from exports and logs of effects:"
    yield ""
    yield "| store | " + " | ".join(map(_head, (*CHAOS, *FOUND))) + " |"
    yield "|---|" + "---:|" * len((*CHAOS, *FOUND))
    for name, row in rows.items():
        yield _row(STORES[name], row)
    if len(rows) > 1:
        keys = (*CHAOS, *FOUND)
        yield _row("**all**", {key: sum(row[key] for row in rows.values()) for key in keys})
    yield ""
    yield "Late effects, and what the store's clock excuses, are no findings: [chaos.md](chaos.md) says why."
    for name, row in rows.items():
        if absent := row.get("kinds_that_never_struck"):
            yield ""
            yield f"Not struck on {STORES[name]}, so nothing is shown of it there: {', '.join(absent)}."


def _head(key: str) -> str:
    return key.replace("_", " ").replace("the stores", "the store's")


def _row(name: str, row: Figures) -> str:
    cells = [f"{row[key]:,}" for key in CHAOS] + [f"**{row[key]:,}**" for key in FOUND]
    return f"| {name} | " + " | ".join(cells) + " |"


def _outbox(figures: Figures) -> Iterator[str]:
    yield (
        f"**Mails.** {figures['kills']} kills at every step of the SMTP dialogue, "
        f"{figures['users']:,} users: {figures['mails']:,} mails were accepted by the server, "
        f"{figures['parked']:,} notices are parked as UNCERTAIN (of which the server had taken "
        f"{figures['parked_that_were_accepted']:,}), {figures['refused']:,} were refused for good. "
        f"**{figures['surplus_mails']} mails went to somebody who had been mailed before.**"
    )


def _postfix(figures: Figures) -> Iterator[str]:
    yield (
        f"**Mails to a real Postfix.** {figures['users']:,} users in PostgreSQL, "
        f"{figures['instances']} instances, {figures['kills']} kills, of which "
        f"{figures['kills_of_the_sender']} of the one that was sending; Postfix restarted "
        f"{_times(figures['relay_restarts'])}, PostgreSQL {_times(figures['database_restarts'])}: "
        f"{figures['sent']:,} notices are SENT, with one mail each, {figures['parked']:,} are "
        f"parked as UNCERTAIN (of which Postfix had taken {figures['parked_that_were_taken']:,}). "
        f"**{figures['surplus_mails']} mails went to somebody who had been mailed before.**"
    )


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _takeover(figures: Figures) -> Iterator[str]:
    yield (
        f"**Takeover.** {figures['kills']} instances of {figures['instances']} killed, one after "
        f"the other, with a TTL of {figures['ttl_s']:g} s, on {figures['store']}: the first tick "
        f"of each of the {figures['idle_ticks']:,} idle jobs after a kill was "
        f"{figures['idle_tick_late_ms_p50']} ms late at p50, {figures['idle_tick_late_ms_p99']} ms "
        f"at p99, {figures['idle_tick_late_ms_max']} ms at the most; what the dead were running "
        f"was known as lost after {figures['known_as_lost_s_max']} s at the most, and started "
        f"again after {figures['started_again_s_max']} s (bound: {figures['bound_s']} s)."
    )


def _starvation(figures: Figures) -> Iterator[str]:
    yield (
        f"**Starved of processor time** by {figures['busy_processes_per_core']} busy processes a "
        f"core, on {figures['store']}: "
        + "; ".join(
            f"with a TTL of {each['ttl_s']:g} s {each['falsely_lost_runs']} of "
            f"{each['started_runs']:,} started runs were taken for lost while their instance "
            f"lived, and ticks were {each['late_ms_p50']} ms late at p50, {each['late_ms_p99']} "
            "at p99"
            for each in figures["by_ttl"]
        )
        + "."
    )


def _sources(kept: Mapping[str, Any]) -> Iterator[str]:
    yield "| result | commit | cores | run again by |"
    yield "|---|---|---:|---|"
    for name, each in kept.items():
        if name.startswith("bench-"):
            continue  # docs/benchmarks.md has these.
        commit = each["commit"][:10]
        yield f"| [{name}](results/{name}.json) | `{commit}` | {each['cores']} | `{each['command']}` |"


if __name__ == "__main__":
    MADE.write(section(results()))
