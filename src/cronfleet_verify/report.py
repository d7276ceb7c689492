"""What the check came to, in words for people or as one JSON document."""

from __future__ import annotations

import json
from collections.abc import Iterator

from cronfleet_verify.checking import Verdict
from cronfleet_verify.findings import RULES, Finding

_NAMED = 5
_LONGEST = 2000


def as_json(verdict: Verdict) -> str:
    """One document: `clean`, `counts`, `found` by rule, `findings`, `unchecked`."""
    document = {
        "clean": verdict.is_clean,
        "counts": verdict.counts,
        "found": dict(verdict.findings.counts),
        "findings": [_as_object(each) for each in verdict.findings.kept],
        "unchecked": [
            {"why": why, "jobs": sorted(jobs)} for why, jobs in verdict.unchecked.items()
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _as_object(found: Finding) -> dict[str, object]:
    return {
        "rule": found.rule,
        "fleet": found.fleet,
        "run": found.run,
        "said": found.said,
        "shown": [quote._asdict() for quote in found.shown],
    }


def as_text(verdict: Verdict) -> str:
    """First what is wrong, then what was looked at, what could not be, and the verdict."""
    return "".join(f"{_plain(line)}\n" for line in _lines(verdict))


def _lines(verdict: Verdict) -> Iterator[str]:
    for rule, count in verdict.findings.counts.items():
        yield f"{rule}: {RULES[rule]}: {count}"
        shown = [each for each in verdict.findings.kept if each.rule == rule]
        for each in shown:
            yield f"  {each.run} (fleet {each.fleet}): {each.said}"
            for file, place, text in each.shown:
                yield f"    {file}:{place}: {text[:_LONGEST]}"
        if count > len(shown):
            yield f"  ... and {count - len(shown)} more"
        yield ""
    yield "Looked at: " + ", ".join(f"{n} {what}" for what, n in verdict.counts.items()) + "."
    for why, jobs in verdict.unchecked.items():
        yield f"Not checked: {why}{_named(sorted(jobs))}"
    yield _verdict(verdict)


def _named(jobs: list[str]) -> str:
    if not jobs:
        return ""
    more = f" and {len(jobs) - _NAMED} more" if len(jobs) > _NAMED else ""
    return f" ({', '.join(jobs[:_NAMED])}{more})"


def _verdict(verdict: Verdict) -> str:
    found = verdict.findings.counts
    if not found:
        return "Clean: nothing was found."
    return "Found: " + ", ".join(f"{count} {rule}" for rule, count in found.items()) + "."


def _plain(line: str) -> str:
    """Without the control characters that an input may have brought."""
    return "".join(letter for letter in line if letter.isprintable() or letter == "\t")
