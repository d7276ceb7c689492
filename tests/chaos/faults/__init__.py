"""What strikes the fleet. A module with more kinds is imported here, and nothing else is to do."""

from __future__ import annotations

from tests.chaos.faults import clocks, deaths, deploys, freezes, network, orders, outages, room
from tests.chaos.faults.registry import FAULTS, Fault

__all__ = [
    "FAULTS",
    "Fault",
    "clocks",
    "deaths",
    "deploys",
    "freezes",
    "network",
    "orders",
    "outages",
    "room",
]
