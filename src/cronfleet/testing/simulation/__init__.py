"""Simulated time: a scheduler's year in seconds, with the engine that runs it in production.

The instances, their policies and the store are the real ones; what is simulated is the event
loop's time (`loop`), the clock and the renewals (`world`, `renewing`). See docs/testing.md.
"""

from __future__ import annotations

from cronfleet.testing.simulation.faces import AsyncSimulation, SimulatedTime, Simulation
from cronfleet.testing.simulation.stubs import stub

__all__ = ["AsyncSimulation", "SimulatedTime", "Simulation", "stub"]
