"""Where a notice may stand, and what may follow: the only list."""

from __future__ import annotations

from enum import StrEnum


class NoticeState(StrEnum):
    """Where a notice stands. What may follow what is in `TRANSITIONS`."""

    PENDING = "PENDING"  # to be sent, perhaps not before an instant
    LEASED = "LEASED"  # a run has it, and has handed nothing over
    HANDOFF = "HANDOFF"  # the mail may have been accepted
    SENT = "SENT"  # it was accepted
    DEAD = "DEAD"  # it never will be: refused, a bad address, or put off for a day
    UNCERTAIN = "UNCERTAIN"  # it may have been accepted, and nobody will say
    CANCELLED = "CANCELLED"  # no longer due when its turn came; made again if it is once more


_S = NoticeState
TRANSITIONS: dict[NoticeState, frozenset[NoticeState]] = {
    _S.PENDING: frozenset({_S.LEASED}),
    _S.LEASED: frozenset({_S.PENDING, _S.HANDOFF, _S.DEAD, _S.CANCELLED}),
    _S.HANDOFF: frozenset({_S.SENT, _S.PENDING, _S.DEAD, _S.UNCERTAIN}),
    # An answer that came late, to the very lease that asked.
    _S.UNCERTAIN: frozenset({_S.SENT, _S.PENDING, _S.DEAD}),
    _S.CANCELLED: frozenset({_S.PENDING}),
    _S.SENT: frozenset(),
    _S.DEAD: frozenset(),
}
"""The states that may follow each state under a lease; whatever is not in here is refused.

Without one, the outbox itself makes a notice PENDING again: a CANCELLED one that is due once more,
a DEAD one whose address was bad or suppressed and is no longer, or that a person resends, and one
that only a mailbox has taken when mails begin to reach people. A DEAD one may be taken back by the run that settled it: when the first
mails are all refused alike, it was not the recipients who were refused.
"""


class Decision(StrEnum):
    """What a person may decide about a notice that is UNCERTAIN; to resend, of a DEAD one as well."""

    APPROVE = "approve"  # it arrived
    RESEND = "resend"  # it did not, or twice does no harm
    DROP = "drop"  # it is not to be sent any more


DECISIONS: dict[Decision, NoticeState] = {
    Decision.APPROVE: _S.SENT,
    Decision.RESEND: _S.PENDING,
    Decision.DROP: _S.DEAD,
}
"""What a decision makes of it: what a late answer could, too.

To forget a person leaves a SENT notice as it is, and makes any other DEAD unless it is being sent.
"""
