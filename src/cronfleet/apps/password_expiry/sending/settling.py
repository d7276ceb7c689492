"""Writing down how the notices of a run ended, and counting it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from cronfleet.apps.password_expiry.databases.databases import OddValueError
from cronfleet.apps.password_expiry.outbox.moves import Move, PutOff, Rest, Settle, TakeBack
from cronfleet.apps.password_expiry.outbox.states import NoticeState
from cronfleet.apps.password_expiry.outbox.suppression import GONE, fingerprint
from cronfleet.apps.password_expiry.outbox.values import in_ascii
from cronfleet.apps.password_expiry.sending.gathering import Gathering
from cronfleet.apps.password_expiry.sending.requests import Answer, Held, Written
from cronfleet.context import LogAdapter


class Settling:
    """One run's ends. `counted` is what became of its notices, as far as that is written.

    Nothing here waits: the write is made with the next round, and `fails` is told of its failure.
    """

    def __init__(
        self, gathering: Gathering, log: LogAdapter, fails: Callable[[BaseException], object]
    ) -> None:
        self.counted: Counter[NoticeState] = Counter()
        self._gathering = gathering
        self._log = log
        self._fails = fails

    def settle(self, held: Held, to: NoticeState, reason: str = "") -> None:
        """How it ended."""
        self._write(held, Settle(to, reason))

    def suppress(self, held: Held, address: str, reason: str) -> None:
        """It is dead, and so is whatever else would be sent to that address."""
        settled = Settle(NoticeState.DEAD, f"{GONE}{reason}", fingerprint(address))
        self._write(held, settled)

    def put_off(self, held: Held, reason: str) -> None:
        """A passing failure."""
        self._write(held, PutOff(reason))

    def rest(self, held: Held, reason: str) -> None:
        """A failure that the notice was not to blame for."""
        self._write(held, Rest(reason))

    def take_back(self, held: Held, reason: str, *, has_others: bool) -> None:
        """What was settled as dead was not to blame."""
        self._write(held, TakeBack(reason, has_others))

    def give_back(self, held: Held) -> None:
        """Leave a notice as it was found. If that fails its lease runs out, and means the same."""
        self._gathering.write(held, Settle(NoticeState.PENDING))

    def give_up(self, held: Held) -> None:
        """Leave a mail in the middle: before the hand-off nothing was sent; after it, who knows."""
        move = Settle(NoticeState.PENDING)
        if held.is_handed_off:
            move = Settle(NoticeState.UNCERTAIN, "stopped before the answer")
        self._gathering.write(held, move).add_done_callback(partial(self._given_up, held))

    def count(self, held: Held, written: Written) -> None:
        """Count a notice, and tell of it unless it was sent."""
        user = held.lease.key.user
        if written.to is None:
            self._log.warning("user %r: the lease of the notice ran out", user)
            return
        self.counted[written.to] += 1
        if written.to is not NoticeState.SENT:
            told = written.reason or "given back"
            self._log.warning("user %r: the notice is %s: %s", user, written.to, told)

    def _write(self, held: Held, move: Move) -> None:
        answer = self._gathering.write(held, move)
        answer.add_done_callback(partial(self._written, held, move))

    def _written(self, held: Held, move: Move, answer: Answer) -> None:
        if answer.cancelled():
            return
        if error := answer.exception():
            if isinstance(error, OddValueError) and not move.reason.isascii():
                # The database has no such letters: what became of the mail matters more.
                self._write(held, replace(move, reason=in_ascii(move.reason)))
                return
            self._fails(error)
            if isinstance(error, OddValueError):  # Less can be said of it, then.
                self.give_up(held)
        elif not isinstance(move, TakeBack):
            self.count(held, answer.result())
        elif answer.result().to is not None:
            self.counted[NoticeState.DEAD] -= 1
            self.count(held, answer.result())

    def _given_up(self, held: Held, answer: Answer) -> None:
        if not answer.cancelled() and not answer.exception():
            self.count(held, answer.result())  # Else the lease runs out, and means the same.
