"""What a run would make and send, without making or sending anything."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from cronfleet.apps.mailing.addresses import is_reachable
from cronfleet.apps.password_expiry.outbox.canary import Canary
from cronfleet.apps.password_expiry.outbox.notices import Outbox
from cronfleet.apps.password_expiry.outbox.records import Records
from cronfleet.apps.password_expiry.outbox.states import NoticeState
from cronfleet.apps.password_expiry.users.copies import is_copy, recipient_of
from cronfleet.apps.password_expiry.users.judging import Judge
from cronfleet.apps.password_expiry.users.policy import NoticeKey, User
from cronfleet.apps.password_expiry.users.source import UserPage, UserSource

SHOWN = 20

_WOULD_BE_SENT = (None, NoticeState.CANCELLED, NoticeState.PENDING, NoticeState.LEASED)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A user who is due, and the notice."""

    user: User
    key: NoticeKey


@dataclass(slots=True)
class Foreseen:
    """What a run would come to; `first` are those whom it would mail first.

    `unreachable` are new notices without an address that a mail can go to. `reopened` are those that
    would be to be sent again because only the mailbox has had them, whoever is due. So many of those
    made would be `copies` for managers.
    """

    users: int = 0
    due: int = 0
    made: int = 0
    to_send: int = 0
    bad_rows: int = 0
    unreachable: int = 0
    reopened: int = 0
    copies: int = 0
    held: str | None = None
    first: list[Chosen] = field(default_factory=list[Chosen])


class Foresight:
    """Over users; without an outbox nobody has been mailed."""

    def __init__(
        self, users: UserSource, judge: Judge, outbox: Outbox | None, *, reaches_people: bool
    ) -> None:
        self._users = users
        self._judge = judge
        self._outbox = outbox
        self._reaches_people = reaches_people

    def look(self, canary: Canary | None, most: int, told: Callable[[int], object]) -> Foreseen:
        """What a run would do; `told` is how many users are read so far.

        `most` is how many of those whom it would mail `first` are named.

        Raises `DatabaseError`, and blocks.
        """
        found = Foreseen()
        after: object = None
        while (page := self._users.page(after)).users:
            after = page.last_id
            self._note(page, found, most)
            told(found.users)
        if canary:
            self._foresee_hold(canary, found)
        return found

    def _foresee_hold(self, canary: Canary, found: Foreseen) -> None:
        """As the run will: by all that it makes and what earlier ones left, beside what is usual."""
        made = found.made
        usual: Sequence[int] = ()
        if self._outbox is not None:
            carried, usual = Records(self._outbox.database).before()
            found.reopened = self._outbox.only_in_mailbox() if self._reaches_people else 0
            made += found.reopened + carried
        found.held = canary.why_held(found.users, made, usual, found.copies)

    def _note(self, page: UserPage, found: Foreseen, most: int) -> None:
        judged = self._judge.page(page)
        keys = list(judged.due)
        found.users += len(page.users)
        found.due += len(keys)
        found.bad_rows += len(judged.bad)
        states = self._states_of(keys)
        mended = self._mended(judged.due, states)
        waiting = [
            Chosen(user, key)
            for key, user in judged.due.items()
            if states.get(key) in _WOULD_BE_SENT or key in mended
        ]
        sends = self._reachable(waiting)
        found.unreachable += len(waiting) - len(sends)
        found.to_send += len(sends)
        found.made += sum(states.get(key) in (None, NoticeState.CANCELLED) for key in keys)
        found.made += len(mended)
        found.copies += sum(key not in states and is_copy(key) for key in keys)
        found.first += sends[: most - len(found.first)]

    def _states_of(self, keys: Sequence[NoticeKey]) -> dict[NoticeKey, NoticeState]:
        if self._outbox is None or not keys:
            return {}
        return self._outbox.states_of(keys, for_people=self._reaches_people)

    def _mended(
        self, due: Mapping[NoticeKey, User], states: Mapping[NoticeKey, NoticeState]
    ) -> set[NoticeKey]:
        """Those that were dead for their address, which is a good one now."""
        dead = [key for key in due if states.get(key) is NoticeState.DEAD]
        if self._outbox is None or not dead:
            return set()
        bad = self._outbox.badly_addressed(dead)
        return {each.key for each in self._reachable([Chosen(due[key], key) for key in bad])}

    def _reachable(self, waiting: Sequence[Chosen]) -> list[Chosen]:
        addresses = {each.key: recipient_of(each.user, each.key) for each in waiting}
        suppressed: Collection[str] = ()
        if self._outbox is not None and self._reaches_people:
            suppressed = self._outbox.suppressed(list(addresses.values()))
        return [
            each
            for each in waiting
            if (address := addresses[each.key]) not in suppressed
            and is_reachable(address, reaches_people=self._reaches_people)
        ]
