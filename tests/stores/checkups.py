"""A store that has lived a little, and what a look at it finds."""

from __future__ import annotations

from cronfleet.model import Outcome, RunId, RunState, SessionId
from cronfleet.store import Fault, FaultKind, Moved, PendingClaim
from cronfleet.testing.samples import (
    completed,
    granted,
    joined,
    order,
    report,
    started,
    tick,
    triggered,
)
from tests.stores.plants import Planted


async def found(planted: Planted, moved: Moved | None = None) -> list[tuple[FaultKind, str]]:
    """What a look finds; it mends nothing."""
    faults = await planted.store.check("report", moved) + await planted.store.check_fleet()
    assert not any(fault.mended for fault in faults)
    assert all(fault.what and fault.repair for fault in faults)
    return [(fault.kind, fault.where) for fault in faults]


async def mended(planted: Planted, moved: Moved | None = None) -> list[Fault]:
    """What a repair finds, after which all is well."""
    repair = order()
    faults = await planted.store.check("report", moved, repair)
    faults += await planted.store.check_fleet(repair)
    assert await found(planted) == []
    assert "repair" in {each.verb for each in await planted.store.audit()}
    return faults


async def lived(planted: Planted) -> SessionId:
    """A session with a run in every state that a report may have."""
    anna = await joined(planted.store, "anna", report(limit=3), report("other"))
    claim = await started(planted.store, anna, await granted(planted.store, anna, tick()))
    await completed(planted.store, claim, Outcome.FAILED, error="it burns")
    for _ in range(2):
        run = await triggered(planted.store)
        claim = await started(planted.store, anna, await granted(planted.store, anna, pending(run)))
    await completed(planted.store, claim, Outcome.SUCCEEDED)
    for _ in range(3):
        await triggered(planted.store)
    await granted(planted.store, anna, pending(await triggered(planted.store, "other")))
    return anna


def pending(run: RunId) -> PendingClaim:
    return PendingClaim(run)


async def run_in(planted: Planted, state: RunState) -> RunId:
    runs = await planted.store.runs("report")
    return next(run.id for run in runs if run.state is state)
