"""What a person looks at and orders: how it stands, approvals, parked notices, forgetting."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from cronfleet.apps.password_expiry.care.parked import Forgotten, Parked
from cronfleet.apps.password_expiry.databases.databases import OddValueError
from cronfleet.apps.password_expiry.outbox.notices import Outbox
from cronfleet.apps.password_expiry.outbox.records import Approval, Hold, Records, Run
from cronfleet.apps.password_expiry.outbox.states import Decision, NoticeState
from cronfleet.apps.password_expiry.outbox.suppression import Suppressed, newest_in
from cronfleet.apps.password_expiry.outbox.values import Notice, in_ascii

MOST_PARKED = 1000
MOST_SUPPRESSED = 10_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """Whether mails may leave, as far as settings say.

    With `needs_approval`, a first run is dry until somebody approves; `dry_run` is the setting.
    """

    needs_approval: bool
    dry_run: bool | None

    def is_dry(self, approval: Approval | None) -> bool:
        """Whether nothing is sent."""
        if self.dry_run is not None:
            return self.dry_run
        return self.needs_approval and approval is None

    @property
    def waits(self) -> bool:
        """Whether an approval would change anything."""
        return self.needs_approval and self.dry_run is None


@dataclass(frozen=True, slots=True)
class Report:
    """How it stands."""

    is_dry: bool
    approval: Approval | None
    holds: Sequence[Hold]
    counts: dict[str, int]
    runs: Sequence[Run]


class Keeper:
    """Of one outbox, which is prepared. Every method raises `DatabaseError`, and blocks."""

    def __init__(self, outbox: Outbox, allowance: Allowance) -> None:
        self._outbox = outbox
        self._allowance = allowance
        self.records: Records = Records(outbox.database)
        self._parked = Parked(outbox.database)

    def is_dry(self) -> bool:
        """Whether nothing is sent, by the settings and by what was approved."""
        waits = self._allowance.waits
        return self._allowance.is_dry(self.records.first_approval() if waits else None)

    def follow_settings(self) -> None:
        """DRY_RUN=false is an approval of the first run, and is kept as one."""
        if self._allowance.needs_approval and self._allowance.dry_run is False:
            self.records.allow_first_run("DRY_RUN=false", "by the settings")

    def report(self) -> Report:
        """How it stands."""
        counts = self._outbox.counts()
        return Report(
            is_dry=self.is_dry(),
            approval=self.records.first_approval(),
            holds=self.records.standing(),
            counts={state.value: count for state, count in counts.items()},
            runs=self.records.runs(),
        )

    def to_approve(self) -> list[str]:
        """What an approval would allow, in words."""
        return self._in_words(self.records.standing())

    def approve(self, who: str, why: str, seen: Collection[int] | None = None) -> list[str]:
        """Allow that mails are sent, and those that are held now; what that was, in words.

        Of what is held only what was `seen`, by its numbers, if that is given.
        """
        holds = [hold for hold in self.records.standing() if seen is None or hold.id in seen]
        told = self._in_words(holds)
        numbers = [hold.id for hold in holds]
        try:
            self.records.approve(who, why, numbers)
        except OddValueError:  # The database has no such letters.
            self.records.approve(in_ascii(who), in_ascii(why), numbers)
        return told

    def parked(self) -> list[Notice]:
        """The notices of which nobody knows whether they arrived, those of last first."""
        return self._outbox.recent(MOST_PARKED, NoticeState.UNCERTAIN)

    def find(self, notice: str) -> Notice | None:
        """A notice by its id."""
        return self._parked.find(notice)

    def decide(self, notice: str, decision: Decision, who: str, why: str) -> Notice:
        """See `Parked.decide`."""
        try:
            return self._parked.decide(notice, decision, who, why)
        except OddValueError:  # The database has no such letters.
            return self._parked.decide(notice, decision, in_ascii(who), in_ascii(why))

    def forget(self, user: str, address: str | None = None) -> Forgotten:
        """See `Parked.forget`. What a crash has left is not under way."""
        self._outbox.reap()
        return self._parked.forget(user, address)

    def suppressed(self) -> list[Suppressed]:
        """The addresses that no mail is sent to, those of last first."""
        with self._outbox.database.begin(only_reads=True) as connection:
            return newest_in(connection, MOST_SUPPRESSED)

    def unsuppress(self, address: str) -> bool:
        """See `Outbox.unsuppress`."""
        return self._outbox.unsuppress(address)

    def _in_words(self, holds: Sequence[Hold]) -> list[str]:
        told = [f"held since {hold.at:%Y-%m-%d %H:%M} UTC: {hold.said}" for hold in holds]
        is_first = self._allowance.waits and self.records.first_approval() is None
        return ["the first run: mails are sent from now on", *told] if is_first else told
