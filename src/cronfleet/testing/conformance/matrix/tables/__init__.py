"""All tables of the matrix. A new operation of the contract gets its own here."""

from __future__ import annotations

from cronfleet.testing.conformance.matrix.cells import Operation
from cronfleet.testing.conformance.matrix.tables.claims import CLAIMS
from cronfleet.testing.conformance.matrix.tables.defining import DEFINING
from cronfleet.testing.conformance.matrix.tables.jobs import JOBS
from cronfleet.testing.conformance.matrix.tables.orders import ORDERS
from cronfleet.testing.conformance.matrix.tables.resets import RESETS
from cronfleet.testing.conformance.matrix.tables.runs import RUNS
from cronfleet.testing.conformance.matrix.tables.sessions import SESSIONS
from cronfleet.testing.conformance.matrix.tables.shards import SHARDS

__all__ = ["OPERATIONS"]

OPERATIONS: tuple[Operation, ...] = (
    *SESSIONS,
    *JOBS,
    *DEFINING,
    *CLAIMS,
    *RUNS,
    *ORDERS,
    *SHARDS,
    *RESETS,
)
