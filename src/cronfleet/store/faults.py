"""What may be wrong with what a store has on record, and how it is mended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FaultKind(StrEnum):
    """An invariant that does not hold."""

    SETTLED_EXPECTED = "settled_expected"
    FUTURE_WATERMARK = "future_watermark"
    ACTIVE_COUNT = "active_count"
    NEEDLESS_WAIT = "needless_wait"
    REMOVED_RUN = "removed_run"
    NO_DEFINITION = "no_definition"
    RUN_SESSION = "run_session"
    RUN_END = "run_end"
    SHARDS = "shards"
    RUN_TOKEN = "run_token"  # noqa: S105 - a fencing token
    SESSION_EXPIRY = "session_expiry"
    INDEX = "index"
    CLOCK = "clock"
    FILE = "file"


_TEXTS = {
    FaultKind.SETTLED_EXPECTED: (
        "it expects a tick that is settled already",
        "expect the first fire time after now and after the watermark",
    ),
    FaultKind.FUTURE_WATERMARK: (
        "its watermark is more than a minute in the future, and no tick runs before it",
        "set the watermark to now and expect the next fire time; what has a run does not run again",
    ),
    FaultKind.ACTIVE_COUNT: (
        "its active count is not the number of its active runs",
        "count them",
    ),
    FaultKind.NEEDLESS_WAIT: (
        "runs wait although there is room for them",
        "make as many of them pending as there is room for, the oldest first",
    ),
    FaultKind.REMOVED_RUN: (
        "it waits for its turn although its job was removed",
        "end it as the removal would have: waiting runs are skipped, pending ones cancelled",
    ),
    FaultKind.NO_DEFINITION: (
        "its definition is not in the store",
        "start an instance that has the job: it is stored again when it is declared",
    ),
    FaultKind.RUN_SESSION: (
        "its session does not fit its state",
        "a claimed run goes back, a started one is lost, any other gives its session up",
    ),
    FaultKind.RUN_END: (
        "its end does not fit its state",
        "an ended run ends now, any other has no end",
    ),
    FaultKind.SHARDS: (
        "its counts are not those of its shards that have ended",
        "count them, a missing one as lost; with the last of them it ends",
    ),
    FaultKind.RUN_TOKEN: (
        "its token is above the last that the fleet gave out",
        "raise the fleet's last token",
    ),
    FaultKind.SESSION_EXPIRY: (
        "it ends further ahead than its TTL: the clock was set back",
        "let it end a TTL from now, unless it is renewed",
    ),
    FaultKind.INDEX: (
        "an index does not agree with the records",
        "correct the index by the records",
    ),
    FaultKind.CLOCK: (
        "the store's clock is behind this machine's, and watermarks are ahead of it",
        "set the clocks right first; no watermark is moved before",
    ),
    FaultKind.FILE: ("its file is damaged", "put a backup in its place, and adopt it"),
}

BY_HAND = frozenset({FaultKind.NO_DEFINITION, FaultKind.CLOCK, FaultKind.FILE})
"""What no store can mend by itself."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is not as it must be."""

    kind: FaultKind
    where: str
    """As in `job report`, `run report@1`, `session 0a..`, `fleet`."""
    mended: bool = False
    detail: str = ""

    @property
    def what(self) -> str:
        said, _ = _TEXTS[self.kind]
        return f"{said} ({self.detail})" if self.detail else said

    @property
    def repair(self) -> str:
        """What a repair does, or what a person must do."""
        return _TEXTS[self.kind][1]
