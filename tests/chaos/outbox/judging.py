"""What the outbox says of each user, beside what the peer did: the peer knows."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cronfleet_verify.checking import Options, check
from cronfleet_verify.reading import texts_of
from tests.chaos.outbox.steps import FIRST_UNKNOWN, Step
from tests.chaos.outbox.users import Notice, address


@dataclass(frozen=True)
class Dialogues:
    """Of one user: how often a mail was accepted, and how each dialogue about one went."""

    accepted: int
    furthest: list[Step]
    answers: set[str]

    @property
    def is_unknowable(self) -> bool:
        """Whether one at least got so far that its sender could not know how it ended."""
        return any(step >= FIRST_UNKNOWN for step in self.furthest)


@dataclass
class Verdict:
    """What was found. `wrong` has a line for each rule that a user's fate breaks."""

    wrong: list[str] = field(default_factory=list[str])
    states: Counter[str] = field(default_factory=Counter[str])
    mails: int = 0
    surplus: int = 0
    """Mails beyond the first, of all users together."""
    parked_accepted: int = 0
    """Of those of whom it is not known: how many had been accepted indeed."""


def judge(users: int, notices: dict[str, Notice], mails: Path, dialogues: Path) -> Verdict:
    verdict = Verdict()
    accepted, talks = _accepted(mails), _talks(dialogues)
    verdict.mails = sum(accepted.values())
    verdict.surplus = sum(count - 1 for count in accepted.values())
    known_users = [address(number) for number in range(1, users + 1)]
    for user in known_users:
        known = Dialogues(
            accepted[user],
            [Step[talk["furthest"]] for talk in talks[user]],
            {answer for talk in talks[user] for answer in talk["answers"]},
        )
        notice = notices.get(user, Notice("none", ""))
        verdict.states[notice.state] += 1
        verdict.parked_accepted += notice.state == "UNCERTAIN" and known.accepted > 0
        verdict.wrong += [f"{user}: {rule}" for rule in _broken(notice, known)]
    strangers = sorted(accepted.keys() - set(known_users))
    verdict.wrong += [f"{stranger}: mailed, and no user" for stranger in strangers]
    verdict.wrong += _by_the_checker(mails)
    return verdict


def _broken(notice: Notice, known: Dialogues) -> Iterator[str]:
    if known.accepted > 1:
        yield f"mailed {known.accepted} times"
    match notice.state:
        case "SENT" if known.accepted == 0:
            yield "sent on record, and never accepted"
        case "UNCERTAIN" if not known.is_unknowable:
            yield f"parked ({notice.reason}), and it could be known"
        case "DEAD":
            yield from _broken_by_a_dead_one(notice, known)
        case "SENT" | "UNCERTAIN":
            pass
        case state:
            yield f"never mailed: {state} ({notice.reason})"


def _broken_by_a_dead_one(notice: Notice, known: Dialogues) -> Iterator[str]:
    if known.accepted:
        yield f"dead ({notice.reason}), and mailed"
    if notice.reason not in known.answers or not notice.reason.startswith("5"):
        yield f"dead ({notice.reason}), which the peer never said"


def _accepted(mails: Path) -> Counter[str]:
    lines = map(json.loads, mails.read_text("utf-8").splitlines())
    return Counter(line["key"].removeprefix("mail ") for line in lines)


def _talks(dialogues: Path) -> defaultdict[str, list[dict[str, Any]]]:
    found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in map(json.loads, dialogues.read_text("utf-8").splitlines()):
        found[line["to"]].append(line)
    return found


def _by_the_checker(mails: Path) -> list[str]:
    """The same log, judged by the one who knows nothing of mails."""
    found = check([(str(mails), texts_of(str(mails)))], Options())
    return [f"the checker found {count} {rule}" for rule, count in found.findings.counts.items()]
