"""What the outbox says of each user, beside what Postfix took."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from tests.chaos.outbox.users import OutboxRow


@dataclass(frozen=True, slots=True)
class Taken:
    """A mail that was delivered: its name in the queue, to whom, and of which notice it is."""

    queue_id: str
    recipient: str
    notice: str


@dataclass
class Verdict:
    """What was found. `wrong` has a line for each rule that is broken."""

    wrong: list[str] = field(default_factory=list[str])
    states: Counter[str] = field(default_factory=Counter[str])
    mails: int = 0
    surplus: int = 0
    """Mails beyond the first, of all users together."""
    parked_taken: int = 0
    """Of the notices of which it is not known: how many mails had been taken indeed."""
    delivered_again: int = 0
    """So many times Postfix delivered what it had delivered: that is not the sender's doing."""


def judge(
    users: Collection[str], outbox: Sequence[OutboxRow], delivered: Sequence[Taken], most: int
) -> Verdict:
    """`users` are addresses, all of whom are due; `most` notices may be parked."""
    taken = set(delivered)
    by_notice = Counter(mail.notice for mail in taken)
    by_user = Counter(mail.recipient for mail in taken)
    verdict = Verdict(mails=len(taken), delivered_again=len(delivered) - len(taken))
    verdict.surplus = sum(count - 1 for count in by_user.values())
    for row in outbox:
        verdict.states[row.state] += 1
        verdict.parked_taken += row.state == "UNCERTAIN" and by_notice[row.id] > 0
        verdict.wrong += [f"{row.address}: {rule}" for rule in _broken(row, by_notice[row.id])]
    verdict.wrong += [*_of_users(users, outbox, by_user), *_strange(outbox, taken)]
    if (parked := verdict.states["UNCERTAIN"]) > most:
        verdict.wrong.append(f"{parked} notices are parked, and {most} at most were under way")
    return verdict


def _broken(row: OutboxRow, mails: int) -> Iterator[str]:
    match row.state:
        case "SENT":
            if mails == 0:
                yield "sent on record, and never taken"
        case "UNCERTAIN":
            if not row.reason:
                yield "parked without a reason"
        case state:
            yield f"never settled: {state} ({row.reason})"


def _of_users(
    users: Collection[str], outbox: Sequence[OutboxRow], mails: Counter[str]
) -> Iterator[str]:
    notices = Counter(row.address for row in outbox)
    for user in users:
        if notices[user] != 1:
            yield f"{user}: has {notices[user]} notices"
        if mails[user] > 1:
            yield f"{user}: mailed {mails[user]} times"
    for stranger in sorted((notices.keys() | mails.keys()) - set(users)):
        yield f"{stranger}: is no user"


def _strange(outbox: Sequence[OutboxRow], taken: Collection[Taken]) -> Iterator[str]:
    """Mails that are not what their notice is."""
    recipients: dict[str, str] = {row.id: row.address for row in outbox}
    files: defaultdict[str, set[Taken]] = defaultdict(set)
    for mail in sorted(taken, key=lambda each: each.queue_id):
        files[mail.queue_id].add(mail)
        if mail.notice not in recipients:
            yield f"{mail.recipient}: mailed without a notice"
        elif recipients[mail.notice] != mail.recipient:
            yield f"{mail.recipient}: got the mail of {recipients[mail.notice]}"
    yield from (f"{name}: one mail for several" for name, mails in files.items() if len(mails) > 1)
