"""What every store must do, said once. A store passes by subclassing `StoreConformance`."""

from __future__ import annotations

from cronfleet.testing.conformance.backfills import BackfillTests
from cronfleet.testing.conformance.cancels import CancelTests
from cronfleet.testing.conformance.defining import (
    DefineTests,
    RemoveTests,
    RollBackTests,
    UndeclaredTests,
)
from cronfleet.testing.conformance.hints import HintTests
from cronfleet.testing.conformance.history import HistoryTests
from cronfleet.testing.conformance.jobs import JobTests
from cronfleet.testing.conformance.lock_answers import LockMatrixTests
from cronfleet.testing.conformance.locks import LockTests
from cronfleet.testing.conformance.logs import LogTests
from cronfleet.testing.conformance.matrix import MatrixTests
from cronfleet.testing.conformance.orders import AuditTests, SkipTests, TriggerTests
from cronfleet.testing.conformance.overlap import OverlapTests
from cronfleet.testing.conformance.pauses import PauseEndTests, PauseTests
from cronfleet.testing.conformance.promises import PromiseTests
from cronfleet.testing.conformance.replacing import ReplaceTests
from cronfleet.testing.conformance.resets import (
    AdoptTests,
    ClearTests,
    LivedTests,
    SettleTests,
)
from cronfleet.testing.conformance.runs import CompleteTests, StartTests, SweepTests
from cronfleet.testing.conformance.sessions import SessionTests
from cronfleet.testing.conformance.shards import ShardTests
from cronfleet.testing.conformance.ticks import ClaimTests, PeekTests

__all__ = ["StoreConformance"]


class StoreRules(
    SessionTests,
    JobTests,
    RollBackTests,
    DefineTests,
    RemoveTests,
    UndeclaredTests,
    PeekTests,
    ClaimTests,
    OverlapTests,
    ReplaceTests,
    StartTests,
    CompleteTests,
    SweepTests,
    ShardTests,
    TriggerTests,
    PauseTests,
    PauseEndTests,
    SkipTests,
    CancelTests,
    BackfillTests,
    AuditTests,
    HistoryTests,
    LogTests,
    HintTests,
    PromiseTests,
    LivedTests,
    SettleTests,
    ClearTests,
    AdoptTests,
    LockTests,
):
    """The suite without its tables, each of whose lines says every detail of one answer."""


class StoreConformance(StoreRules, MatrixTests, LockMatrixTests):
    """Subclass, and override the fixture `store` with one that takes its time from `clock`."""
