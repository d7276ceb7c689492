"""The instances at work: heard of when, and what they hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from cronfleet import InstanceInfo
from cronfleet.server.pages.concerns import is_silent, silence_of
from cronfleet.server.pages.fleet import Fleet


@dataclass(frozen=True, slots=True)
class InstanceRow:
    """An instance as its page shows it."""

    instance: InstanceInfo
    silence: timedelta
    word: str
    """What its state is called."""
    has_old_zones: bool
    """Others have newer zone rules: it claims only jobs in UTC."""


def instance_rows(fleet: Fleet) -> Sequence[InstanceRow]:
    """By program and label."""
    newest = max((each.tzdata for each in fleet.instances), default="")
    return [
        InstanceRow(each, silence_of(each, fleet), _word(each, fleet), each.tzdata < newest)
        for each in sorted(fleet.instances, key=lambda each: (each.program, each.label))
    ]


def _word(instance: InstanceInfo, fleet: Fleet) -> str:
    if instance not in fleet.at_work:
        return "lease_over"
    return "not_heard_from" if is_silent(instance, fleet) else "ready"
