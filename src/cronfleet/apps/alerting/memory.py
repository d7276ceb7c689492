"""What was told to whom, and what there is to tell since. Pure.

It is kept in the arguments of the job that tells, which the store keeps for the whole fleet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from cronfleet.apps.alerting.conditions import Condition

Told: TypeAlias = Mapping[str, str]
"""By title: since when it is known that it stands; empty for what has happened."""


@dataclass(frozen=True, slots=True)
class Over:
    """A condition that was told, and stands no more."""

    title: str
    since: str


@dataclass(frozen=True, slots=True)
class News:
    """What is to be told through one channel."""

    begun: Sequence[Condition]
    over: Sequence[Over]

    def __bool__(self) -> bool:
        return bool(self.begun or self.over)


def news(told: Told, standing: Sequence[Condition]) -> News:
    """What somebody who was told this has not heard yet."""
    titles = {each.title for each in standing}
    over = [Over(title, since) for title, since in told.items() if since and title not in titles]
    return News([each for each in standing if each.title not in told], over)


def told_now(told: Told, standing: Sequence[Condition], at: str) -> Told:
    """What somebody has heard who was told the news."""
    return {each.title: told.get(each.title, "" if each.is_event else at) for each in standing}


def read(args: Mapping[str, Any], channel: str) -> Told:
    """What was told through a channel, by the arguments of the job."""
    told: Mapping[str, Mapping[str, str]] = args.get("told", {})
    return told.get(channel, {})
