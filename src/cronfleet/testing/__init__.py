"""For tests: simulated time for those who write jobs, a conformance suite for those who write stores."""

from __future__ import annotations

from cronfleet.errors import SimulationError
from cronfleet.testing.simulation import AsyncSimulation, SimulatedTime, Simulation, stub

__all__ = ["AsyncSimulation", "SimulatedTime", "Simulation", "SimulationError", "stub"]
