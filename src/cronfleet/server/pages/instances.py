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
    is_silent: bool
    has_old_zones: bool
    """Others have newer zone rules: it claims only jobs in UTC."""


def instance_rows(fleet: Fleet) -> Sequence[InstanceRow]:
    """By program and label."""
    newest = max((each.tzdata for each in fleet.instances), default="")
    return [
        InstanceRow(each, silence_of(each, fleet), is_silent(each, fleet), each.tzdata < newest)
        for each in sorted(fleet.instances, key=lambda each: (each.program, each.label))
    ]
