"""Which late effects are excused: those of an instance that could not keep its session.

It stood still, or was cut off from the store: so others closed its session and took its runs, and
what its handlers did afterwards came late. How long after a stall that can be follows from the
design. A session is renewed every third of its TTL; a call that is not answered is given up after
a quarter; and an instance believes in its session for a tenth less than the store does, its
margin. Who stands still for less than that is late for nothing: it is not written down, and so
each bound leaves room for one such moment.

- **Too short.** A session outlives whatever strikes one renewal alone: two in a row have to fail,
  which are a third of a TTL apart.
- **Since when.** The last renewal was sent a third of a TTL before it struck, at the most. So the
  session expires, and others close it, two thirds of a TTL after it struck, at the earliest.
- **Until when.** When it is over the session is renewed within a third and a quarter, or is closed
  by then. Stalls with less than that between them are one. Whoever closes it sweeps its runs at
  once; if he dies in between, another does within a TTL and a call.
- **What.** A handler with `on_lost="abandon"` goes on when the session is lost: whatever it does
  from then on is late, and is excused. One with `"rerun"` is stopped at its own instance's
  deadline, which is the margin before others may close the session, and for that no store has to
  answer. So being cut off is no excuse for it: it is late only if its instance stood still from
  before its run was another's until it had the effect.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from cronfleet_verify.findings import Finding
from tests.chaos.jobs import RERUN
from tests.chaos.stalls import STILL, Stall
from tests.chaos.store_clock import Off

UNSEEN_OF_TTL = 0.1
"""Stalls that are no longer than the margin need no excuse, and are none."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the module's text says, in ms."""

    ttl_ms: int

    @property
    def unseen_ms(self) -> int:
        return round(UNSEEN_OF_TTL * self.ttl_ms)

    @property
    def shortest_ms(self) -> int:
        """Less than that costs no session."""
        return self.ttl_ms // 3 - self.unseen_ms

    @property
    def soonest_ms(self) -> int:
        """After it struck nobody closes the session before that."""
        return self.ttl_ms - self.ttl_ms // 3 - self.unseen_ms

    @property
    def renewed_ms(self) -> int:
        """After it is over the session is renewed within that."""
        return self.ttl_ms // 3 + self.ttl_ms // 4 + self.unseen_ms

    @property
    def swept_ms(self) -> int:
        """After it is over the runs of a session that it cost are taken back within that."""
        return self.renewed_ms + self.ttl_ms + self.ttl_ms // 4


class Span(NamedTuple):
    since: int
    until: int


class Excuses:
    """All that is known of stalls."""

    def __init__(self, stood: Iterable[Stall], ttl_ms: int, store_was_off: Sequence[Off]) -> None:
        self._bounds = Bounds(ttl_ms)
        self._store_was_off = store_was_off
        away: dict[str, list[Span]] = defaultdict(list)
        still: dict[str, list[Span]] = defaultdict(list)
        for stall in stood:
            away[stall.instance].append(Span(stall.since, stall.until))
            if stall.kind == STILL:
                still[stall.instance].append(Span(stall.since, stall.until))
        renewed_ms, unseen_ms = self._bounds.renewed_ms, self._bounds.unseen_ms
        self._away = {who: _joined(spans, renewed_ms) for who, spans in away.items()}
        self._still = {who: _joined(spans, unseen_ms) for who, spans in still.items()}

    def holds(self, finding: Finding) -> bool:
        """Shown are the effect that came late, and what says that the run was another's by then."""
        late, gone = (json.loads(quote.text) for quote in finding.shown[:2])
        when = self._when(gone)
        if not self._could_lose_its_session(str(late.get("instance")), when):
            return False
        return _may_go_on(gone) or self._stood_still(late, when)

    def _could_lose_its_session(self, instance: str, when: Span) -> bool:
        bounds = self._bounds
        return any(
            away.until - away.since >= bounds.shortest_ms
            and away.since + bounds.soonest_ms <= when.until
            and when.since <= away.until + bounds.swept_ms
            for away in self._away.get(instance, ())
        )

    def _stood_still(self, late: dict[str, Any], when: Span) -> bool:
        """From before the run was another's until a moment before the effect."""
        return any(
            still.since <= when.until and late["at"] <= still.until + self._bounds.unseen_ms
            for still in self._still.get(str(late.get("instance")), ())
        )

    def _when(self, gone: dict[str, Any]) -> Span:
        """It was another's, as exactly as that is known: a record has the store's time."""
        if gone.get("line") != "run":
            return Span(gone["at"], gone["at"])
        at = gone["ended_at"]
        near = [off.off_ms for off in self._store_was_off if off.may_be_near(at)]
        return Span(at - max([0, *near]), at - min([0, *near]))


def _may_go_on(gone: dict[str, Any]) -> bool:
    """Whether its run is lost, and not handed on to another."""
    return gone.get("line") == "run" and not gone["run"].startswith(RERUN)


def _joined(spans: Iterable[Span], gap_ms: int) -> list[Span]:
    """In order; those with no more than that between them are one."""
    joined: list[Span] = []
    for span in sorted(spans):
        if joined and span.since <= joined[-1].until + gap_ms:
            joined[-1] = Span(joined[-1].since, max(joined[-1].until, span.until))
        else:
            joined.append(span)
    return joined
